"""Is a payload what its version's JSON schema says? Compiled validators of the official schemas.

The schemas come with the ``ocpp`` package. Formats are not checked here: a timestamp is data, and
what is odd about data is for ``csms.sanity`` to say.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, cast

import jsonschema_rs

from csms import codes
from csms.actions import ACTIONS, FROM_CHARGER, TO_CHARGER
from csms.codes import Version

Payload = dict[str, Any]
Kind = Literal["request", "response"]

MAX_DESCRIPTION_CHARS: Final = 255
_MAX_POINTER_CHARS: Final = 120
_MAX_SHOWN_CHARS: Final = 40
_FOLDERS: Final[dict[Version, str]] = {"1.6": "v16", "2.0.1": "v201"}
_SUFFIXES: Final[dict[tuple[Version, Kind], str]] = {
    ("1.6", "request"): "",
    ("1.6", "response"): "Response",
    ("2.0.1", "request"): "Request",
    ("2.0.1", "response"): "Response",
}
_EXPECTATIONS: Final = {
    "type": "must be of type {types}",
    "required": "{property} is missing",
    "additionalProperties": "unknown member {unexpected}",
    "enum": "must be one of {options}",
    "maxLength": "must have at most {limit} characters, has {size}",
    "minItems": "must have at least {limit} items, has {size}",
    "maxItems": "must have at most {limit} items, has {size}",
    "minimum": "must be at least {limit}",
    "maximum": "must be at most {limit}",
    "multipleOf": "must be a multiple of {multiple_of}",
}

_Validator = jsonschema_rs.Draft4Validator | jsonschema_rs.Draft6Validator


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a payload is refused.

    Attributes:
        code: The CALLERROR code of the version.
        description: At most 255 characters; names what was expected, not what was sent.
        pointer: JSON pointer of the offending value, ``""`` for the payload itself.
        keyword: The schema keyword that failed, ``"action"`` when it is the action itself.
    """

    code: str
    description: str
    pointer: str = ""
    keyword: str = "action"


@dataclass(frozen=True, slots=True)
class Fault:
    """One of the things wrong with a payload; *path* leads to it, *types* were allowed there."""

    path: tuple[str | int, ...]
    keyword: str
    types: tuple[str, ...] = ()
    limit: int | None = None


def validate_request(version: Version, action: str, payload: Payload) -> Violation | None:
    """Check a request of a charger against the schema of *action*.

    An action the version does not have is ``NotImplemented``, one that only a central system
    sends ``NotSupported``.
    """
    if action not in FROM_CHARGER[version]:
        return unwanted(version, action)
    return _validate(version, action, "request", payload)


def unwanted(version: Version, action: str) -> Violation:
    """Return why a charger may not send an action that is none of its own."""
    return _unwanted(version, action, sender="charger")


def faults(version: Version, action: str, payload: Payload) -> list[Fault]:
    """Return everything that is wrong with a request of a charger, not only the first thing."""
    validator = _validator(version, action, "request")
    return [_fault(error) for error in validator.iter_errors(_finite(payload)[0])]


def validate_outgoing(version: Version, action: str, payload: Payload) -> Violation | None:
    """Check a request of ours, such as an operator's raw command, before it is sent."""
    if action not in TO_CHARGER[version]:
        return _unwanted(version, action, sender="central system")
    return _validate(version, action, "request", payload)


def validate_response(version: Version, action: str, payload: Payload) -> Violation | None:
    """Check an answer to *action*, in either direction."""
    if action not in ACTIONS[version]:
        return _unwanted(version, action, sender="anyone")
    return _validate(version, action, "response", payload)


def order_members(
    version: Version, action: str, payload: Payload, *, kind: Kind = "request"
) -> Payload:
    """Return *payload* with the members of every object in the order of the schema.

    Members that the schema does not name come last, in their given order. *action* must be one of
    the version's.
    """
    schema = _schema(version, action, kind)
    return cast(Payload, _ordered(payload, schema, schema.get("definitions", {})))


def known_members(version: Version, action: str, payload: Payload) -> Payload:
    """Return a request of a charger without the members that its schema does not allow."""
    if action not in FROM_CHARGER[version]:
        return payload
    schema = _schema(version, action, "request")
    return cast(Payload, _known(payload, schema, schema.get("definitions", {})))


def compile_all() -> int:
    """Compile every validator now, not at first use (50 ms); return how many there are."""
    pairs = [(version, kind) for version in _FOLDERS for kind in ("request", "response")]
    for version, kind in pairs:
        for action in ACTIONS[version]:
            _validator(version, action, cast(Kind, kind))
    return _validator.cache_info().currsize


