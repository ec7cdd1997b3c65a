"""Requests that name what is not the caller's, generated for every place where an id goes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from core.kernel.db import Database
from core.kernel.ids import new_id
from core.kernel.times import rfc3339
from tests.partner_api.asgi import Answer
from tests.partner_api.furnished import Scene, Side
from tests.partner_api.surface import (
    CALLS,
    Call,
    Field,
    Pointer,
    fields,
    is_id,
    put,
    resolved,
    sample,
)

VARYING: Final = frozenset({"x-request-id", "content-length", "ratelimit"})
"""Headers that differ from one answer to the next; that they are there is compared all the same."""

MALFORMED: Final = (
    "x",
    "0",
    "-1",
    "null",
    "undefined",
    "*",
    "%",
    "a" * 64,
    "1'--",
    '1" OR "1"="1',
    "..\\",
    "\N{PILE OF POO}",
    "\N{FULLWIDTH DIGIT ONE}",
    "{id}",
)
"""What is no id at all."""


def bent(own: str) -> tuple[str, ...]:
    """Return what a careless reader takes for *own*, which the caller does have."""
    prefix, _, body = own.partition("_")
    return (
        own.upper(),
        f" {own}",
        f"{own} ",
        f"{own}\n",
        f"{own}\t",
        f"{own};a=b",
        f"{own}.json",
        f"{own},{own}",
        own[:-1],
        f"{own}0",
        body,
        f"{prefix}-{body}",
        f"{prefix}_{body[:-1]}%",
        f"{prefix}__{body[1:]}",
    )


@dataclass(frozen=True, slots=True)
class Neutral:
    """What may not differ between two answers: all but the request's id and what it asked for."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an id goes in a call: *inside* ``path``, ``query`` or ``body``."""

    call: Call
    inside: str
    pointer: Pointer
    schema: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The kind of id, named as the path parameters are."""
        name = next(str(part) for part in reversed(self.pointer) if not isinstance(part, int))
        name = name.removesuffix("s")
        return {"start_request_id": "request_id", "object_id": "session_id"}.get(name, name)

    @property
    def takes_any(self) -> bool:
        """Whether ids of every kind are good there; what is hidden is probed all the same."""
        return self.pointer[-1] == "object_id"

    def __str__(self) -> str:
        return f"{self.call.name} {self.inside} {'.'.join(map(str, self.pointer))}"


def places() -> Iterator[Place]:
    """Yield every place of every call where an id of an object goes."""
    for call in CALLS:
        if call.is_stream:
            continue
        for inside in ("path", "query"):
            for parameter in call.parameters_in(inside):
                if is_id(parameter["name"]):
                    yield Place(
                        call=call,
                        inside=inside,
                        pointer=(parameter["name"],),
                        schema=parameter["schema"],
                    )
        for field in () if call.body is None else fields(call.body):
            if names_an_object(field):
                yield Place(call=call, inside="body", pointer=field.pointer, schema=field.schema)


def names_an_object(field: Field) -> bool:
    """Tell whether an id goes there; a list of ids has its first item asked for."""
    is_text = "items" not in resolved(field.schema) and field.name != "request_id"
    return is_text and is_id(field.name)


def request(place: Place, side: Side, db: Database, id_: str) -> tuple[str, dict[str, Any] | None]:
    """Return target and body of a call of *side* that is good but for the id."""
    call, values = place.call, known(side, db)
    name = str(place.pointer[0])
    target = call.path
    for parameter in call.parameters_in("path"):
        part = parameter["name"]
        value = id_ if (place.inside, name) == ("path", part) else values[part]
        target = target.replace(f"{{{part}}}", quote(value, safe=""))
    asked = {
        parameter["name"]: sample(parameter["schema"], values, name=parameter["name"])
        for parameter in call.parameters_in("query")
        if parameter.get("required")
    }
    if place.inside == "query":
        asked[name] = id_
    query = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in asked.items())
    body = None
    if call.body is not None and (call.body_required or place.inside == "body"):
        body = sample(call.body, values)
    if place.inside == "body":
        body = put(_alone(call, body, place.pointer), place.pointer, id_)
    return f"{target}?{query}" if query else target, body


def _alone(call: Call, body: Any, pointer: Pointer) -> Any:
    """Leave out what may not be named beside it."""
    either = [one["required"] for one in (call.body or {}).get("oneOf", ())]
    others = {name for names in either for name in names if pointer[0] not in names}
    return {name: value for name, value in body.items() if name not in others}


def known(side: Side, db: Database) -> Mapping[str, Any]:
    """Return what *side* puts into a body, by name."""
    return {
        **side.ids(),
        "request_id": "probe-1",
        "start_request_id": side.has.request_id,
        "object_id": side.has.session_id,
        "station_ids": [side.has.station_id],
        "expires_at": rfc3339(db.now() + timedelta(hours=1)),
    }


def unknown_ids(kind: str, side: Side) -> tuple[str, ...]:
    """Return ids of this kind that nobody has; the first is what the others are compared to."""
    if kind == "request_id":
        return ("nobody-1", "nobody-2")
    prefix = getattr(side.has, kind).partition("_")[0]
    return (new_id(prefix), f"{prefix}_{'0' * 26}", f"{prefix}_{'z' * 26}")


def hidden_ids(kind: str, side: Side, scene: Scene) -> tuple[str, ...]:
    """Return ids that *side* must not know to exist: foreign ones, and what is gone."""
    others = scene.foreign_to(side)
    foreign = [getattr(other.has, kind) for other in others]
    gone = [id_ for whose in (side, *others) for id_ in whose.gone.get(kind, ())]
    return (*foreign, *gone)


def wrong_ids(kind: str, side: Side, scene: Scene, turn: int) -> tuple[str, ...]:
    """Return what is no id of this kind: those of other kinds, and texts of all sorts.

    A third of them, another one at each *turn*: what an id looks like is judged in few places,
    and all of those are asked many times.
    """
    if kind == "request_id":
        return ()
    right = getattr(side.has, kind)
    other_kinds = [id_ for name, id_ in scene.their_live.ids().items() if name != kind]
    own_kinds = [id_ for id_ in side.ids().values() if id_ != right]  # one thing, many names
    return (*other_kinds, *own_kinds, *bent(right), *MALFORMED)[turn % 3 :: 3]


def neutral(answer: Answer) -> Neutral:
    """Return what may not differ between this answer and another."""
    headers = tuple(
        (name, "" if name in VARYING else value) for name, value in sorted(answer.headers)
    )
    if answer.status < 400:
        return Neutral(answer.status, headers, answer.body)
    body = json.loads(answer.body)
    ours = [body.pop(name) for name in ("request_id", "instance")]
    assert body.pop("log_url", "/req_").partition("/req_")[1]
    assert all(isinstance(value, str) for value in ours)
    return Neutral(answer.status, headers, json.dumps(body).encode())
