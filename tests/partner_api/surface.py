"""The surface of the partner API as its OpenAPI document tells it: what generated tests run over.

A route that is new is probed without a word about it anywhere, unless a field of it takes a value
that cannot be read off its schema: then ``VALUES`` (or an example at the field) names one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs

from core.partners.scopes import Scope
from partner_api import openapi
from partner_api.app import ROUTERS
from tests.partner_api.furniture import PUBLIC_KEY

DOCUMENT: Final = openapi.document(ROUTERS, public_url="http://api.test")
SCHEMAS: Final[Mapping[str, Any]] = DOCUMENT["components"]["schemas"]

VALUES: Final[Mapping[str, Any]] = {
    "url": "http://127.0.0.1:9999/hook",
    "webhook_url": "http://127.0.0.1:9999/hook",
    "event_types": ["session.ended"],
    "scopes": list(Scope),
    "ip_allowlist": ["127.0.0.0/8"],
    "since": "2026-01-01T00:00:00Z",
    "until": "2100-01-01T00:00:00Z",
    "terms_version": "1",
    "name": "Mine",
    "max_amount": "1.50",
    "overlap_hours": 24,
    "algorithm": "ed25519",
    "public_key": PUBLIC_KEY,
}
"""By name of the field, where neither an example nor the type says what is accepted."""

Pointer = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation of the document; *body* is the schema of what it takes as JSON."""

    name: str
    method: str
    path: str
    parameters: tuple[Mapping[str, Any], ...]
    body: Mapping[str, Any] | None
    body_required: bool
    security: frozenset[str]
    statuses: frozenset[int]

    @property
    def is_stream(self) -> bool:
        return self.path.endswith("/stream")

    def parameters_in(self, place: str) -> list[Mapping[str, Any]]:
        return [parameter for parameter in self.parameters if parameter["in"] == place]


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *schema* without references and without the alternative ``null``."""
    if "$ref" in schema:
        return resolved(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    some = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return {**resolved(some[0]), **_aside(schema)} if some else schema


def _aside(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: schema[name] for name in ("examples", "description") if name in schema}


def _calls() -> Iterator[Call]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {})
            content = body.get("content", {}).get("application/json")
            yield Call(
                name=operation["operationId"],
                method=method.upper(),
                path=path,
                parameters=tuple(operation.get("parameters", ())),
                body=None if content is None else resolved(content["schema"]),
                body_required=body.get("required", False),
                security=frozenset(name for need in operation["security"] for name in need),
                statuses=frozenset(int(status) for status in operation["responses"]),
            )


CALLS: Final = tuple(_calls())
CALL: Final = {call.name: call for call in CALLS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a body: where it stands, and what may stand there."""

    pointer: Pointer
    schema: Mapping[str, Any]
    required: bool

    @property
    def name(self) -> str:
        """The name of the field, or of the list that it is an item of."""
        return next(str(part) for part in reversed(self.pointer) if not isinstance(part, int))

    def allows(self, value: Any) -> bool:
        return bool(validator(self.schema).is_valid(value))


def fields(schema: Mapping[str, Any], above: Pointer = ()) -> Iterator[Field]:
    """Yield every field of a body, however deep, and the first item of every list."""
    found = resolved(schema)
    for name, member in found.get("properties", {}).items():
        pointer = (*above, name)
        yield Field(pointer=pointer, schema=member, required=name in found.get("required", ()))
        yield from fields(member, pointer)
    if "items" in found:
        pointer = (*above, 0)
        yield Field(pointer=pointer, schema=found["items"], required=False)
        yield from fields(found["items"], pointer)


def objects(schema: Mapping[str, Any], above: Pointer = ()) -> Iterator[Pointer]:
    """Yield where an object of declared fields stands in a body: itself, and those inside."""
    found = resolved(schema)
    if "properties" in found:
        yield above
    for name, member in found.get("properties", {}).items():
        yield from objects(member, (*above, name))


_validators: dict[int, tuple[Any, Any]] = {}
"""By identity; the schema is kept, so that no other can have its place."""


def validator(schema: Mapping[str, Any]) -> Any:
    """Return an independent judge of what fits *schema*."""
    if id(schema) not in _validators:
        whole = {**schema, "components": {"schemas": SCHEMAS}}
        _validators[id(schema)] = schema, jsonschema_rs.Draft202012Validator(whole)
    return _validators[id(schema)][1]


def sample(
    schema: Mapping[str, Any], known: Mapping[str, Any], *, full: bool = False, name: str = ""
) -> Any:
    """Return a value that fits *schema*; *known*: values by name, before those of ``VALUES``.

    With *full* every field is there, else the required ones.
    """
    for values in (known, VALUES):
        if name in values:
            return values[name]
    found = resolved(schema)
    if "const" in found:
        return found["const"]
    for some in ("enum", "examples"):
        if some in found:
            return found[some][0]
    if found.get("type") == "object" or "properties" in found:
        return _object(found, known, full=full)
    if found.get("type") == "array":
        return [sample(found["items"], known, full=full)] if full or found.get("minItems") else []
    return _plain(found)


def _plain(found: Mapping[str, Any]) -> Any:
    kind = found.get("type")
    if kind == "string":
        return "x" * max(1, found.get("minLength", 1))
    return found.get("minimum", 1) if kind in {"integer", "number"} else kind == "boolean"


def _object(found: Mapping[str, Any], known: Mapping[str, Any], *, full: bool) -> dict[str, Any]:
    needed = set(found.get("required", ()))
    either = [set(one["required"]) for one in found.get("oneOf", ())]
    if either:
        needed |= either[0]
    left_out = set().union(*either[1:]) - needed
    return {
        field: sample(member, known, full=full, name=field)
        for field, member in found.get("properties", {}).items()
        if field in needed or (full and field not in left_out)
    }


def put(document: Any, pointer: Pointer, value: Any) -> Any:
    """Return *document* with *value* at *pointer*; objects on the way are made."""
    if not pointer:
        return value
    first, rest = pointer[0], pointer[1:]
    if isinstance(first, int):
        return [put(None, rest, value)]
    return {**(document or {}), first: put((document or {}).get(first), rest, value)}


def without(document: Any, pointer: Pointer) -> Any:
    """Return *document* with the member at *pointer* left out."""
    first, rest = pointer[0], pointer[1:]
    if rest:
        return {**document, first: without(document[first], rest)}
    return {name: value for name, value in document.items() if name != first}


def written(pointer: Pointer) -> str:
    """Return *pointer* as RFC 6901 has it."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in pointer)


def is_id(name: str) -> bool:
    """Tell whether a field or parameter names an object, by an id of ours or by a request_id."""
    return name.endswith(("_id", "_ids"))
