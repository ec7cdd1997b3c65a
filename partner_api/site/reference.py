"""The reference: every call, its fields, its answers and an example, from the OpenAPI document."""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from partner_api.documented import EVERYWHERE
from partner_api.openapi import SCHEME, STATUS_TOKEN
from partner_api.site.layout import Document, page
from partner_api.site.markdown import Heading, anchor_of, code, inline, paragraphs, render
from partner_api.site.schemas import Field, Schemas

Operation = Mapping[str, Any]

_INTRODUCTION: Final = """\
All addresses begin with the base URL. Calls carry `Authorization: Bearer <API key>`, and the key
needs one of the scopes named; [joining](joining.md) needs none, or the status token of the
application. Bodies are JSON with `snake_case` names. The complete description is the
[OpenAPI 3.1 document](/openapi.json), which this reference is made from.

| | |
|---|---|
| Time | RFC 3339 in UTC with `Z` and milliseconds |
| Energy, power | whole Wh, whole W |
| Money | `{"amount": "12.34", "currency": "EUR"}`, the amount always a string |
| Fields and values that you do not know | ignore them in answers; in requests they are refused |
| Errors | `application/problem+json`, see [errors](errors.md) |

## Lists

Lists take `limit` (1 to 200, 50 if not given), `cursor`, `updated_from` (inclusive) and
`updated_to` (exclusive), and answer in the order of `updated_at`:

```json
{"object": "list", "data": [], "has_more": true, "next_cursor": "MjAyNi0w..."}
```

Those that are numbered (events, statuses, meter values) take `after_seq` and answer `next_seq`
instead; the [request log](request-log.md) has the newest first.
"""


