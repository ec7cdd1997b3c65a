"""Reading what is known of charging at a charger."""

from collections.abc import Sequence

from core.kernel.db import Tx
from core.smart_charging import store
from core.smart_charging.models import KnownProfile, Limit, ReportedSchedule, VehicleNeeds


async def profiles(tx: Tx, charger_id: str) -> Sequence[KnownProfile]:
    """Return the profiles that a charger accepted or reported."""
    return await store.profiles_of(tx, charger_id)


async def limits(tx: Tx, charger_id: str) -> Sequence[Limit]:
    """Return the limits from outside."""
    return await store.limits_of(tx, charger_id)


async def needs(tx: Tx, charger_id: str) -> Sequence[VehicleNeeds]:
    """Return what the last vehicle of each EVSE told."""
    return await store.needs_of(tx, charger_id)


async def composite_at(tx: Tx, charger_id: str, evse: int) -> ReportedSchedule | None:
    """Return what a charger last said that an EVSE will do."""
    return await store.composite_at(tx, charger_id, evse)
