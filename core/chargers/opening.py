"""When a station is open, in the words of OCPI 2.2.1 (8.4.14 Hours); checked, never guessed.

Regular hours are local times of the station's time zone, exceptions are instants and win.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from core.chargers.checks import invalid
from core.kernel.times import rfc3339, to_millis

MOST: Final = 100
"""Periods of one kind."""

_HOUR: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_MIDNIGHT: Final = "24:00"
_WEEKDAYS: Final = range(1, 8)
_EXCEPTIONS: Final = ("exceptional_openings", "exceptional_closings")
_MEMBERS: Final = ("twentyfourseven", "regular_hours", *_EXCEPTIONS)
_POINTER: Final = "opening_times"


def checked(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return opening times as they are stored: periods in order, instants in UTC.

    Raises:
        PlatformError: ``invalid_parameter`` with the member that is wrong.
    """
    for name in value:
        if name not in _MEMBERS:
            raise _wrong(str(name), f"is none of {', '.join(_MEMBERS)}")
    always = value.get("twentyfourseven", False)
    if not isinstance(always, bool):
        raise _wrong("twentyfourseven", "is true or false")
    regular = _periods(value, "regular_hours", _regular)
    if always and regular:
        raise _wrong("regular_hours", "is left out where twentyfourseven is true")
    if not always and not regular and "exceptional_openings" not in value:
        raise _wrong("regular_hours", "is needed where twentyfourseven is not true")
    _refuse_overlap(regular)
    times: dict[str, Any] = {"twentyfourseven": always}
    if not always:
        times["regular_hours"] = regular
    for name in _EXCEPTIONS:
        times[name] = _periods(value, name, _exceptional)
    return times


def _periods(
    value: Mapping[str, Any], name: str, read: Callable[[str, Any], dict[str, Any]]
) -> list[dict[str, Any]]:
    given = value.get(name) or []
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST:
        raise _wrong(name, f"is a list of at most {MOST} periods")
    found = [read(f"{name}/{number}", one) for number, one in enumerate(given)]
    return sorted(found, key=lambda one: (one.get("weekday", 0), one["period_begin"]))


def _regular(place: str, period: Any) -> dict[str, Any]:
    _members(place, period, ("weekday", "period_begin", "period_end"))
    weekday, begin, end = period["weekday"], period["period_begin"], period["period_end"]
    if isinstance(weekday, bool) or weekday not in _WEEKDAYS:
        raise _wrong(f"{place}/weekday", "is 1 (Monday) to 7 (Sunday)")
    if not _is_hour(begin):
        raise _wrong(f"{place}/period_begin", "is an hour such as 08:00")
    if not (_is_hour(end) or end == _MIDNIGHT) or end <= begin:
        raise _wrong(f"{place}/period_end", "is an hour later than period_begin, 24:00 at most")
    return {"weekday": int(weekday), "period_begin": begin, "period_end": end}


def _exceptional(place: str, period: Any) -> dict[str, Any]:
    _members(place, period, ("period_begin", "period_end"))
    begin = _instant(f"{place}/period_begin", period["period_begin"])
    end = _instant(f"{place}/period_end", period["period_end"])
    if end <= begin:
        raise _wrong(f"{place}/period_end", "is later than period_begin")
    return {"period_begin": rfc3339(begin), "period_end": rfc3339(end)}


def _members(place: str, period: Any, names: Sequence[str]) -> None:
    if not isinstance(period, Mapping) or set(period) != set(names):
        raise _wrong(place, f"has exactly {', '.join(names)}")


def _is_hour(value: Any) -> bool:
    return isinstance(value, str) and _HOUR.fullmatch(value) is not None


def _instant(place: str, value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong(place, "is an instant such as 2026-12-24T00:00:00Z") from None
    if found.tzinfo is None:
        raise _wrong(place, "is an instant with its offset, such as 2026-12-24T00:00:00Z")
    try:
        return to_millis(found)
    except OverflowError:
        raise _wrong(place, "is an instant of this era") from None


def _refuse_overlap(regular: Sequence[Mapping[str, Any]]) -> None:
    ends: defaultdict[int, str] = defaultdict(str)
    for number, period in enumerate(regular):
        if period["period_begin"] < ends[period["weekday"]]:
            raise _wrong(f"regular_hours/{number}", "overlaps another period of its weekday")
        ends[period["weekday"]] = period["period_end"]


def _wrong(place: str, rule: str) -> Exception:
    return invalid(f"{_POINTER}/{place}", rule)
