"""Schemas as types of Python."""

from typing import Final

from clients.generate.document import Schema, name_of, without_null

_TEXTS: Final = {"date-time": "datetime", "binary": "bytes"}
_SIMPLE: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def answered(schema: Schema, *, enum: str) -> str:
    """Return the type of a field of an answer; *enum*: how a list of words is called there."""
    inner, nullable = without_null(schema)
    text = _answered(inner, enum=enum)
    return f"{text} | None" if nullable and text != "Any" else text


def sent(schema: Schema, *, is_enum: frozenset[str], prefix: str = "") -> str:
    """Return the type of what a caller gives; *is_enum*: which names are lists of words."""
    inner, nullable = without_null(schema)
    text = _sent(inner, is_enum=is_enum, prefix=prefix)
    return f"{text} | None" if nullable and text != "Any" else text


def words_of(schema: Schema) -> list[str] | None:
    """Return the words of a list of words that has no name of its own."""
    inner, _ = without_null(schema)
    return list(inner["enum"]) if "enum" in inner and inner.get("type") == "string" else None


def _answered(schema: Schema, *, enum: str) -> str:
    if name := name_of(schema):
        return name
    if "enum" in schema and schema.get("type") == "string":
        return enum
    match schema.get("type"):
        case "string" if schema.get("format") == "date-time":
            return "datetime"
        case "array":
            return f"list[{answered(schema['items'], enum='str')}]"
        case "object":
            values = schema.get("additionalProperties")
            inner = answered(values, enum="str") if isinstance(values, dict) else "Any"
            return f"dict[str, {inner}]"
        case kind:
            return _SIMPLE.get(str(kind), "Any")


def _sent(schema: Schema, *, is_enum: frozenset[str], prefix: str) -> str:
    if name := name_of(schema):
        return f"{prefix}{name} | str" if name in is_enum else f"{prefix}{name}"
    if "enum" in schema and schema.get("type") == "string":
        words = ", ".join(f'"{word}"' for word in schema["enum"])
        return f"Literal[{words}]"
    match schema.get("type"):
        case "string":
            return _TEXTS.get(schema.get("format", ""), "str")
        case "array":
            items = sent(schema["items"], is_enum=is_enum, prefix=prefix)
            return f"Sequence[{items}]"
        case "object":
            return "Mapping[str, Any]"
        case kind:
            return _SIMPLE.get(str(kind), "Any")