def by_tag(document: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Operation]]]:
    """Return the operations of each tag as (method, path, operation), in order."""
    found: dict[str, list[tuple[str, str, Operation]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return found


def address_of(tag: str, operation: Operation | None = None) -> str:
    """Return where a tag or an operation is described."""
    anchor = "" if operation is None else f"#{operation['operationId']}"
    return f"/docs/reference/{anchor_of(tag)}{anchor}"


def index(document: Mapping[str, Any]) -> Document:
    """Return the page with all calls."""
    introduction = render(_INTRODUCTION)
    parts = ["<h1>API reference</h1>\n", introduction.html]
    headings = [Heading(1, "", "API reference"), *introduction.headings]
    for tag, operations in by_tag(document).items():
        name = _capital(tag)
        anchor = anchor_of(tag)
        headings.append(Heading(2, anchor, name))
        parts.append(f'<h2 id="{anchor}"><a href="{address_of(tag)}">{escape(name)}</a></h2>\n')
        parts.append('<ul class="calls">\n')
        parts += [
            f'<li><a href="{address_of(tag, operation)}">{_call(method, path)}</a> '
            f"<span>{inline(_first(operation['description']))}</span></li>\n"
            for method, path, operation in operations
        ]
        parts.append("</ul>\n")
    return page("reference", "API reference", "".join(parts), headings)


def tag_page(document: Mapping[str, Any], tag: str) -> Document:
    """Return the page of the calls of one tag."""
    schemas = Schemas(document)
    base = document["servers"][0]["url"]
    name = _capital(tag)
    headings = [Heading(1, "", name)]
    parts = [f"<h1>{escape(name)}</h1>\n"]
    for method, path, operation in by_tag(document)[tag]:
        anchor = operation["operationId"]
        title = _capital(anchor.replace("_", " "))
        headings.append(Heading(2, anchor, title))
        parts.append(
            f'<section class="call"><h2 id="{anchor}">{escape(title)} '
            f'<a class="anchor" href="#{anchor}" aria-label="Link to this call">#</a></h2>\n'
            f'<p class="route">{_call(method, path)}</p>\n'
        )
        parts += _operation(schemas, base, method, path, operation)
        parts.append("</section>\n")
    return page(
        address_of(tag).removeprefix("/docs/"), name, "".join(parts), headings, below="reference"
    )


def _operation(
    schemas: Schemas, base: str, method: str, path: str, operation: Operation
) -> Iterator[str]:
    yield paragraphs(operation["description"])
    yield f"<p>{_needs(operation['security'])}</p>\n"
    yield code(_curl(schemas, base, method, path, operation), "sh")
    if parameters := operation.get("parameters"):
        yield "<h3>Parameters</h3>\n"
        yield table([_parameter(schemas, one) for one in parameters])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        yield "<h3>Body</h3>\n"
        yield table(list(schemas.fields(body["schema"])))
    yield from _answers(schemas, operation["responses"])
    yield _errors(operation["responses"])


def _answers(schemas: Schemas, responses: Mapping[str, Any]) -> Iterator[str]:
    status = next(status for status in responses if status < "300")
    good = responses[status]
    own = [
        (name, header) for name, header in good.get("headers", {}).items() if "$ref" not in header
    ]
    yield f"<h3>Answer <code>{status}</code></h3>\n"
    if own:
        headers = [
            Field(name, "header", header["description"], required=True, depth=0)
            for name, header in own
        ]
        yield table(headers, always=True)
    schema = good.get("content", {}).get("application/json", {}).get("schema")
    if not schema:
        kinds = ", ".join(good.get("content", {}))
        yield f"<p><code>{escape(kinds)}</code></p>\n"
        return
    sample = json.dumps(schemas.sample(schema), indent=2, ensure_ascii=False)
    yield code(sample, "json")
    fields = list(schemas.fields(schema))
    if fields:
        yield f"<details><summary>{len(fields)} fields</summary>\n"
        yield table(fields, always=True)
        yield "</details>\n"


def table(fields: Sequence[Field], *, always: bool = False) -> str:
    """Return fields as HTML; *always*: each is there, so none needs a mark."""
    rows = []
    for field in fields:
        mark = "" if always or not field.required else ' <span class="required">required</span>'
        text = inline(field.text) if field.text else ""
        rows.append(
            f'<div class="field d{field.depth}"><dt><code>{escape(field.name)}</code> '
            f'<span class="type">{escape(field.type)}</span>{mark}</dt><dd>{text}</dd></div>\n'
        )
    return f'<dl class="fields">\n{"".join(rows)}</dl>\n'


def _parameter(schemas: Schemas, parameter: Mapping[str, Any]) -> Field:
    schema = {**parameter["schema"]}
    schema.setdefault("description", parameter.get("description", ""))
    where = {"query": "", "path": "in the path, ", "header": "header, "}[parameter["in"]]
    kind = schemas.type_of(schema).removesuffix(" or null")
    return Field(parameter["name"], where + kind, schemas.text_of(schema), parameter["required"], 0)


def _needs(security: Sequence[Mapping[str, Any]]) -> str:
    if not security:
        return "Needs no API key."
    if STATUS_TOKEN in security[0]:
        return "Needs the status token of the application."
    scopes = [scope for need in security for scope in need[SCHEME]]
    if len(scopes) > _ANY:
        return "Any API key."
    named = " or ".join(f"<code>{escape(scope)}</code>" for scope in scopes)
    return f"Scope: {named}"


_ANY: Final = 8
"""A call that takes one of so many scopes takes any."""


def _curl(schemas: Schemas, base: str, method: str, path: str, operation: Operation) -> str:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            name = parameter["name"]
            path = path.replace(f"{{{name}}}", str(schemas.sample({"type": "string"}, name)))
    lines = [f"curl {base}{path}"]
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $KEY"')
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = schemas.sample(content["application/json"]["schema"], whole=False)
        lines.append('-H "Content-Type: application/json"')
        lines.append(f"-d '{json.dumps(body, ensure_ascii=False)}'")
    elif content:
        lines.append("--data-binary @document.pdf")
    if method not in {"GET", "POST"} or (method == "POST" and not content):
        lines[0] = f"curl -X {method} {base}{path}"
    if "text/event-stream" in operation["responses"].get("200", {}).get("content", {}):
        lines[0] = lines[0].replace("curl", "curl -N", 1)
    return " \\\n  ".join(lines)


def _errors(responses: Mapping[str, Any]) -> str:
    codes = [
        found
        for status, answer in responses.items()
        if status >= "400"
        for found in answer["content"]["application/problem+json"]["examples"]
        if found not in EVERYWHERE
    ]
    links = ", ".join(f'<a href="/docs/errors/{one}"><code>{one}</code></a>' for one in codes)
    every = '<a href="/docs/errors#everywhere">those of every call</a>'
    return f'<p class="errors">Errors: {links + " and " if links else ""}{every}.</p>\n'


def _call(method: str, path: str) -> str:
    return f'<span class="method {method.lower()}">{method}</span> <code>{escape(path)}</code>'


def _first(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