def _validate(version: Version, action: str, kind: Kind, payload: Payload) -> Violation | None:
    validator = _validator(version, action, kind)
    try:
        validator.validate(payload)
    except jsonschema_rs.ValidationError as exc:
        finite, changed = _finite(payload)
        if not changed:
            return _violation(version, exc)
    else:
        return None
    try:
        validator.validate(finite)
    except jsonschema_rs.ValidationError as exc:
        return _violation(version, exc)
    return None


def _finite(value: Any) -> tuple[Any, bool]:
    """Return *value* with a fraction for each NaN and infinity, and whether there were any.

    They are numbers of an impossible value, to be quarantined; the validator takes them for null.
    """
    match value:
        case float() if not math.isfinite(value):
            return 0.5, True
        case list():
            pairs = [_finite(item) for item in value]
            return [item for item, _ in pairs], any(changed for _, changed in pairs)
        case dict():
            members = {name: _finite(item) for name, item in value.items()}
            changed = any(changed for _, changed in members.values())
            return {name: item for name, (item, _) in members.items()}, changed
        case _:
            return value, False


@cache
def _validator(version: Version, action: str, kind: Kind) -> _Validator:
    compiler = jsonschema_rs.Draft4Validator if version == "1.6" else jsonschema_rs.Draft6Validator
    return compiler(_schema(version, action, kind), validate_formats=False)


@cache
def _schema(version: Version, action: str, kind: Kind) -> dict[str, Any]:
    name = f"{action}{_SUFFIXES[version, kind]}.json"
    path = files("ocpp").joinpath(_FOLDERS[version], "schemas", name)
    return cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8-sig")))


def _ordered(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if reference := schema.get("$ref"):
        schema = definitions.get(reference.removeprefix("#/definitions/"), {})
    match value:
        case dict():
            known = schema.get("properties", {})
            names = [name for name in known if name in value]
            names += [name for name in value if name not in known]
            return {name: _ordered(value[name], known.get(name, {}), definitions) for name in names}
        case list():
            return [_ordered(item, schema.get("items", {}), definitions) for item in value]
        case _:
            return value


def _known(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if reference := schema.get("$ref"):
        schema = definitions.get(reference.removeprefix("#/definitions/"), {})
    match value:
        case dict():
            members = schema.get("properties", {})
            is_open = schema.get("additionalProperties", True) is not False
            return {
                name: _known(item, members.get(name, {}), definitions)
                for name, item in value.items()
                if is_open or name in members
            }
        case list():
            return [_known(item, schema.get("items", {}), definitions) for item in value]
        case _:
            return value


def _unwanted(version: Version, action: str, *, sender: str) -> Violation:
    if action in ACTIONS[version]:
        return Violation(codes.NOT_SUPPORTED, f"{action} is not for a {sender} to send")
    return Violation(codes.NOT_IMPLEMENTED, f"OCPP {version} has no such action")


def _violation(version: Version, error: jsonschema_rs.ValidationError) -> Violation:
    keyword = error.kind.name
    pointer = _clip(_pointer(error.instance_path), _MAX_POINTER_CHARS)
    text = f"{pointer or 'payload'}: {_expectation(keyword, error.kind.as_dict(), error.instance)}"
    return Violation(_code(version, keyword), _clip(text, MAX_DESCRIPTION_CHARS), pointer, keyword)


def _fault(error: jsonschema_rs.ValidationError) -> Fault:
    details = error.kind.as_dict()
    return Fault(
        path=tuple(error.instance_path),
        keyword=error.kind.name,
        types=tuple(details.get("types", ())),
        limit=details.get("limit"),
    )


def _code(version: Version, keyword: str) -> str:
    match keyword:
        case "type":
            return codes.TYPE_VIOLATION
        case "required":
            return codes.PROTOCOL_ERROR
        case "minItems" | "maxItems":
            return codes.OCCURRENCE_VIOLATION[version]
        case "enum" | "maxLength" | "minimum" | "maximum" | "multipleOf":
            return codes.PROPERTY_VIOLATION
        case _:
            return codes.FORMAT_VIOLATION[version]


def _expectation(keyword: str, details: dict[str, Any], value: object) -> str:
    shown = {
        "types": " or ".join(details.get("types", ())),
        "options": ", ".join(map(str, details.get("options", ()))),
        "unexpected": ", ".join(_shown(name) for name in details.get("unexpected", ())[:3]),
        "property": _shown(details.get("property", "")),
        "size": len(value) if isinstance(value, (str, list)) else 0,
    }
    template = _EXPECTATIONS.get(keyword, f"fails {keyword}")
    return template.format_map(details | shown)


def _pointer(path: list[str | int]) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(f"/{part}" for part in parts)


def _shown(name: str) -> str:
    return _clip(name if name.isprintable() else ascii(name), _MAX_SHOWN_CHARS)


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
