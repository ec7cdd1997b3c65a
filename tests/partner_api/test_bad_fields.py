"""Bad input, generated for every route: each field and parameter with everything it is not."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from partner_api.app import release
from partner_api.bodies import MAX_NUMBER
from tests.partner_api.asgi import JSON, Answer
from tests.partner_api.furnished import Furnished
from tests.partner_api.sending import WITH_BODY, good, pointers, problem, send, side_of
from tests.partner_api.surface import (
    CALLS,
    Field,
    fields,
    objects,
    put,
    resolved,
    sample,
    validator,
    without,
    written,
)

DEEP: Final[Any] = json.loads("[" * 25 + "]" * 25)
NOT_JSON_TO_US: Final = (MAX_NUMBER + 1, -(10**400), 1e300, "a\0b", "\ud800", DEEP)
"""Refused wherever they stand: what I-JSON, databases and readers cannot hold."""
VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x" * 10_000,
    "NaN",
    "1",
    "2026-13-01T00:00:00Z",
    "2026-01-01",
    [],
    [None],
    [[]],
    {},
    {"a": 1},
)
QUERY_VALUES: Final = (
    "",
    "-1",
    "1.5",
    "NaN",
    "ten",
    "0x10",
    " ",
    "9" * 30,
    "x" * 300,
    "a\0b",
    "yesterday",
    "2026-01-01",
    "2026-02-30T00:00:00Z",
    "[object Object]",
    "\N{DEVANAGARI DIGIT ONE}",
)
BODIES: Final = (
    (b"", "malformed_json"),
    (b"{", "malformed_json"),
    (b"\xff\xfe", "malformed_json"),
    ("{}".encode("utf-16"), "malformed_json"),
    (b"\xef\xbb\xbf{}", "malformed_json"),
    (b"{'a': 1}", "malformed_json"),
    (b"[" * 10_000, "malformed_json"),
    (b'{"a": NaN}', "malformed_json"),
    (b'{"a": -Infinity}', "malformed_json"),
    (b'{"a": 1, "a": 1}', "malformed_json"),
    (b'{"a": 01}', "malformed_json"),
    (b'{"a": ' + b"9" * 5000 + b"}", "malformed_json"),
    (b'{"a": 1e999}', "invalid_parameter"),
    (b"[]", "invalid_parameter"),
    (b"null", "invalid_parameter"),
    (b'"text"', "invalid_parameter"),
    (b"17", "invalid_parameter"),
    (b"true", "invalid_parameter"),
)
MEDIA_TYPES: Final = (
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application",
    "*/*",
    "",
    "application/json, text/plain",
)


class Verdicts(list[str]):
    """What was answered otherwise than it had to be."""

    def expect(
        self, what: str, answer: Answer, codes: set[str], pointer: str | None = None
    ) -> None:
        found = problem(answer) if answer.status >= 400 else {"code": "accepted"}
        shown = pointers(found)
        is_named = pointer is None or any(
            one == pointer or one.startswith(f"{pointer}/") for one in shown
        )
        if found["code"] not in codes or not is_named:
            self.append(f"{what}: {answer.status} {found['code']} {shown}")


async def test_what_the_generator_takes_for_good_is_good(furnished: Furnished) -> None:
    """Else the tests below would show nothing."""
    release(furnished.app)  # nobody waits for simulated chargers, which nobody runs here
    for call in WITH_BODY:
        answer = await send(furnished, call, body=good(furnished, call))
        bad = {400, 401, 403, 415} if call.security else {400, 415}
        assert answer.status not in bad, (call.name, answer.body)


def wrong_values(field: Field) -> Iterator[Any]:
    yield from NOT_JSON_TO_US
    for value in VALUES:
        if not field.allows(value) and not is_whole(field, value):
            yield value


def is_whole(field: Field, value: Any) -> bool:
    """Tell whether it is documented more strictly than it is: out of range has codes of its own."""
    return isinstance(value, int) and resolved(field.schema).get("type") == "integer"


async def test_every_field_with_everything_that_it_is_not(furnished: Furnished) -> None:
    """The code of the catalogue, the pointer to the field, and nothing written."""
    before, verdicts, count = await furnished.stored(), Verdicts(), 0
    for call in WITH_BODY:
        body = good(furnished, call)
        for field in fields(call.body or {}):
            for value in wrong_values(field):
                count += 1
                answer = await send(furnished, call, body=put(body, field.pointer, value))
                what = f"{call.name} {written(field.pointer)} {str(value)[:30]!r}"
                codes = {"invalid_parameter"}
                if isinstance(value, dict):
                    codes.add("unknown_field")
                verdicts.expect(what, answer, codes, written(field.pointer))
    assert verdicts == [], "\n".join(verdicts)
    assert await furnished.stored() == before
    assert count > 500


async def test_every_field_missing_and_one_too_many(furnished: Furnished) -> None:
    before, verdicts = await furnished.stored(), Verdicts()
    for call in WITH_BODY:
        body = good(furnished, call)
        for field in fields(call.body or {}):
            if field.required:
                answer = await send(furnished, call, body=without(body, field.pointer))
                code = "missing_request_id" if field.name == "request_id" else "invalid_parameter"
                where = written(field.pointer)
                verdicts.expect(f"{call.name} without {where}", answer, {code}, where)
        for place in objects(call.body or {}):
            pointer = (*place, "non/sense~")
            answer = await send(furnished, call, body=put(body, pointer, None))
            what = f"{call.name} with {written(pointer)}"
            verdicts.expect(what, answer, {"unknown_field"}, written(pointer))
    assert verdicts == [], "\n".join(verdicts)
    assert await furnished.stored() == before


async def test_every_body_that_cannot_be_read(furnished: Furnished) -> None:
    before, verdicts = await furnished.stored(), Verdicts()
    for call in WITH_BODY:
        for content, code in BODIES:
            if content in {b"", b"null"} and not call.body_required:
                continue  # it is the same as no body
            answer = await send(furnished, call, body=content, headers=[JSON])
            verdicts.expect(f"{call.name} {content[:20]!r}", answer, {code})
        for media_type in MEDIA_TYPES:
            content = json.dumps(good(furnished, call)).encode()
            headers = [("content-type", media_type)]
            answer = await send(furnished, call, body=content, headers=headers)
            verdicts.expect(f"{call.name} {media_type}", answer, {"unsupported_media_type"})
    assert verdicts == [], "\n".join(verdicts)
    assert await furnished.stored() == before


async def test_every_route_refuses_what_is_too_large(furnished: Furnished) -> None:
    """By its announced length, unread, or when more has come than may."""
    verdicts = Verdicts()
    for call in CALLS:
        headers = [JSON, ("content-length", str(2**40))]
        announced = await send(furnished, call, headers=headers)
        verdicts.expect(f"{call.name} announced", announced, {"body_too_large"})
        if call.body is not None:
            content = b'{"a":"' + b"x" * 200_000 + b'"}'
            unannounced = await send(furnished, call, body=content, headers=[JSON], announce=False)
            verdicts.expect(f"{call.name} chunked", unannounced, {"body_too_large"})
    assert verdicts == [], "\n".join(verdicts)


async def test_every_query_parameter_with_everything_that_it_is_not(furnished: Furnished) -> None:
    before, verdicts, count = await furnished.stored(), Verdicts(), 0
    for call in CALLS:
        required = "".join(
            f"&{one['name']}={sample(one['schema'], {}, name=one['name'])}"
            for one in call.parameters_in("query")
            if one.get("required")
        )
        for parameter in call.parameters_in("query"):
            name = parameter["name"]
            for value in QUERY_VALUES:
                if fits(parameter["schema"], value):
                    continue
                count += 1
                others = re.sub(rf"&{name}=[^&]*", "", required)
                query = f"{name}={quote(value, safe='')}{others}"
                answer = await send(furnished, call, query=query)
                codes = {"invalid_parameter"} | ({"invalid_cursor"} if name == "cursor" else set())
                verdicts.expect(f"{call.name} {query[:60]}", answer, codes, f"/query/{name}")
            twice = f"{name}=1&{name}=1{required}"
            answer = await send(furnished, call, query=twice)
            verdicts.expect(f"{call.name} {twice}", answer, {"invalid_parameter"}, f"/query/{name}")
        answer = await send(furnished, call, query=f"nonsense=1{required}")
        what = f"{call.name} nonsense"
        verdicts.expect(what, answer, {"invalid_parameter"}, "/query/nonsense")
    assert verdicts == [], "\n".join(verdicts)
    assert await furnished.stored() == before
    assert count > 300


def fits(schema: Mapping[str, Any], value: str) -> bool:
    """Tell whether a text is one of those that a query parameter may be."""
    found = resolved(schema)
    if "\0" in value:
        return False
    kind = found.get("type")
    if kind in {"integer", "number"}:
        is_number = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?" if kind == "number" else "-?[0-9]+", value)
        return is_number is not None and bool(validator(found).is_valid(json.loads(value)))
    if kind == "boolean":
        return value in {"true", "false"}
    if found.get("format") == "date-time":
        return False
    if found.get("maxLength") == 200 and "next_cursor" in found.get("description", ""):
        return False
    return bool(validator(found).is_valid(value))


async def test_every_header_parameter_with_what_it_is_not(furnished: Furnished) -> None:
    verdicts = Verdicts()
    for call in CALLS:
        for parameter in call.parameters_in("header"):
            name = parameter["name"]
            for value in ("", "a b", "x" * 5000, "\xe4", "a,b", "\t"):
                if fits(parameter["schema"], value):
                    continue
                body = None if call.body is None else json.dumps(good(furnished, call)).encode()
                headers = [(name.lower(), value), *([] if body is None else [JSON])]
                answer = await send(furnished, call, body=body, headers=headers)
                codes = {"invalid_parameter", "idempotency_mismatch"}
                verdicts.expect(f"{call.name} {name} {value[:9]!r}", answer, codes)
    assert verdicts == [], "\n".join(verdicts)


async def test_no_path_but_the_one_that_is_documented_leads_anywhere(furnished: Furnished) -> None:
    before, verdicts = await furnished.stored(), Verdicts()
    for call in CALLS:
        side = side_of(furnished, call)
        path = call.path.format(**side.ids())
        last = path.rpartition("/")[2]
        for odd in (
            f"{path}/",
            f"/{path}",
            path.replace("/v1/", "/v1//"),
            path.replace("/v1/", "/V1/"),
            path.replace("/v1/", "/v1/..;/v1/"),
            path.replace("/v1/", "/v1/./"),
            path.replace("/v1/", "/v1/%2e%2e/v1/"),
            path.replace("/v1/", "/v1/%2F"),
            path.replace("/v1/", "/v2/"),
            path.replace("/v1/", "/v1;a=b/"),
            f"{path}%2F{last}",
            f"{path}%00",
            f"{path}%0a",
            f"{path}.json",
            f"{path};a=b",
            f"{path}%3Fa=b",
            f"{path}\\",
            f"{path}%C0%AF",
        ):
            answer = await furnished.ask(side, call.method, odd, key=side.key_for(call))
            codes = {"not_found", "method_not_allowed", "invalid_credentials"}
            if "{" in call.path:
                codes.add("malformed_json")  # it is read as an id, and a body is missing
                codes.add("invalid_parameter")
            verdicts.expect(f"{call.method} {odd}", answer, codes)
    assert verdicts == [], "\n".join(verdicts)
    assert await furnished.stored() == before
