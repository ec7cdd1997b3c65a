"""What chargers report about limits and vehicles, in no protocol's words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.smart_charging.profiles import Profile, RateUnit, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilesReported:
    """One part of a report (2.x); *more* of it follows."""

    charger_id: str
    request: int
    evse: int
    source: str
    profiles: tuple[Profile, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTold:
    """A limit from outside holds at an EVSE, or with 0 for the charger (2.x K12)."""

    charger_id: str
    evse: int
    source: str
    is_grid_critical: bool | None
    schedules: tuple[Schedule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a vehicle told of itself (2.x K15); W, Wh, A, V, percent.

    *phases* is 0 for direct current. *raw* is the message's element.
    """

    phases: int
    departure_at: datetime | None = None
    energy_wh: int | None = None
    min_current_a: int | None = None
    max_current_a: int | None = None
    max_voltage_v: int | None = None
    max_power_w: int | None = None
    soc_percent: int | None = None
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeTold:
    """What a charger says that it will do."""

    charger_id: str
    evse: int
    start: datetime | None
    duration_s: int | None
    unit: RateUnit
    schedule: Schedule
