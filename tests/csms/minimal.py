"""The smallest payload that a schema accepts."""

from typing import Any

from csms import schemas
from csms.codes import Version


def minimal(version: Version, action: str, *, kind: schemas.Kind = "request") -> dict[str, Any]:
    """Return a request of *action*, or an answer to one, with its required members only."""
    schema = schemas._schema(version, action, kind)
    found: dict[str, Any] = _value(schema, schema.get("definitions", {}))
    return found


def _value(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    known = schema.get("properties", {})
    is_time = schema.get("format") == "date-time"
    leaves = {"string": "2026-11-21T10:00:00Z" if is_time else "x", "integer": 1, "number": 1}
    match schema.get("type"):
        case "object":
            return {name: _value(known[name], definitions) for name in schema.get("required", ())}
        case "array":
            return [_value(schema["items"], definitions)]
        case type_:
            return leaves.get(type_ or "", True)
