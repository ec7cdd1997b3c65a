"""What can be understood of a transaction message whose content does not fit its schema (I19).

A charger repeats a refused transaction message a few times and then forgets it, and with it the
money. So such a message is refused only where structure is missing: a required member, or an
object or list that is something else. Everything else is content and is mended:

- a number as text or text as a number becomes what it should be; what cannot be read becomes a
  value that ``csms.sanity`` calls impossible;
- a value off the list is left out, or replaced by the least that it can mean;
- a text that is too long is cut and marked, so that it never equals a shorter, known one;
- a meter sample that is not understood is left out.

Whoever uses the mended message keeps the original in quarantine.
"""

import copy
import hashlib
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from csms import sanity, schemas
from csms.codes import Version
from csms.convert import convert
from csms.protocol import Payload
from csms.schemas import Fault

IMPOSSIBLE_NUMBER: Final = 2**63
MAX_FAULTS: Final = 200
"""Of a message with more nobody can say what it means."""

_READINGS: Final = frozenset({"meterValue", "transactionData"})
_REQUIRED: Final = frozenset(
    {
        "connectorId",
        "eventType",
        "evseId",
        "id",
        "idTag",
        "idToken",
        "meterStart",
        "meterStop",
        "meterValue",
        "seqNo",
        "timestamp",
        "transactionId",
        "transactionInfo",
        "triggerReason",
        "type",
    }
)
_OPTIONAL_HERE: Final = {
    "TransactionEvent": frozenset({"meterValue"}),
    "MeterValues": frozenset({"transactionId"}),
    "StopTransaction": frozenset({"idTag"}),
}
_DISPENSABLE: Final = frozenset({"additionalInfo", "customData", "evse", "transactionData"})
"""Objects and lists that may be left out as a whole."""
_EXTRAS: Final = frozenset({"additionalInfo", "customData"})
"""Those of them that go as a whole when anything in them is wrong."""
_LEAST_MEANING: Final = {
    "eventType": "Updated",
    "reason": "Other",
    "stoppedReason": "Other",
    "triggerReason": "Trigger",
    "type": "Local",
}
_STRAY: Final = frozenset({"additionalProperties", "falseSchema"})
"""Faults of members that nobody knows; the latter is one in an object that stands for a text."""
_MARK_CHARS: Final = 8

_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mended:
    """The message as it was understood, its payload, and what was wrong."""

    message: Any
    payload: Payload
    reasons: tuple[str, ...]


class Hopeless(Exception):
    """Structure is missing: nobody can say what the message means."""


def mend(version: Version, action: str, payload: Payload, message: type[Any]) -> Mended:
    """Return what can be understood of a *payload* that does not fit its schema.

    Raises:
        Hopeless: The message has to be refused.
    """
    faults = schemas.faults(version, action, payload)
    if len(faults) > MAX_FAULTS:
        raise Hopeless
    mended = copy.deepcopy(payload)
    left_out: set[_Path] = set()
    reasons: list[str] = []
    for fault in sorted(faults, key=lambda fault: fault.keyword != "type"):
        known = _mend_one(action, mended, fault, left_out)
        if not known:
            reasons.append(f"{fault.keyword} at /{'/'.join(map(str, fault.path))}")
    for path in sorted(left_out, key=_last_first, reverse=True):
        _leave_out(mended, path)
    try:
        return Mended(convert(mended, message), mended, tuple(reasons))
    except msgspec.ValidationError as exc:
        raise Hopeless from exc


def _last_first(path: _Path) -> tuple[int, tuple[tuple[bool, Any], ...]]:
    return len(path), tuple((isinstance(part, str), part) for part in path)


