"""Pages that are made from the error catalogue and the types of events."""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any, Final

from core.kernel.error_help import help_of
from core.kernel.errors import CATALOGUE, ErrorKind
from core.webhooks.types import OPT_IN, EventType
from partner_api import problems
from partner_api.documented import EVERYWHERE
from partner_api.site.layout import Document, page
from partner_api.site.markdown import Heading, code, inline, paragraphs, render
from partner_api.site.reference import address_of, table
from partner_api.site.schemas import Schemas

_RETRY: Final = {
    True: "<strong>Retryable</strong>: the same request may work later.",
    False: "<strong>Not retryable</strong>: the same request will be refused again.",
}
ERRORS: Final = """\
# Errors

Every error is a problem document (RFC 9457, `application/problem+json`):

```json
{"type": "https://api.example.com/docs/errors/connector_busy", "title": "The connector is in use",
 "status": 409, "code": "connector_busy", "detail": "A session is going on there.",
 "instance": "/v1/start_charge", "request_id": "req_01jd7zk3v5q8m2n4r6t8w0y2a4", "retryable": true}
```

- Match on `code`: it never changes. `title` and `detail` are for people.
- `retryable`: the same request may work later. Where `retry_after` (seconds) is given, so is the
  header `Retry-After`.
- `errors` names what is wrong: `{"pointer": "/limits/max_minutes", "detail": "..."}`. The pointer
  is a JSON pointer into the body; `/query/limit` and `/header/Idempotency-Key` are parameters.
- A control call that is refused (any 4xx) has done nothing and has not used up its `request_id`.
- After `500`, `503` or no answer at all, send the same request with the same `request_id` again:
  it is carried out once.
- What belongs to another partner is answered exactly as what does not exist: `404 not_found`.
- `log_url` leads to the call in your [request log](request-log.md), with what you sent; there is
  one if the call came with a good API key.
- Name the `request_id` of the problem (also in the header `X-Request-Id`) when you ask us.

An operation that was accepted and went wrong later is not an error of a request: see `failure` of
the operation.
"""
"""What stands before the codes."""

_OF_EXAMPLE: Final = """\
Match on `code`; `detail` is for people. `log_url` leads to the call in your
[request log](request-log.md).
"""
_EVENTS: Final = """\
An event tells that something has happened. It comes as a [webhook](webhooks.md), is listed by
`GET /v1/events` and followed by `GET /v1/events/stream`. Its `data.object` is the whole object, as
it was after what happened. Ignore types that you do not know: there will be more.
"""


def errors_index() -> Document:
    """Return the page of all codes."""
    rendered = render(ERRORS)
    parts = [rendered.html, '<h2 id="codes">Codes</h2>\n']
    headings = [*rendered.headings, Heading(2, "codes", "Codes")]
    status = 0
    for kind in CATALOGUE.values():
        if kind.status != status:
            parts.append("</ul>\n" if status else "")
            status = kind.status
            parts.append(f'<h3 id="s{status}">{status}</h3>\n<ul class="calls">\n')
            headings.append(Heading(3, f"s{status}", str(status)))
        parts.append(
            f'<li id="{kind.code}">{_link(kind.code)} <span>{escape(kind.title)}'
            f"{', retryable' if kind.retryable else ''}</span></li>\n"
        )
    parts.append('</ul>\n<h2 id="everywhere">Codes of every call</h2>\n<ul class="calls">\n')
    headings.append(Heading(2, "everywhere", "Codes of every call"))
    parts += [
        f"<li>{_link(one)} <span>{escape(CATALOGUE[one].title)}</span></li>\n" for one in EVERYWHERE
    ]
    parts.append("</ul>\n")
    return page("errors", "Errors", "".join(parts), headings)


def error_page(document: Mapping[str, Any], kind: ErrorKind) -> Document:
    """Return the page that the ``type`` of a problem names."""
    help_ = help_of(kind)
    parts = [
        '<p class="above"><a href="/docs/errors">Errors</a></p>\n',
        f"<h1><code>{kind.code}</code></h1>\n",
        f'<p class="lead">{escape(kind.title)}.</p>\n',
        f'<p><span class="status">{kind.status}</span> {_RETRY[kind.retryable]}</p>\n',
        f"<h2>Why it happens</h2>\n{paragraphs(help_.cause)}",
        f"<h2>What to do</h2>\n{paragraphs(help_.remedy)}",
        "<h2>Example</h2>\n",
        code(json.dumps(problems.example(kind.code), indent=2), "json"),
        paragraphs(_OF_EXAMPLE),
    ]
    parts += _answered_by(document, kind.code)
    return page(f"errors/{kind.code}", kind.code, "".join(parts), below="errors")


