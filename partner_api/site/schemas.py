"""JSON schemas of the OpenAPI document as tables, and values that fit them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_ID: Final = "01jd7zk3v5q8m2n4r6t8w0y2a4"
_DEEPEST: Final = 4
_PREFIXES: Final = {
    "operation_id": "op",
    "session_id": "cs",
    "order_id": "ord",
    "reservation_id": "res",
    "event_id": "evt",
    "endpoint_id": "we",
    "delivery_id": "dlv",
    "partner_id": "prt",
    "key_id": "key",
    "station_id": "st",
    "charger_id": "cp",
    "connector_id": "con",
    "application_id": "app",
    "request_log_id": "req",
    "tariff_id": "tar",
}
_SAMPLES: Final[Mapping[str, Any]] = {
    "request_id": "app-1",
    "start_request_id": "app-1",
    "url": "https://example.com/voltgate",
    "public_url": "https://api.example.com",
    "country": "DE",
    "currency": "EUR",
    "amount": "12.34",
    "email": "dev@example.com",
    "name": "Example",
    "time_zone": "Europe/Berlin",
    "ip_allowlist": ["192.0.2.0/24"],
    "event_types": ["*"],
    "scopes": ["stations:read", "control:start"],
    "user_ref": "driver-7",
    "code": "connector_busy",
    "type": "start_charge",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a table of fields; *depth* says how far it is nested."""

    name: str
    type: str
    text: str
    required: bool
    depth: int


class Schemas:
    """The schemas of one OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._known: Mapping[str, Any] = document["components"]["schemas"]

    def resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a schema without references, and without its ``null``."""
        if "$ref" in schema:
            return self.resolve(self._known[schema["$ref"].rpartition("/")[2]])
        kinds = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if len(kinds) == 1:
            inner = self.resolve(kinds[0])
            own = {name: value for name, value in schema.items() if name != "anyOf"}
            return {**inner, **own}
        return schema

    def fields(self, schema: Mapping[str, Any], depth: int = 0) -> Iterator[Field]:
        """Yield the fields of an object, each followed by those nested in it."""
        found = self.resolve(schema)
        required = found.get("required", ())
        for name, member in found.get("properties", {}).items():
            inner = self.resolve(member)
            yield Field(name, self.type_of(member), self.text_of(member), name in required, depth)
            nested = self.resolve(inner["items"]) if "items" in inner else inner
            if "properties" in nested and depth < _DEEPEST:
                yield from self.fields(nested, depth + 1)

    def type_of(self, schema: Mapping[str, Any]) -> str:
        """Return what kind of value a schema describes, in a few words."""
        found = self.resolve(schema)
        null = any(one.get("type") == "null" for one in schema.get("anyOf", ()))
        return self._kind(found) + (" or null" if null else "")

    def text_of(self, schema: Mapping[str, Any]) -> str:
        """Return what a schema says in words: description, values, bounds, default (Markdown)."""
        found = self.resolve(schema)
        parts = []
        text = schema.get("description") or (
            "" if "properties" in found else found.get("description", "")
        )
        if text:
            parts.append(" ".join(str(text).split()))
        values = found.get("enum") or self.resolve(found.get("items", {})).get("enum")
        if values:
            parts.append("One of " + ", ".join(f"`{value}`" for value in values) + ".")
        parts += _bounds(found)
        if "default" in schema and schema["default"] not in (None, {}, []):
            parts.append(f"Default `{_shown(schema['default'])}`.")
        return " ".join(parts)

    def sample(self, schema: Mapping[str, Any], name: str = "", *, whole: bool = True) -> Any:
        """Return a value that fits a schema; of an object all members, or what it needs."""
        found = self.resolve(schema)
        if "const" in found:
            return found["const"]
        if found.get("examples"):
            return found["examples"][0]
        if "properties" in found:
            wanted = found["properties"] if whole else found.get("required", ())
            kind = found["properties"].get("object", {}).get("const", "")
            return {
                member: self._member(found["properties"][member], member, kind, whole=whole)
                for member in wanted
            }
        return self._plain(found, name, whole=whole)

    def _member(self, schema: Mapping[str, Any], name: str, kind: str, *, whole: bool) -> Any:
        if name == "id":
            return f"{_PREFIX_OF_OBJECT.get(kind, 'id')}_{_ID}"
        nullable = any(one.get("type") == "null" for one in schema.get("anyOf", ()))
        if nullable and name not in _SAMPLES and name not in _PREFIXES:
            return None
        return self.sample(schema, name, whole=whole)

    def _plain(self, found: Mapping[str, Any], name: str, *, whole: bool) -> Any:
        known = _of_name(found, name)
        if known is not None:
            return known
        match found.get("type"):
            case "array":
                return [self.sample(found.get("items", {}), name.removesuffix("s"), whole=whole)]
            case "integer" | "number":
                return found.get("default", _number(max(1, found.get("minimum", 1))))
            case "boolean":
                return found.get("default", True)
            case "object":
                return {}
            case _:
                return _text(found, name)

    def _kind(self, found: Mapping[str, Any]) -> str:
        if "anyOf" in found:
            return " or ".join(self._kind(self.resolve(one)) for one in found["anyOf"])
        kind = str(found.get("type", "any value"))
        if kind == "array":
            return f"list of {self._kind(self.resolve(found.get('items', {})))}s"
        if found.get("format") == "date-time":
            return "time"
        return kind


_PREFIX_OF_OBJECT: Final = {
    name.removesuffix("_id"): prefix for name, prefix in _PREFIXES.items()
} | {"webhook_endpoint": "we", "api_key": "key", "inbox_message": "msg", "charging_session": "cs"}


def _of_name(found: Mapping[str, Any], name: str) -> Any:
    """Return what stands for a value as far as its name or its own list says."""
    if "enum" in found:
        return found["enum"][0]
    if name in _PREFIXES:
        return f"{_PREFIXES[name]}_{_ID}"
    return _SAMPLES.get(name)


def _text(found: Mapping[str, Any], name: str) -> str:
    if found.get("format") == "date-time":
        return "2026-01-31T12:00:00.000Z"
    if found.get("format") == "uri":
        return "https://example.com"
    if "default" in found:
        return str(found["default"])
    return name.replace("_", " ") or "text"


def _bounds(found: Mapping[str, Any]) -> Iterator[str]:
    low, high = (_number(found.get(name)) for name in ("minimum", "maximum"))
    if low is not None and high is not None:
        yield f"{low} to {high}."
    elif low is not None:
        yield f"At least {low}."
    elif high is not None:
        yield f"At most {high}."
    if "maxLength" in found and found.get("type") == "string":
        yield f"At most {found['maxLength']} characters."
    if "maxItems" in found:
        yield f"At most {found['maxItems']} items."


def _number(value: float | None) -> float | None:
    """Return a whole number without its fraction."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)
