"""Schema-valid is not sane: what a charger said, as a value that can be used, and what was odd.

Every function is pure and returns ``Checked``: the usable value, or ``None`` where there is none,
and flags. It never raises, and leaves to the caller what a flag means. The raw value is kept by
whoever asks.
"""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from csms.lenient import storable_text

Flag = Literal[
    "not_a_number",
    "number_absurd",
    "number_garbage",
    "text_cut",
    "timestamp_absurd",
    "timestamp_garbage",
    "timestamp_without_zone",
    "unstorable_text",
]
T_co = TypeVar("T_co", covariant=True)

INT32_MIN: Final = -(2**31)
INT32_MAX: Final = 2**31 - 1
# A register of 10^12 Wh is what a large power plant makes in a month.
MAX_QUANTITY: Final = Decimal(10) ** 12
EARLIEST_YEAR: Final = 2010
LATEST_YEAR: Final = 2100

_MAX_NUMBER_CHARS: Final = 64
_MAX_DECIMALS: Final = 9
_NOT_NUMBERS: Final = frozenset({"nan", "inf", "infinity"})
_PLAIN_NUMBER = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,9})?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,32}))?"
    r" ?(?:([Zz])|([+-][0-9]{2}):?([0-9]{2}))?"
)


_USUAL: Final = "2026-01-31T12:00:00Z"
_USUAL_MILLIS: Final = "2026-01-31T12:00:00.000Z"


class Checked(msgspec.Struct, Generic[T_co], frozen=True):
    """A value that can be used, and what was odd about the one that came."""

    value: T_co
    flags: tuple[Flag, ...] = ()


def timestamp(raw: object, *, naive_zone: tzinfo = UTC) -> Checked[datetime | None]:
    """Return the instant of an RFC 3339 text in UTC.

    A text without zone is taken in *naive_zone* and flagged. ``None`` when it is no timestamp or of
    a year in which no charger spoke OCPP (a clock that was never set says 1970).
    """
    if not isinstance(raw, str):
        return Checked(None, ("timestamp_garbage",))
    if (plain := _plain_timestamp(raw)) is not None:
        return Checked(plain)
    found = _TIMESTAMP.fullmatch(raw.strip())
    if found is None:
        return Checked(None, ("timestamp_garbage",))
    date, minute, second, fraction, zulu, hours, minutes = found.groups()
    leap = second == "60"  # RFC 3339 5.6 allows it, datetime does not
    offset = "+00:00" if zulu else f"{hours}:{minutes}" if hours else ""
    micros = (fraction or "0")[:6].ljust(6, "0")
    try:
        moment = datetime.fromisoformat(
            f"{date}T{minute}:{'59' if leap else second}.{micros}{offset}"
        )
    except ValueError:
        return Checked(None, ("timestamp_garbage",))
    if not EARLIEST_YEAR <= moment.year < LATEST_YEAR:
        return Checked(None, ("timestamp_absurd",))
    flags: tuple[Flag, ...] = ()
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=naive_zone)
        flags = ("timestamp_without_zone",)
    return Checked(moment.astimezone(UTC) + timedelta(seconds=1 if leap else 0), flags)


def _plain_timestamp(raw: str) -> datetime | None:
    """Return the instant of a text such as most chargers send; ``None``: look more closely.

    Its shape tells apart what Python's parser takes besides RFC 3339.
    """
    if raw[10:11] != "T" or raw[-1:] != "Z" or not raw.isascii():
        return None
    if len(raw) != len(_USUAL) and not (len(raw) == len(_USUAL_MILLIS) and raw[19] == "."):
        return None
    if not raw[4] == raw[7] == "-" or not raw[13] == raw[16] == ":":
        return None
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    return moment if EARLIEST_YEAR <= moment.year < LATEST_YEAR else None


def quantity(raw: object) -> Checked[Decimal | None]:
    """Return a measured value: a string in 1.6, a number in 2.0.1, in the unit of its sample.

    ``None`` for NaN and infinities, for what is no decimal number (``12,5``, ``0x1F``, ``1_000``)
    and for values of *MAX_QUANTITY* or more; more than nine decimals are rounded.
    """
    if isinstance(raw, str) and _PLAIN_NUMBER.fullmatch(raw):
        return Checked(Decimal(raw))
    if isinstance(raw, float):
        raw = repr(raw)
    elif isinstance(raw, int) and not isinstance(raw, bool):
        # Not by way of str(): that fails above 4,300 digits.
        return Checked(Decimal(raw)) if abs(raw) < MAX_QUANTITY else Checked(None, _ABSURD)
    text_ = raw.strip() if isinstance(raw, str) else ""
    if text_.lstrip("+-").lower() in _NOT_NUMBERS:
        return Checked(None, ("not_a_number",))
    if len(text_) > _MAX_NUMBER_CHARS or not _NUMBER.fullmatch(text_):
        return Checked(None, ("number_garbage",))
    number = Decimal(text_)
    if abs(number) >= MAX_QUANTITY:
        return Checked(None, _ABSURD)
    rounded = round(number, _MAX_DECIMALS)
    return Checked(number if number == rounded else rounded)


def whole(raw: object, *, lowest: int = INT32_MIN, highest: int = INT32_MAX) -> Checked[int | None]:
    """Return a whole number between *lowest* and *highest*, by default one of 32 bits."""
    if isinstance(raw, float):
        if not math.isfinite(raw):
            return Checked(None, ("not_a_number",))
        raw = int(raw) if raw.is_integer() else None
    if isinstance(raw, bool) or not isinstance(raw, int):
        return Checked(None, ("number_garbage",))
    return Checked(raw) if lowest <= raw <= highest else Checked(None, _ABSURD)


def text(raw: str, *, max_chars: int) -> Checked[str]:
    """Return a text that a database can store: no NUL, no lone surrogate, *max_chars* at most."""
    flags: tuple[Flag, ...] = ()
    cleaned, changed = storable_text(raw)
    if changed:
        flags += ("unstorable_text",)
    if len(cleaned) > max_chars:
        flags += ("text_cut",)
    return Checked(cleaned[:max_chars], flags)


def document(raw: Any) -> Checked[Any]:
    """Return a JSON value that a database can store; NaN and infinities become strings."""
    cleaned, changed = storable_text(raw)
    spelled = _without_nan(cleaned)
    flags: tuple[Flag, ...] = ("unstorable_text",) if changed else ()
    return Checked(spelled, flags if spelled == cleaned else (*flags, "not_a_number"))


_ABSURD: Final[tuple[Flag, ...]] = ("number_absurd",)


def _without_nan(node: Any) -> Any:
    match node:
        case float() if not math.isfinite(node):
            return repr(node)
        case list():
            return [_without_nan(item) for item in node]
        case dict():
            return {name: _without_nan(item) for name, item in node.items()}
        case _:
            return node