def events(document: Mapping[str, Any]) -> Document:
    """Return the page of the types of events."""
    schemas = Schemas(document)
    headings = [Heading(1, "", "Event types")]
    parts = ["<h1>Event types</h1>\n", paragraphs(_EVENTS)]
    for subject, types in groupby(EventType, key=lambda type_: type_.partition(".")[0]):
        name = subject.replace("_", " ").capitalize()
        headings.append(Heading(2, f"about-{subject}", name))
        parts.append(f'<section class="call"><h2 id="about-{subject}">{escape(name)}</h2>\n')
        parts += _events(document, schemas, list(types))
        parts.append("</section>\n")
    return page("events", "Event types", "".join(parts), headings)


def _events(
    document: Mapping[str, Any], schemas: Schemas, types: Sequence[EventType]
) -> Iterator[str]:
    yield '<dl class="fields">\n'
    for type_ in types:
        note = " <span>only for endpoints that name it</span>" if type_ in OPT_IN else ""
        when = inline(_WHEN.get(type_, ""))
        yield (
            f'<div class="field" id="{type_}"><dt><code>{type_}</code>{note}</dt>'
            f"<dd>{when}</dd></div>\n"
        )
    yield "</dl>\n"
    schema = document["webhooks"][types[0]]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    event = schemas.resolve(schema)
    object_ = schemas.resolve(event["properties"]["data"])["properties"].get("object", {})
    sample = {**schemas.sample(schema), "type": str(types[0])}
    fields = list(schemas.fields(object_))
    yield f"<details><summary>Example{' and fields' if fields else ''}</summary>\n"
    yield code(json.dumps(sample, indent=2), "json")
    if fields:
        yield "<p>Fields of <code>data.object</code>:</p>\n" + table(fields, always=True)
    yield "</details>\n"


_WHEN: Final[Mapping[str, str]] = {
    "operation.succeeded": "The charger reported what was asked for: started, stopped, reserved.",
    "operation.failed": "It will not happen; `failure` says why, and who can change it.",
    "operation.timed_out": "The deadline passed without a word of the charger.",
    "operation.cancelled": "You cancelled it before the charger was asked.",
    "operation.late_outcome": "A start that had timed out began after all; see "
    "[late starts](late-starts.md).",
    "operation.progress": "The operation has reached its next stage.",
    "session.started": "A transaction has begun at a charger.",
    "session.updated": "New meter values or another status, at most every 30 s.",
    "session.ended": "The transaction is over; its order follows.",
    "session.invalidated": "The session turned out not to be one, such as a transaction that was "
    "reported twice.",
    "order.finalized": "Energy, times and reason of a session are final.",
    "order.corrected": "Something was known later: a new `version` of the order.",
    "reservation.created": "The charger keeps the connector for you.",
    "reservation.expired": "Its time is over, and nobody came.",
    "reservation.cancelled": "You, the charger or your operator released it.",
    "reservation.used": "A charge has begun with it.",
    "connector.status_changed": "A connector that you may see has another status.",
    "charger.online": "A charger has connected.",
    "charger.offline": "A charger is not connected any more; its connectors are `unknown`.",
    "station.created": "You may see a station from now on.",
    "station.updated": "Something about a station has changed.",
    "station.removed": "You do not see a station any more.",
    "key.created": "There is a new API key.",
    "key.expiring": "An API key ends soon, a week ahead.",
    "key.revoked": "An API key is not good any more.",
    "partner.suspended": "Your operator left you reading and stopping alone.",
    "partner.reinstated": "You may do everything again.",
    "webhook_endpoint.disabled": "An endpoint gets nothing any more: it failed for 120 hours, or "
    "answered `410`.",
    "ping": "You asked for it.",
}


def _answered_by(document: Mapping[str, Any], wanted: str) -> Iterator[str]:
    if wanted in EVERYWHERE:
        yield "<h2>Where</h2>\n<p>Every call may answer so.</p>\n"
        return
    found = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if any(
            wanted in answer["content"]["application/problem+json"]["examples"]
            for status, answer in operation["responses"].items()
            if status >= "400"
        )
    ]
    if not found:
        return
    yield '<h2>Where</h2>\n<ul class="calls">\n'
    for method, path, operation in found:
        address = address_of(operation["tags"][0], operation)
        yield (
            f'<li><a href="{address}"><span class="method {method.lower()}">{method}</span> '
            f"<code>{escape(path)}</code></a></li>\n"
        )
    yield "</ul>\n"


def _link(one: str) -> str:
    return f'<a href="/docs/errors/{one}"><code>{one}</code></a>'
