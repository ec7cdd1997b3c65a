"""How far a session's figures can be trusted, and its energy; pure, the same in any order.

The rules of I22: energy is the last accepted import register minus the first, never negative. A
register that cannot be true is kept, flagged and left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from core.sessions.states import DataQuality, worst

DEFAULT_MAX_POWER_W: Final = 500_000
JUMP_TOLERANCE: Final = 1.25
JUMP_SLACK_WH: Final = 1_000
GAP_FACTOR: Final = 3
GAP_MINIMUM_READINGS: Final = 4
AFTER_STOP: Final = "reading_after_stop"

QUALITY_OF_FLAG: Final = {
    "clock_suspect": DataQuality.CLOCK_SUSPECT,
    "timestamp_unreadable": DataQuality.CLOCK_SUSPECT,
    "placeholder_zero": DataQuality.METER_GAP,
    "register_fell": DataQuality.METER_GAP,
    "register_jumped": DataQuality.METER_GAP,
    "readings_missing": DataQuality.METER_GAP,
    "sequence_gap": DataQuality.METER_GAP,
    "no_start_register": DataQuality.ESTIMATED,
    "no_stop_register": DataQuality.ESTIMATED,
    "estimated_end": DataQuality.ESTIMATED,
    "no_registers": DataQuality.NEEDS_REVIEW,
    "stop_register_fell": DataQuality.NEEDS_REVIEW,
    "stop_register_jumped": DataQuality.NEEDS_REVIEW,
    "start_missing": DataQuality.NEEDS_REVIEW,
    "stop_orphan": DataQuality.NEEDS_REVIEW,
    "token_reused": DataQuality.NEEDS_REVIEW,
    "value_impossible": DataQuality.NEEDS_REVIEW,
    "message_conflict": DataQuality.NEEDS_REVIEW,
}
"""Flags that are not named here tell something without making the figures doubtful."""

UNTIMED: Final = frozenset({"clock_suspect", "timestamp_unreadable"})
"""Flags of a charger whose clock cannot be reckoned by."""

ASSESSED: Final = frozenset(
    {
        "placeholder_zero",
        "register_fell",
        "register_jumped",
        "readings_missing",
        "sequence_gap",
        "no_start_register",
        "no_stop_register",
        "no_registers",
        "stop_register_fell",
        "stop_register_jumped",
        AFTER_STOP,
    }
)
"""Flags that an assessment of all messages decides anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One reading of the import register, in Wh."""

    number: int
    at: datetime
    energy_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the registers of a session come to.

    *rejected* are the numbers of readings that do not count.
    """

    first_wh: int | None
    last_wh: int | None
    energy_wh: int
    flags: frozenset[str]
    rejected: frozenset[int]


def quality(flags: Iterable[str]) -> DataQuality:
    """Return how far figures with these *flags* can be trusted."""
    return worst(*(QUALITY_OF_FLAG.get(flag, DataQuality.OK) for flag in flags))


def doubt(
    last: tuple[datetime, int] | None, now: tuple[datetime, int], max_power_w: int | None
) -> str:
    """Return why a register does not follow the *last* accepted one, or an empty string.

    Without *max_power_w* (no clock to reckon by) it may have grown by any amount.
    """
    if last is None:
        return ""
    (last_at, last_wh), (at, wh) = last, now
    if wh == 0 and last_wh > 0:
        return "placeholder_zero"
    if wh < last_wh:
        return "register_fell"
    if max_power_w is None:
        return ""
    hours = max((at - last_at).total_seconds(), 0) / 3600
    if wh - last_wh > max_power_w * hours * JUMP_TOLERANCE + JUMP_SLACK_WH:
        return "register_jumped"
    return ""


def assess(
    *,
    start: tuple[datetime, int | None],
    stop: tuple[datetime, int | None],
    readings: Sequence[Register],
    max_power_w: int | None,
    clock_trusted: bool = True,
) -> Assessment:
    """Return energy and doubts of an ended session from all that is known, in any order.

    Args:
        start: When it began and the register then, if reported.
        stop: When it ended and the register then, if reported.
        readings: Registers in between.
        max_power_w: What the connector can deliver at most.
        clock_trusted: False where instants are when we heard of it, which says nothing of power.
    """
    power_w = (max_power_w or DEFAULT_MAX_POWER_W) if clock_trusted else None
    flags: set[str] = set()
    rejected: set[int] = set()
    start_at, start_wh = start
    stop_at, stop_wh = stop
    last = None if start_wh is None else (start_at, start_wh)
    first_wh = start_wh
    ordered = sorted(readings, key=lambda r: (r.at, r.energy_wh, r.number))
    if clock_trusted and (late := [reading for reading in ordered if reading.at > stop_at]):
        flags.add(AFTER_STOP)  # the stop is the last word on its transaction
        rejected |= {reading.number for reading in late}
        ordered = ordered[: len(ordered) - len(late)]
    for reading in ordered:
        flag = doubt(last, (reading.at, reading.energy_wh), power_w)
        if flag:
            flags.add(flag)
            rejected.add(reading.number)
            continue
        if first_wh is None:
            first_wh = reading.energy_wh
        last = (reading.at, reading.energy_wh)
    if _has_gap([start_at, *(r.at for r in ordered), stop_at]):
        flags.add("readings_missing")
    if start_wh is None and first_wh is not None:
        flags.add("no_start_register")
    flags |= _stop_flags(last, stop_at, stop_wh, power_w)
    trusted_stop = stop_wh is not None and not flags & _BAD_STOP
    last_wh = stop_wh if trusted_stop else (None if last is None else last[1])
    if first_wh is None:
        first_wh = last_wh
    if first_wh is None or last_wh is None or (start_wh is None and not ordered):
        flags.add("no_registers")
    energy_wh = 0 if first_wh is None or last_wh is None else max(last_wh - first_wh, 0)
    return Assessment(
        first_wh=first_wh,
        last_wh=last_wh,
        energy_wh=energy_wh,
        flags=frozenset(flags),
        rejected=frozenset(rejected),
    )


_BAD_STOP: Final = frozenset({"stop_register_fell", "stop_register_jumped", "no_stop_register"})


def _stop_flags(
    last: tuple[datetime, int] | None, stop_at: datetime, stop_wh: int | None, power_w: int | None
) -> set[str]:
    if stop_wh is None:
        return {"no_stop_register"}
    match doubt(last, (stop_at, stop_wh), power_w):
        case "":
            return set()
        case "placeholder_zero":
            return {"placeholder_zero", "no_stop_register"}
        case flag:
            return {f"stop_{flag}"}


def _has_gap(instants: Sequence[datetime]) -> bool:
    """Tell whether one pause is far longer than the usual one: readings in between were lost."""
    if len(instants) < GAP_MINIMUM_READINGS + 2:
        return False
    ordered = sorted(instants)
    pauses = [after - before for before, after in pairwise(ordered)]
    usual = max(median(pause.total_seconds() for pause in pauses), 1.0)
    return max(pauses) > timedelta(seconds=GAP_FACTOR * usual)
