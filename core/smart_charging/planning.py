"""A schedule for a vehicle that told what it needs: pure (OCPP 2.0.1 K15, ISO 15118-2).

The vehicle gets all that it and its EVSE can do until it leaves. It asks for an amount of energy,
but is not cut off there: what it told is an estimate, and it ends charging by itself.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from core.chargers.models import Connector
from core.smart_charging.facts import Needs
from core.smart_charging.profiles import Period, Profile, ProfileKind, Purpose, RateUnit, Schedule

MAX_DURATION: Final = timedelta(days=7)
NOMINAL_VOLTAGE_V: Final = 230
S_PER_HOUR: Final = 3600
STACK_LEVEL: Final = 0
"""Of every plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A profile for the vehicle's transaction, and whether it will be full in time.

    *in_time* is ``None`` where the vehicle told no departure or no energy.
    """

    profile: Profile
    power_w: int
    in_time: bool | None


def plan(
    needs: Needs,
    connector: Connector | None,
    *,
    profile_id: int,
    evse: int,
    transaction_ref: str,
    now: datetime,
) -> Plan | None:
    """Return the plan for *needs* at *connector*; ``None`` where nothing can flow."""
    made = _alternating(needs, connector) if needs.phases else _direct(needs, connector)
    if made is None:
        return None
    unit, period, power_w = made
    duration = None
    if needs.departure_at is not None and needs.departure_at > now:
        duration = min(needs.departure_at - now, MAX_DURATION)
    in_time = None
    if duration is not None and needs.energy_wh is not None:
        in_time = needs.energy_wh <= power_w * duration.total_seconds() / S_PER_HOUR
    minimum = needs.min_current_a if unit is RateUnit.AMPERE else None
    schedule = Schedule(
        unit=unit,
        periods=(period,),
        start=now,
        duration_s=None if duration is None else max(int(duration.total_seconds()), 1),
        min_rate=None if minimum is None else Decimal(minimum),
    )
    profile = Profile(
        id=profile_id,
        evse=evse,
        purpose=Purpose.TRANSACTION,
        stack_level=STACK_LEVEL,
        kind=ProfileKind.ABSOLUTE,
        transaction_ref=transaction_ref,
        schedule=schedule,
    )
    return Plan(profile=profile, power_w=power_w, in_time=in_time)


def _alternating(needs: Needs, connector: Connector | None) -> tuple[RateUnit, Period, int] | None:
    """Return the limit in A for each phase."""
    volts = needs.phases * NOMINAL_VOLTAGE_V
    limits = [needs.max_current_a]
    if connector is not None:
        limits.append(connector.max_current_a)
        if connector.max_power_w is not None:
            limits.append(connector.max_power_w // volts)
    known = [limit for limit in limits if limit is not None]
    if not known or min(known) <= 0 or min(known) < (needs.min_current_a or 0):
        return None
    limit = min(known)
    return (
        RateUnit.AMPERE,
        Period(start_s=0, limit=Decimal(limit), phases=needs.phases),
        (limit * volts),
    )


def _direct(needs: Needs, connector: Connector | None) -> tuple[RateUnit, Period, int] | None:
    """Return the limit in W."""
    limits = [needs.max_power_w]
    if needs.max_current_a is not None and needs.max_voltage_v is not None:
        limits.append(needs.max_current_a * needs.max_voltage_v)
    if connector is not None:
        limits.append(connector.max_power_w)
    known = [limit for limit in limits if limit is not None]
    if not known or min(known) <= 0:
        return None
    limit = min(known)
    return RateUnit.WATT, Period(start_s=0, limit=Decimal(limit)), limit