def _mend_one(action: str, payload: Payload, fault: Fault, left_out: set[_Path]) -> bool:
    """Mend one fault; return whether it is a common one that takes nothing from the meaning."""
    path = fault.path
    if fault.keyword in _STRAY or any(path[: len(gone)] == gone for gone in left_out):
        return False
    if path and path[0] in _READINGS and len(path) > 1:
        _mend_reading(payload, fault, left_out)
        return False
    structural = fault.keyword == "required" or fault.types in (("object",), ("array",))
    if (outer := _extra(path)) is not None and (structural or len(path) > len(outer)):
        left_out.add(outer)
        return False
    if not path or structural:
        if not path or not _may_go(action, path):
            raise Hopeless
        left_out.add(path)
        return False
    return _mend_member(action, payload, fault, left_out)


def _extra(path: _Path) -> _Path | None:
    """Return the path to the object or list around *path* that says nothing we need."""
    found = [number for number, part in enumerate(path, start=1) if part in _EXTRAS]
    return path[: found[0]] if found else None


def _may_go(action: str, path: _Path) -> bool:
    optional = _OPTIONAL_HERE.get(action, frozenset())
    return path[-1] in _DISPENSABLE or (len(path) == 1 and path[0] in optional)


def _mend_member(action: str, payload: Payload, fault: Fault, left_out: set[_Path]) -> bool:
    path, name = fault.path, str(fault.path[-1])
    value = _at(payload, path)
    required = name in _REQUIRED and name not in _OPTIONAL_HERE.get(action, frozenset())
    if value is None and not required:
        left_out.add(path)
        return True
    if fault.keyword == "minItems":
        if not _may_go(action, path):
            raise Hopeless
        left_out.add(path)
        return False
    better = _better(name, value, fault)
    if better is None and not required:
        left_out.add(path)
    else:
        _set(payload, path, _least(fault) if better is None else better)
    return False


def _better(name: str, value: Any, fault: Fault) -> Any:
    """Return what *value* should be, or ``None`` if it tells nothing."""
    if fault.keyword == "enum" or (fault.keyword == "type" and name in _LEAST_MEANING):
        return _LEAST_MEANING.get(name)
    if fault.keyword == "maxLength" and fault.limit is not None:
        return _marked(str(value), fault.limit)
    number = sanity.quantity(value).value
    match fault.types:
        case ("integer",):
            return None if number is None or number != int(number) else int(number)
        case ("number",):
            return None if number is None else float(number)
        case ("boolean",):
            return {"true": True, "false": False}.get(str(value).lower())
        case _:
            return None if number is None else str(value)


def _least(fault: Fault) -> Any:
    """Return what stands for a required member that cannot be read."""
    return "" if fault.types == ("string",) else IMPOSSIBLE_NUMBER


def _marked(text: str, limit: int) -> str:
    mark = hashlib.sha256(text.encode()).hexdigest()[:_MARK_CHARS]
    return f"{text[: limit - _MARK_CHARS - 1]}~{mark}"


def _mend_reading(payload: Payload, fault: Fault, left_out: set[_Path]) -> None:
    path = fault.path
    is_sample = len(path) > 3 and path[2] == "sampledValue"  # noqa: PLR2004 - [list, i, list, j]
    match path[4:] if is_sample else path[2:]:
        case ("value",) if is_sample and (better := _better("value", _at(payload, path), fault)):
            _set(payload, path, better)
        case ("context",) if is_sample:
            left_out.add(path)
        case ("signedMeterValue", *_) if is_sample:
            return  # it is kept as it came; a signature without its key costs no reading
        case ("timestamp",) if not is_sample:
            _set(payload, path, "")
        case _:
            left_out.add(path[:4] if is_sample else path[:2])


def _at(payload: Payload, path: _Path) -> Any:
    node: Any = payload
    for part in path:
        node = node[part]
    return node


def _set(payload: Payload, path: _Path, value: Any) -> None:
    _at(payload, path[:-1])[path[-1]] = value


def _leave_out(payload: Payload, path: _Path) -> None:
    parent = cast(Any, _at(payload, path[:-1]))
    parent.pop(path[-1], None) if isinstance(parent, dict) else parent.pop(path[-1])
