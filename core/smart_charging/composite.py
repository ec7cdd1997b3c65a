"""What a charger should do with all its profiles: one schedule out of many (OCPP 2.0.1 K, 3.6).

Pure. At each instant the highest stack level that says something counts, of each purpose; the
profile of the transaction replaces the default one; of what is left the lowest limit counts. A
default of an EVSE goes before one for all EVSEs; caps of the charger and of the EVSE hold both.
Outside its validity, before its start and after its duration a profile says nothing, and the next
lower level speaks.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final

from core.smart_charging.profiles import (
    WHOLE_CHARGER,
    Period,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
    Recurrence,
    Schedule,
)

DEFAULT_PHASES: Final = 3
MAX_DURATION_S: Final = 7 * 24 * 3600
MAX_CHANGES: Final = 1000
CYCLES: Final = {Recurrence.DAILY: 24 * 3600, Recurrence.WEEKLY: 7 * 24 * 3600}

_CAPS: Final = (Purpose.CHARGER_MAX, Purpose.EXTERNAL)
_TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What converts between A and W: the voltage of a phase in V, and phases if not told."""

    voltage_v: Decimal = Decimal(230)
    phases: int = DEFAULT_PHASES


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The transaction that is going on; relative profiles count from *started_at*."""

    ref: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """From *start_s* on at most *limit*, in the unit of the composite; ``None``: no limit."""

    start_s: int
    limit: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """What holds from *start* for *duration_s* seconds; the first step begins at 0."""

    start: datetime
    duration_s: int
    unit: RateUnit
    steps: tuple[Step, ...]

    def limit_at(self, offset_s: int) -> Decimal | None:
        """Return the limit *offset_s* seconds after the start."""
        index = bisect_right(self.steps, offset_s, key=lambda step: step.start_s) - 1
        return self.steps[index].limit


def composite(
    profiles: Sequence[Profile],
    *,
    evse: int,
    at: datetime,
    duration_s: int,
    unit: RateUnit,
    supply: Supply,
    running: Running | None = None,
) -> Composite:
    """Return what *profiles* together allow an EVSE, or with 0 the whole charger, from *at* on.

    Without a *running* transaction it is what one that begins at *at* would be allowed. Where
    more may change than anybody can look at, it ends earlier.

    Args:
        duration_s: From 1 to seven days.
        supply: Limits in the other unit are converted, and cut to a tenth.
    """
    mine = [profile for profile in profiles if _concerns(profile, evse, running)]
    since = at if running is None else running.started_at
    offsets = {0}
    for profile in mine:
        offsets.update(_changes(profile, at=at, duration_s=duration_s, since=since))
    changes = sorted(offsets)
    if len(changes) > MAX_CHANGES:
        duration_s = changes[MAX_CHANGES]
    steps: list[Step] = []
    for offset_s in changes[:MAX_CHANGES]:
        instant = at + timedelta(seconds=offset_s)
        limit = limit_at(mine, instant, evse=evse, unit=unit, supply=supply, since=since)
        if not steps or steps[-1].limit != limit:
            steps.append(Step(offset_s, limit))
    return Composite(start=at, duration_s=duration_s, unit=unit, steps=tuple(steps))


def limit_at(
    profiles: Iterable[Profile],
    instant: datetime,
    *,
    evse: int,
    unit: RateUnit,
    supply: Supply,
    since: datetime,
) -> Decimal | None:
    """Return the lowest of what counts at *instant*; ``None`` where nothing limits."""
    said: dict[tuple[Purpose, int], tuple[tuple[bool, int], Decimal]] = {}
    for profile in profiles:
        period = active_period(profile, instant, since=since)
        if period is None:
            continue
        rank = (profile.evse == evse, profile.stack_level)
        limit = converted(period, profile.schedule.unit, unit, supply)
        key = (profile.purpose, profile.evse if profile.purpose in _CAPS else evse)
        known = said.get(key)
        if known is None or (rank, -limit) > (known[0], -known[1]):
            said[key] = (rank, limit)
    if (Purpose.TRANSACTION, evse) in said:
        said.pop((Purpose.TRANSACTION_DEFAULT, evse), None)
    return min((limit for _, limit in said.values()), default=None)


def active_period(profile: Profile, instant: datetime, *, since: datetime) -> Period | None:
    """Return the period of *profile* at *instant*, ``None`` where it says nothing.

    Args:
        since: When the transaction began.
    """
    if profile.valid_from is not None and instant < profile.valid_from:
        return None
    if profile.valid_to is not None and instant >= profile.valid_to:
        return None
    schedule = profile.schedule
    start = _start(profile, since)
    elapsed_s = int((instant - start) // timedelta(seconds=1))
    if elapsed_s < 0:
        return None
    if profile.recurrence is not None:
        elapsed_s %= CYCLES[profile.recurrence]
    if schedule.duration_s is not None and elapsed_s >= schedule.duration_s:
        return None
    index = bisect_right(schedule.periods, elapsed_s, key=lambda period: period.start_s) - 1
    return schedule.periods[index] if index >= 0 else None


def converted(period: Period, given: RateUnit, wanted: RateUnit, supply: Supply) -> Decimal:
    """Return the limit of *period* in another unit, cut to a tenth: never more than allowed."""
    if given is wanted:
        return period.limit
    volts = supply.voltage_v * (period.phases or supply.phases)
    limit = period.limit * volts if wanted is RateUnit.WATT else period.limit / volts
    return limit.quantize(_TENTH, ROUND_DOWN)


def exceeds(schedule: Schedule, allowed: Composite, supply: Supply, *, start: datetime) -> bool:
    """Tell whether *schedule*, counted from *start*, asks at some time for more than *allowed*."""
    end_s = allowed.duration_s if schedule.duration_s is None else schedule.duration_s
    shift_s = int((allowed.start - start) // timedelta(seconds=1))
    offsets = {period.start_s for period in schedule.periods}
    offsets |= {step.start_s + shift_s for step in allowed.steps}
    for offset_s in offsets:
        in_allowed = offset_s - shift_s
        if not 0 <= offset_s < end_s or not 0 <= in_allowed < allowed.duration_s:
            continue
        index = bisect_right(schedule.periods, offset_s, key=lambda period: period.start_s) - 1
        limit = allowed.limit_at(in_allowed)
        if index < 0 or limit is None:
            continue
        if converted(schedule.periods[index], schedule.unit, allowed.unit, supply) > limit:
            return True
    return False


def _concerns(profile: Profile, evse: int, running: Running | None) -> bool:
    """Tell whether a profile has a say at *evse*; the whole charger only has caps of its own."""
    if profile.purpose in _CAPS:
        return profile.evse in (WHOLE_CHARGER, evse)
    if evse == WHOLE_CHARGER:
        return False
    if profile.purpose is Purpose.TRANSACTION:
        mine = running is not None and profile.transaction_ref in (None, running.ref)
        return mine and profile.evse == evse
    return profile.evse in (WHOLE_CHARGER, evse)


def _start(profile: Profile, since: datetime) -> datetime:
    if profile.kind is ProfileKind.RELATIVE or profile.schedule.start is None:
        return since
    return profile.schedule.start


def _changes(profile: Profile, *, at: datetime, duration_s: int, since: datetime) -> set[int]:
    """Return the offsets from *at*, within the duration, at which *profile* may say otherwise."""
    second = timedelta(seconds=1)

    def offset(instant: datetime) -> int:
        return -int((at - instant) // second)  # the first whole second at or after it

    found = {offset(edge) for edge in (profile.valid_from, profile.valid_to) if edge is not None}
    schedule = profile.schedule
    within = [period.start_s for period in schedule.periods]
    if schedule.duration_s is not None:
        within.append(schedule.duration_s)
    first = offset(_start(profile, since))
    if profile.recurrence is None:
        found.update(first + start_s for start_s in within)
    else:
        cycle_s = CYCLES[profile.recurrence]
        within = [start_s for start_s in within if start_s <= cycle_s]
        skipped = max(-first // cycle_s, 0)
        begin = first + skipped * cycle_s
        while begin < duration_s:
            found.add(begin)
            found.update(begin + start_s for start_s in within)
            begin += cycle_s
    return {offset_s for offset_s in found if 0 < offset_s < duration_s}
