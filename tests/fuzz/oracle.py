"""What may be answered to a text: the rules of OCPP-J and of the schemas, told a second time.

Shares nothing with ``csms`` but the official schemas, so that a mistake has to be made twice.
"""

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import jsonschema_rs

from csms.actions import FROM_CHARGER, TO_CHARGER
from csms.codes import Version
from tests.fuzz.payloads import Kind, schema_of

RESULT: Final = "CALLRESULT"
MAX_FRAME: Final = 262_144
MAX_DEPTH: Final = 32
MAX_NUMBER: Final = 128
MAX_FAULTS_MENDED: Final = 200

_TRANSACTIONS: Final = frozenset(
    {"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"}
)
_FORMAT: Final = {"1.6": "FormationViolation", "2.0.1": "FormatViolation"}
_CODE_OF: Final = {
    "type": "TypeConstraintViolation",
    "required": "ProtocolError",
    "minItems": "OccurenceConstraintViolation",
    "maxItems": "OccurenceConstraintViolation",
    "enum": "PropertyConstraintViolation",
    "maxLength": "PropertyConstraintViolation",
    "minimum": "PropertyConstraintViolation",
    "maximum": "PropertyConstraintViolation",
    "multipleOf": "PropertyConstraintViolation",
}
_BEGINNING: Final = re.compile(
    r'\ufeff?\s*\[\s*([234])\s*,\s*(?:"([^"\\\x00-\x1f]{1,255})"\s*(?:[,\]]|$))?'
)
_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Due:
    """The answer that is due; *message_id* ``None`` where there must be none.

    Attributes:
        codes: Any of these, ``RESULT`` among them for a CALLRESULT.
        action: Of a CALL that may get a result.
    """

    message_id: str | None
    codes: frozenset[str] = frozenset()
    action: str | None = None


class _TooLong(ValueError):
    pass


SILENCE: Final = Due(None)


def due(version: Version, text: str | bytes) -> Due:  # noqa: PLR0911 - one a rule
    """Return what is due to *text* from a charger that is accepted."""
    unreadable = SILENCE if version == "1.6" else Due("-1", frozenset({"RpcFrameworkError"}))
    if isinstance(text, bytes):
        return unreadable
    frame, problem = _read(text)
    if problem is not None:
        return _broken(text, problem, version, unreadable)
    if not isinstance(frame, list) or not frame:
        return unreadable
    message_id = frame[1] if len(frame) > 1 and _is_id(frame[1]) else None
    kind = frame[0]
    if type(kind) is not int or kind not in (2, 3, 4):
        code = frozenset({"MessageTypeNotSupported"})
        return SILENCE if version == "1.6" else Due(message_id or "-1", code)
    if kind != 2:
        return SILENCE
    if message_id is None:
        return unreadable
    return _call(version, message_id, frame[2:])


def is_understood(text: str) -> bool:
    """Tell whether a text can be read as a frame at all."""
    return _read(text)[1] is None


def _call(version: Version, message_id: str, rest: list[Any]) -> Due:  # noqa: PLR0911 - one a rule
    malformed = Due(message_id, frozenset({_FORMAT[version]}))
    if version == "1.6" and rest and rest[-1] is None:
        rest = [*rest[:-1], {}]
    if len(message_id) > 36 or len(rest) != 2 or not isinstance(rest[1], dict):
        return malformed
    action, payload = rest
    if not isinstance(action, str) or not 0 < len(action) <= 64:
        return malformed
    if action not in FROM_CHARGER[version]:
        known = action in TO_CHARGER[version]
        return Due(message_id, frozenset({"NotSupported" if known else "NotImplemented"}))
    errors = list(validator(version, action).iter_errors(_plain(payload)))
    if not errors:
        return Due(message_id, frozenset({RESULT}), action)
    codes = {_CODE_OF.get(error.kind.name, _FORMAT[version]) for error in errors}
    if action not in _TRANSACTIONS:
        return Due(message_id, frozenset(codes))
    if not _is_structural(errors):
        return Due(message_id, frozenset({RESULT}), action)
    return Due(message_id, frozenset(codes | {RESULT}), action)


def _is_structural(errors: list[jsonschema_rs.ValidationError]) -> bool:
    """Tell whether a transaction message may be refused: its structure is not there."""
    if len(errors) > MAX_FAULTS_MENDED:
        return True
    for error in errors:
        details = error.kind.as_dict()
        wanted = set(details.get("types", ()))
        if error.kind.name in ("required", "minItems") or wanted & {"object", "array"}:
            return True
    return False


def is_valid_result(version: Version, action: str, payload: Any) -> bool:
    """Tell whether a CALLRESULT is what the schema of the response says."""
    return bool(validator(version, action, "response").is_valid(payload))


@cache
def validator(version: Version, action: str, kind: Kind = "request") -> Any:
    draft = jsonschema_rs.Draft4Validator if version == "1.6" else jsonschema_rs.Draft6Validator
    return draft(schema_of(version, action, kind), validate_formats=False)


def _read(text: str) -> tuple[Any, str | None]:
    """Return (frame, None) or (None, why not)."""
    if len(text) > MAX_FRAME:
        return None, "size"

    def bounded(digits: str) -> Any:
        if len(digits) > MAX_NUMBER:
            raise _TooLong
        return int(digits) if digits.lstrip("-").isdigit() else float(digits)

    try:
        frame = json.loads(text.removeprefix("\ufeff"), parse_int=bounded, parse_float=bounded)
    except _TooLong:
        return None, "number"
    except RecursionError:
        return None, "depth"
    except ValueError:
        return None, "json"
    return (None, "depth") if _depth(frame) > MAX_DEPTH else (frame, None)


def _broken(text: str, problem: str, version: Version, unreadable: Due) -> Due:
    """Return what is due to a text that is no frame but whose beginning may tell whose."""
    found = _BEGINNING.match(text)
    if found is None:
        return unreadable
    if found[1] != "2":
        return SILENCE
    if found[2] is None or not found[2].isprintable():
        return unreadable
    codes = {_FORMAT[version]} | ({"PropertyConstraintViolation"} if problem == "number" else set())
    return Due(found[2], frozenset(codes))


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()


def _depth(node: Any) -> int:
    depth, level = 0, [node]
    while level := [one for one in level if isinstance(one, (list, dict))]:
        depth += 1
        level = [
            child for one in level for child in (one.values() if isinstance(one, dict) else one)
        ]
        if depth > MAX_DEPTH:
            break
    return depth


def _plain(node: Any) -> Any:
    """Return *node* as it may be judged: texts can be stored, NaN is a number without a value."""
    match node:
        case str():
            return _NOT_STORABLE.sub("\ufffd", node)
        case float() if not math.isfinite(node):
            return 0.5
        case list():
            return [_plain(one) for one in node]
        case dict():
            return {_plain(name): _plain(one) for name, one in node.items()}
        case _:
            return node
