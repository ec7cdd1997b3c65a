"""The OpenAPI document as the generator reads it: calls, by resource, and types."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

JSON: Final = "application/json"
STREAM: Final = "text/event-stream"
CONTROL: Final = "control"
CLIENT: Final = "client"
"""The resource of the control calls: the client itself."""

_NAMES: Final = {"empty_inbox": "empty", "add_document": "add_document"}
"""Methods that their path would name badly, by operation id."""
_TWO_WORDS: Final = frozenset({"test_helpers"})
"""Resources whose name is the first two parts of their path."""
_OF_METHOD: Final = {"post": "create", "patch": "update", "put": "replace", "delete": "delete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An argument of a method; *place*: ``path``, ``query``, ``body`` or ``file``."""

    name: str
    place: str
    schema: Schema
    required: bool
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One route as a method of a resource."""

    resource: str
    name: str
    method: str
    path: str
    text: str
    parameters: tuple[Parameter, ...]
    answer: str | None
    """The name of its schema; ``None``: bytes."""
    is_stream: bool
    """It answers with server-sent events, each an *answer*."""
    of_application: bool
    """It is called with the status token of an application."""

    @property
    def is_control(self) -> bool:
        return self.resource == CLIENT

    @property
    def is_repeatable(self) -> bool:
        """Tell whether it may be sent twice without being done twice."""
        return self.is_control or self.method in {"GET", "PATCH", "PUT"}


def calls(document: Schema) -> list[Call]:
    """Return the calls of *document*."""
    return [
        _call(document, path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def name_of(schema: Schema) -> str | None:
    """Return the name of what *schema* refers to, if it does no more."""
    reference = schema.get("$ref")
    return None if reference is None else str(reference).rpartition("/")[2]


def without_null(schema: Schema) -> tuple[Schema, bool]:
    """Return *schema* without ``null``, and whether it allowed that."""
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(choices) == 1 and len(schema["anyOf"]) > 1:
        return choices[0], True
    return schema, False


def item_of_list(document: Schema, name: str) -> str | None:
    """Return the name of what the list *name* is a list of, if it is one."""
    fields = document["components"]["schemas"][name].get("properties", {})
    if fields.get("object", {}).get("const") != "list":
        return None
    return name_of(fields["data"]["items"])


def event_objects(document: Schema) -> dict[str, str]:
    """Return what ``data.object`` of the events is, by type, where it is described."""
    schemas = document["components"]["schemas"]
    found = {}
    for type_, hook in document["webhooks"].items():
        body = name_of(hook["post"]["requestBody"]["content"][JSON]["schema"]) or ""
        data = name_of(schemas[body]["properties"]["data"]) or ""
        if name := name_of(schemas[data]["properties"]["object"]):
            found[type_] = name
    return found


def _call(document: Schema, path: str, method: str, operation: Schema) -> Call:
    parts = path.removeprefix("/v1/").split("/")
    content = _good_answer(operation).get("content", {})
    answer = name_of(content[JSON]["schema"]) if JSON in content else None
    is_stream = STREAM in content
    if is_stream:
        answer = _streamed(document, path)
    is_list = answer is not None and item_of_list(document, answer) is not None
    resource, name = _named(parts, method, operation, is_list=is_list)
    return Call(
        resource=resource,
        name=name,
        method=method.upper(),
        path=path,
        text=operation["description"].strip(),
        parameters=tuple(_parameters(document, operation)),
        answer=answer,
        is_stream=is_stream,
        of_application=any("statusToken" in need for need in operation["security"]),
    )


def _named(parts: list[str], method: str, operation: Schema, *, is_list: bool) -> tuple[str, str]:
    """Return the resource and the name of the method."""
    if operation["tags"] == [CONTROL] and len(parts) == 1:
        return CLIENT, parts[0]
    length = 2 if parts[0] in _TWO_WORDS else 1
    resource, rest = ".".join(parts[:length]), parts[length:]
    verbs = [part for part in rest if not part.startswith("{")]
    ids = len(rest) - len(verbs)
    default = {"get": "list" if is_list else "get"} | _OF_METHOD
    name = verbs[0] if len(verbs) == 1 and ids <= 1 else default[method]
    if len(verbs) > 1 or (verbs and (ids > 1 or method in {"delete", "patch", "put"})):
        name = operation["operationId"]
    return resource, _NAMES.get(operation["operationId"], name)


def _streamed(document: Schema, path: str) -> str | None:
    """Return what a stream consists of: the same as the list that it continues."""
    answers = _good_answer(document["paths"][path.removesuffix("/stream")]["get"])
    return item_of_list(document, name_of(answers["content"][JSON]["schema"]) or "")


def _parameters(document: Schema, operation: Schema) -> Iterator[Parameter]:
    for one in operation.get("parameters", ()):
        if one["in"] in {"path", "query"}:
            yield Parameter(
                name=one["name"],
                place=one["in"],
                schema=one["schema"],
                required=one["required"],
                text=one.get("description", ""),
            )
    body = operation.get("requestBody")
    if body is None:
        return
    if JSON not in body["content"]:
        schema = {"type": "string", "format": "binary"}
        yield Parameter(name="content", place="file", schema=schema, required=True)
        return
    whole, _ = without_null(body["content"][JSON]["schema"])
    described = document["components"]["schemas"][name_of(whole) or ""]
    for name, schema in described["properties"].items():
        yield Parameter(
            name=name,
            place="body",
            schema=schema,
            required=name in described.get("required", ()),
            text=_text(schema),
        )


def _text(schema: Schema) -> str:
    """Return what is said about a field, also where it stands inside of a choice."""
    inner, _ = without_null(schema)
    return str(schema.get("description") or inner.get("description") or "")


def _good_answer(operation: Schema) -> Schema:
    answers: dict[str, Schema] = operation["responses"]
    return next(answer for status, answer in answers.items() if status < "300")
