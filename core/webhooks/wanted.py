"""Which events somebody asks for: to read them, or to have them sent again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events: those that fit all that is given.

    Attributes:
        types: Of one of these types.
        object_id: About this object.
        session_id: About this session, its order, or an operation that led to it or ended it.
        station_ids: At one of these stations.
        since: Written at or after this instant.
        until: Written before this instant.
    """

    types: Sequence[str] | None = None
    object_id: str | None = None
    session_id: str | None = None
    station_ids: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether an index leads to the few events that fit."""
        return self.object_id is not None or self.session_id is not None


ALL: Final = Wanted()
