"""S11: a partner cannot tell another's object from nothing, on every route."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import httpx2
import pytest

from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.ids import new_id
from partner_api import openapi
from partner_api.app import ROUTERS, PartnerApp
from tests.partner_api.furniture import Furniture, furnish, in_an_hour
from tests.partner_api.scenes import Party, client_of, make_key, party

DOCUMENT = openapi.document(ROUTERS, public_url="http://api.test")
GARBAGE = ["x", "%00", "..%5c", "%F0%9F%92%A9", "a" * 300, "1'--"]

PREFIXES = {
    "operation_id": "op",
    "session_id": "cs",
    "order_id": "ord",
    "reservation_id": "res",
    "event_id": "evt",
    "endpoint_id": "we",
    "delivery_id": "dlv",
    "key_id": "key",
    "station_id": "st",
    "charger_id": "cp",
    "connector_id": "con",
    "application_id": "app",
    "request_log_id": "req",
}
BODIES: dict[str, Any] = {
    "recover_webhook_endpoint": {"since": "2026-01-01T00:00:00Z"},
    "change_webhook_endpoint": {"enabled": False},
    "change_api_key": {"name": "mine now"},
    "advance_test_charger": {"seconds": 1},
    "change_application": {"purpose": "mine now"},
    "prove_email": {"token": "guessed"},
}
ROUTES = [
    (method, path, operation["operationId"], parameter["name"])
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    for parameter in operation.get("parameters", [])
    if parameter["in"] == "path"
]
IN_BODIES = [
    ("start_charge", "connector_id", {"request_id": "steal-1"}),
    ("start_charge", "reservation_id", {"request_id": "steal-2", "connector_id": "own"}),
    ("stop_charge", "session_id", {"request_id": "steal-3"}),
    ("stop_charge", "start_request_id", {"request_id": "steal-4"}),
    ("reserve", "connector_id", {"request_id": "steal-5", "expires_at": "later"}),
    ("cancel_reservation", "reservation_id", {"request_id": "steal-6"}),
    ("unlock_connector", "connector_id", {"request_id": "steal-7"}),
]


def neutral(answer: Any) -> tuple[int, dict[str, str], bytes]:
    """Return what may not differ: all but the id of the request and the address asked for."""
    body = json.loads(answer.content)
    own = {"x-request-id", "ratelimit", "content-length"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    ours = [body.pop(name) for name in ("request_id", "instance")]
    assert body.pop("log_url", "/req_").partition("/req_")[1]
    assert all(isinstance(value, str) for value in ours)
    return answer.status_code, headers, json.dumps(body).encode()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("livemode", [True, False])
async def test_s11_every_route_answers_alike_for_foreign_unknown_and_impossible_ids(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, livemode: bool
) -> None:
    """Foreign is what belongs to another partner, and one's own of the other mode."""
    async with (
        party(app, db, vault, livemode=livemode) as other,
        party(app, db, vault, livemode=False) as test,
        twin(app, db, vault, other, livemode=not livemode) as other_mode,
    ):
        theirs = await furnish(db, vault, other, name="theirs", livemode=livemode)
        chargers = await simulated(other)
        assert len(chargers) == (0 if livemode else 10)
        before = await everything(other)
        assert len(ROUTES) >= 27
        for method, path, name, parameter in ROUTES:
            ids = [new_id(PREFIXES[parameter]), getattr(theirs, parameter), *GARBAGE]
            ids += [new_id("op"), theirs.charger_id, theirs.partner_id, *chargers[:2]]
            is_helper = path.startswith("/v1/test_helpers")
            for client in (partner.client, test.client, other_mode):
                answers = [
                    await client.request(
                        method, path.replace(f"{{{parameter}}}", id_), json=BODIES.get(name)
                    )
                    for id_ in ids
                ]
                expected = neutral(answers[0])
                is_live = client is not test.client and (client is partner.client or not livemode)
                refused = 403 if is_helper and is_live else 404
                if parameter == "application_id":
                    refused = 401
                assert expected[0] == refused, (method, path, answers[0].text)
                for id_, answer in zip(ids, answers, strict=True):
                    assert neutral(answer) == expected, (method, path, id_)
        assert await everything(other) == before


