"""S13: what may not be written cannot be written, whatever a body names beside what it may."""

import random
from collections.abc import Iterator
from typing import Any, Final

from core.kernel.crypto import Vault
from core.kernel.db import metadata
from core.partners.scopes import Scope
from partner_api.problems import MAX_ERRORS
from tests.partner_api.asgi import ask
from tests.partner_api.furnished import Furnished
from tests.partner_api.scenes import make_key
from tests.partner_api.sending import WITH_BODY, good, pointers, problem, send
from tests.partner_api.surface import SCHEMAS, Pointer, objects, put, resolved, written

ODD: Final = {
    "__proto__",
    "constructor",
    "_id",
    "$where",
    "role",
    "is_admin",
    "test_only",
    "Status",
}
"""What other frameworks fell for."""
READABLE: Final = {name for schema in SCHEMAS.values() for name in schema.get("properties", ())}
STORED: Final = {column.name for table in metadata.sorted_tables for column in table.c}


def names_at(schema: Any, pointer: Pointer) -> set[str]:
    for part in pointer:
        schema = resolved(schema)["properties"][part]
    return set(resolved(schema)["properties"])


async def test_s13_no_field_of_any_answer_or_table_can_be_written_beside_what_may(
    furnished: Furnished,
) -> None:
    """Every name there is, in every object of every body: each is named in the refusal."""
    before, count = await furnished.stored(), 0
    for call in WITH_BODY:
        for place in objects(call.body or {}):
            forbidden = sorted((READABLE | STORED | ODD) - names_at(call.body, place))
            for names in batches(forbidden):
                body = good(furnished, call)
                for name in names:
                    body = put(body, (*place, name), "x")
                answer = await send(furnished, call, body=body)
                found = problem(answer)
                assert (answer.status, found["code"]) == (400, "unknown_field"), (call.name, names)
                assert set(pointers(found)) == {written((*place, name)) for name in names}
                count += len(names)
    assert await furnished.stored() == before
    assert count > 5_000


def batches(names: list[str]) -> Iterator[list[str]]:
    """Yield as many at once as an answer names."""
    for first in range(0, len(names), MAX_ERRORS):
        yield names[first : first + MAX_ERRORS]


async def test_s13_a_key_makes_no_key_that_may_more_than_itself(
    furnished: Furnished, vault: Vault
) -> None:
    """For any scopes of the one and of the other; the mode is that of the key that asks."""
    chance = random.Random(1)  # noqa: S311 - no secret
    for _ in range(40):
        held = {Scope.KEYS_MANAGE, *chance.sample(list(Scope), chance.randrange(len(Scope)))}
        wanted = chance.sample(list(Scope), 1 + chance.randrange(len(Scope)))
        side = chance.choice([furnished.scene.live, furnished.scene.test])
        key_id, key = await make_key(
            furnished.db, vault, side.partner_id, livemode=side.livemode, scopes=sorted(held)
        )
        body = {"name": "more", "scopes": wanted}
        made = await ask(furnished.app, "POST", "/v1/api_keys", key=key, body=body)
        path = f"/v1/api_keys/{key_id}"
        changed = await ask(furnished.app, "PATCH", path, key=key, body={"scopes": wanted})
        if held >= set(wanted):
            assert (made.status, changed.status) == (201, 200)
            assert made.json()["livemode"] is side.livemode
            assert made.json()["secret"].startswith("vg_live_" if side.livemode else "vg_test_")
        else:
            for answer in (made, changed):
                assert (answer.status, answer.json()["code"]) == (403, "insufficient_scope")


async def test_s13_scopes_that_do_not_exist_are_none(furnished: Furnished) -> None:
    for scope in (
        "*",
        "admin",
        "operator",
        "control:*",
        "CONTROL:START",
        "control:start ",
        "a" * 64,
    ):
        for method, path in (
            ("POST", "/v1/api_keys"),
            ("PATCH", f"/v1/api_keys/{furnished.scene.live.has.key_id}"),
        ):
            body = {"name": "odd", "scopes": ["status:read", scope]}
            answer = await furnished.ask(furnished.scene.live, method, path, body=body)
            assert (answer.status, answer.json()["code"]) == (400, "invalid_parameter"), scope
