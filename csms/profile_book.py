"""The profiles of chargers as one node knows them: read when they changed, not for each charger."""

from collections.abc import Mapping, Sequence

from core.chargers import charger_profiles
from core.chargers.charger_profiles import Profile, Rules
from core.chargers.models import Charger
from core.kernel.db import Tx


class ProfileBook:
    """All profiles; those of single chargers by charger."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._followed: int | None = None
        self._shared: Sequence[Profile] = charger_profiles.builtin()
        self._own: Mapping[str, Profile] = {}

    async def refresh(self, tx: Tx) -> None:
        """Read the profiles if any has changed since."""
        version = await charger_profiles.version(tx)
        if version == self._version:
            return
        profiles = await charger_profiles.everything(tx)
        self._shared = [one for one in profiles if one.charger_id is None]
        self._own = {one.charger_id: one for one in profiles if one.charger_id is not None}
        self._version = version

    def has_news(self) -> bool:
        """Tell, once, whether profiles have changed since connections last took their rules."""
        if self._followed == self._version:
            return False
        self._followed = self._version
        return True

    def rules_for(self, charger: Charger) -> Rules:
        """Return the rules of a charger by what it last said of itself."""
        own = self._own.get(charger.id)
        return charger_profiles.rules_for(charger, self._shared if own is None else [own])