@pytest.mark.parametrize("livemode", [True, False])
async def test_s11_control_calls_answer_alike_for_foreign_and_unknown_ids(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, livemode: bool
) -> None:
    async with (
        party(app, db, vault, livemode=livemode) as other,
        twin(app, db, vault, other, livemode=not livemode) as other_mode,
    ):
        theirs = await furnish(db, vault, other, name="theirs", livemode=livemode)
        own = await furnish(db, vault, partner, name="own")
        before = await everything(other)
        for call, field, body in IN_BODIES:
            ids = [new_id(PREFIXES.get(field, "op")), foreign(theirs, field), "x", new_id("st")]
            for client in (partner.client, other_mode):
                if client is other_mode and body.get("connector_id") == "own":
                    continue  # it has no connector of its own there
                answers = []
                for id_ in ids:
                    filled = {**body, field: id_}
                    if filled.get("connector_id") == "own":
                        filled["connector_id"] = own.connector_id
                    if "expires_at" in filled:
                        filled["expires_at"] = in_an_hour(db)
                    answers.append(await client.post(f"/v1/{call}", json=filled))
                expected = neutral(answers[0])
                assert expected[0] == 404, (call, answers[0].text)
                for id_, answer in zip(ids, answers, strict=True):
                    assert neutral(answer) == expected, (call, field, id_)
        assert await everything(other) == before


async def test_s11_a_filter_by_a_foreign_id_finds_what_an_unknown_one_finds(
    app: PartnerApp, db: Database, vault: Vault, partner: Party
) -> None:
    async with party(app, db, vault) as other:
        theirs = await furnish(db, vault, other, name="theirs")
        for path in ("operations?connector_id", "sessions?connector_id", "orders?session_id"):
            field = path.partition("?")[2]
            theirs_id, unknown_id = getattr(theirs, field), new_id(PREFIXES[field])
            foreign_answer = await partner.client.get(f"/v1/{path}={theirs_id}")
            unknown_answer = await partner.client.get(f"/v1/{path}={unknown_id}")
            assert foreign_answer.json()["data"] == []
            assert foreign_answer.content == unknown_answer.content


@pytest.mark.parametrize("livemode", [True, False])
async def test_s11_lists_show_nothing_of_others(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, livemode: bool
) -> None:
    async with (
        party(app, db, vault, livemode=livemode) as other,
        party(app, db, vault, livemode=False) as test,
        twin(app, db, vault, other, livemode=not livemode) as other_mode,
    ):
        theirs = await furnish(db, vault, other, name="theirs", livemode=livemode)
        hidden = {value for name, value in asdict(theirs).items() if name != "partner_id"}
        hidden |= set(await simulated(other))
        for path in DOCUMENT["paths"]:
            if "{" in path or "get" not in DOCUMENT["paths"][path] or path.endswith("/stream"):
                continue
            for reader in (partner.client, test.client, other_mode):
                shown = (await reader.get(path)).text
                assert [id_ for id_ in hidden if f'"{id_}"' in shown] == [], path
            answer = (await partner.client.get(path)).json()
            ids = [row["id"] for row in answer.get("data", [])]
            assert ids in ([], [partner.key_id]), path


@asynccontextmanager
async def twin(
    app: PartnerApp, db: Database, vault: Vault, other: Party, *, livemode: bool
) -> AsyncIterator[httpx2.AsyncClient]:
    """Open a client of the same partner, with a key of the given mode."""
    _, key = await make_key(db, vault, other.partner_id, livemode=livemode)
    async with client_of(app, key) as client:
        yield client


async def simulated(party_: Party) -> list[str]:
    """Return the ids of a partner's simulated chargers; none for a live key."""
    found = (await party_.client.get("/v1/test_helpers/chargers")).json()
    return [row["id"] for row in found.get("data", [])]


def foreign(theirs: Furniture, field: str) -> str:
    value: str = theirs.request_id if field == "start_request_id" else getattr(theirs, field)
    return value


async def everything(party_: Party) -> list[Any]:
    """Return what a partner sees, to compare: nobody else may have changed it."""
    seen = []
    for path in sorted(DOCUMENT["paths"]):
        if "{" not in path and "get" in DOCUMENT["paths"][path] and not path.endswith("/stream"):
            body = (await party_.client.get(path)).json()
            for row in body.get("data", []):
                row.pop("last_used_at", None)
            for own in ("request_id", "log_url"):  # of a problem
                body.pop(own, None)
            seen.append(body)
    return seen
