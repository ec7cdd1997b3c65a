"""The API collection: every call with an example, for Postman, Bruno and Insomnia.

Its form is Postman's, v2.1, which all of them read.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

Schema = Mapping[str, Any]

_FORM: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_JSON: Final = "application/json"
_ABOUT: Final = """\
Set `base_url` and `api_key`, or send "Submit Application" first: it sets the key. Calls that make \
or list something set the variables of the calls that come after."""

_NEW_ID: Final = "{{$guid}}"
_VALUES: Final[Mapping[str, Any]] = {
    "request_id": _NEW_ID,
    "start_request_id": "{{start_request_id}}",
    "expires_at": "{{in_an_hour}}",
    "since": "{{an_hour_ago}}",
    "token": "{{email_token}}",
    "scopes": ["events:read"],
    "event_types": ["*"],
    "terms_version": "1",
    "name": "Example",
    "line1": "Hauptstr. 1",
    "postal_code": "10115",
    "city": "Berlin",
    "seconds": 60,
    "user_ref": "driver-7",
    "kind": "registration",
}
"""Of fields that the document shows no example for; names that end in ``_id`` are variables."""

_SHOWN: Final = frozenset({"user_ref", "postal_code", "event_types"})
"""Fields that need not be there, and are shown all the same."""

_SETS: Final[Mapping[str, Mapping[str, str]]] = {
    "submit_application": {
        "api_key": "answer.test_key.secret",
        "status_token": "answer.status_token",
        "application_id": "answer.id",
    },
    "list_test_chargers": {
        "charger_id": "answer.data[0].id",
        "connector_id": "answer.data[0].connector_id",
        "station_id": "answer.data[0].station_id",
    },
    "start_charge": {"operation_id": "answer.id", "start_request_id": "answer.request_id"},
    "reserve": {"operation_id": "answer.id"},
    "get_operation": {
        "session_id": "answer.session_id",
        "reservation_id": "answer.reservation_id",
    },
    "list_orders": {"order_id": "answer.data[0].id"},
    "list_events": {"event_id": "answer.data[0].id"},
    "create_webhook_endpoint": {"endpoint_id": "answer.id"},
    "create_inbox": {"endpoint_id": "answer.id"},
    "list_deliveries": {"delivery_id": "answer.data[0].id"},
    "create_api_key": {"key_id": "answer.id"},
}
"""Variables that an answer sets, by operation id."""

_BEFORE: Final = [
    "const at = (hours) => new Date(Date.now() + hours * 3600e3).toISOString();",
    'pm.collectionVariables.set("in_an_hour", at(1));',
    'pm.collectionVariables.set("an_hour_ago", at(-1));',
]


def collection(document: Schema) -> dict[str, Any]:
    """Return the collection of all calls of an OpenAPI document, by tag."""
    calls = [
        (operation["tags"][0], _call(document, path, method, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    folders = [
        {"name": tag.capitalize(), "item": [call for _, call in found]}
        for tag, found in groupby(calls, key=lambda one: one[0])
    ]
    known = {"base_url": document["servers"][0]["url"], "api_key": "vg_test_..."}
    variables = dict.fromkeys(sorted(_variables(folders)), "") | known
    return {
        "info": {"name": document["info"]["title"], "description": _ABOUT, "schema": _FORM},
        "auth": _bearer("api_key"),
        "event": [_script("prerequest", _BEFORE)],
        "variable": [{"key": name, "value": value} for name, value in variables.items()],
        "item": folders,
    }


def _call(document: Schema, path: str, method: str, operation: Schema) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": method.upper(),
        "url": _url(document, path, operation),
        "description": operation["description"],
        "header": [],
    }
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    elif "statusToken" in operation["security"][0]:
        request["auth"] = _bearer("status_token")
    if body := operation.get("requestBody"):
        request |= _body(document, body["content"])
    found = {"name": operation["summary"], "request": request}
    if sets := _SETS.get(operation["operationId"]):
        lines = [
            f'pm.collectionVariables.set("{name}", {value} || "");' for name, value in sets.items()
        ]
        lines = ["if (pm.response.code < 300) {", "const answer = pm.response.json();", *lines, "}"]
        found["event"] = [_script("test", lines)]
    return found


def _url(document: Schema, path: str, operation: Schema) -> dict[str, Any]:
    path = path.replace("{", "{{").replace("}", "}}")
    query = [
        {
            "key": one["name"],
            "value": str(_value(one["name"], one["schema"], document)) if one["required"] else "",
            "description": one.get("description", ""),
            "disabled": not one["required"],
        }
        for one in operation.get("parameters", ())
        if one["in"] == "query"
    ]
    sent = "&".join(f"{one['key']}={one['value']}" for one in query if not one["disabled"])
    raw = "{{base_url}}" + path + (f"?{sent}" if sent else "")
    parts = path.strip("/").split("/")
    return {"raw": raw, "host": ["{{base_url}}"], "path": parts, "query": query}


def _body(document: Schema, content: Schema) -> dict[str, Any]:
    if _JSON not in content:
        header = {"key": "Content-Type", "value": next(iter(content))}
        return {"header": [header], "body": {"mode": "file", "file": {"src": "example.pdf"}}}
    example = _value("", content[_JSON]["schema"], document)
    raw = json.dumps(example, indent=2, ensure_ascii=False)
    return {
        "header": [{"key": "Content-Type", "value": _JSON}],
        "body": {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}},
    }


def _value(name: str, schema: Schema, document: Schema) -> Any:
    """Return an example of a field."""
    if name not in _VALUES and name.endswith("_id"):
        return f"{{{{{name}}}}}"
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return _value(name, choice, document)
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        return _members(schema, document)
    if name in _VALUES:
        return _VALUES[name]
    given = [*schema.get("examples", ()), schema.get("default"), *schema.get("enum", ())]
    return next((one for one in given if one is not None), None)


def _members(schema: Schema, document: Schema) -> dict[str, Any]:
    required = [*schema.get("required", ()), *schema.get("oneOf", [{}])[0].get("required", ())]
    fields: dict[str, Schema] = schema["properties"]
    is_change = not required  # nothing is needed: show what can be said
    return {
        name: _value(name, field, document)
        for name, field in fields.items()
        if name in required or name in _SHOWN or (is_change and _is_shown(name, field))
    }


def _is_shown(name: str, field: Schema) -> bool:
    return name in _VALUES or "default" in field or "examples" in field


def _variables(value: Any) -> Iterator[str]:
    """Yield the names of the variables in *value*."""
    match value:
        case dict():
            for member in value.values():
                yield from _variables(member)
        case list():
            for item in value:
                yield from _variables(item)
        case str():
            for part in value.split("{{")[1:]:
                name = part.partition("}}")[0]
                if not name.startswith("$"):
                    yield name


def _bearer(variable: str) -> dict[str, Any]:
    token = {"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}
    return {"type": "bearer", "bearer": [token]}


def _script(listen: str, lines: list[str]) -> dict[str, Any]:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": lines}}
