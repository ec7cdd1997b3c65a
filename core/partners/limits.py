"""Use cases of partners' limits: the defaults of the settings, and what an operator changed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.settings import Settings
from core.partners import limit_store, store

HIGHEST: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a partner may do, with all its keys, in both modes, over all nodes (S15).

    Attributes:
        open_streams: Counted by each node for itself.
    """

    requests_per_minute: int
    control_calls_per_minute: int
    stop_calls_per_minute: int
    active_operations: int
    open_reservations: int
    open_streams: int


NAMES: Final = tuple(field.name for field in fields(Limits))


def defaults(settings: Settings) -> Limits:
    """Return the limits of a partner for whom nothing was changed."""
    return Limits(**{name: getattr(settings, name) for name in NAMES})


def effective(settings: Settings, overrides: Mapping[str, int]) -> Limits:
    """Return the limits that hold, given what differs from the defaults."""
    return Limits(**{name: overrides.get(name, getattr(settings, name)) for name in NAMES})


async def of_partner(tx: Tx, settings: Settings, partner_id: str) -> Limits:
    """Return the limits that hold for a partner."""
    return effective(settings, await limit_store.overrides(tx, partner_id))


async def view(tx: Tx, settings: Settings, partner_id: str) -> dict[str, Any]:
    """Return a partner's limits as operators see them.

    Raises:
        PlatformError: ``not_found``.
    """
    await _require_partner(tx, partner_id)
    overrides = await limit_store.overrides(tx, partner_id)
    return {
        "partner_id": partner_id,
        "object": "limits",
        "limits": asdict(effective(settings, overrides)),
        "overrides": overrides,
        "defaults": asdict(defaults(settings)),
    }


async def change(
    tx: Tx, actor: Actor, *, partner_id: str, changes: Mapping[str, int | None]
) -> None:
    """Set the limits that are named; ``None`` gives a default back. In force at once, everywhere.

    Raises:
        PlatformError: ``not_found``; ``invalid_parameter``: an unknown name, or out of range.
    """
    await _require_partner(tx, partner_id)
    for name, value in changes.items():
        if name not in NAMES:
            raise PlatformError("invalid_parameter", f"Limits are: {', '.join(NAMES)}.")
        if value is not None and not 1 <= value <= HIGHEST:
            raise PlatformError("invalid_parameter", f"{name} must be from 1 to {HIGHEST}.")
    before = await limit_store.overrides(tx, partner_id)
    after = {name: value for name, value in (before | dict(changes)).items() if value is not None}
    await limit_store.put_overrides(tx, partner_id, after)
    await audit.record(
        tx, actor, "limits.changed", partner_id, before=dict(before), after=dict(after)
    )


async def _require_partner(tx: Tx, partner_id: str) -> None:
    if await store.partner(tx, partner_id) is None:
        raise not_found("partner")
