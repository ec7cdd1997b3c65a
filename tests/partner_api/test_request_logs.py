"""The request log as partners see it: their own calls, nothing secret, nothing of others."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.partners.scopes import Scope
from ops.http import serving
from partner_api.app import PartnerApp, create_app, release
from partner_api.request_logs import stream
from tests.partner_api.scenes import Party, Place, client_of, make_key, party, start_body

CANARY = "C4N4RY"


async def entries(app: PartnerApp, client: httpx2.AsyncClient, query: str = "") -> list[Any]:
    """Return what the log shows of the calls so far."""
    await app.services.request_log.flush()
    answer = await client.get(f"/v1/request_logs{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def test_a_problem_leads_to_its_entry(
    app: PartnerApp, settings: Settings, partner: Party, place: Place
) -> None:
    body = start_body(place, "app-1") | {"metadata": {"trip": 7}}
    refused = await partner.client.post(
        "/v1/start_charge", json=body, headers={"Idempotency-Key": "other"}
    )
    problem = refused.json()
    expected = f"{settings.public_url.rstrip('/')}/v1/request_logs/{problem['request_id']}"
    assert problem["log_url"] == expected
    await app.services.request_log.flush()
    entry = (await partner.client.get(problem["log_url"])).json()
    assert entry["id"] == problem["request_id"]
    assert (entry["status"], entry["code"]) == (400, "idempotency_mismatch")
    assert entry["request"] == {
        "bytes": int(refused.request.headers["content-length"]),
        "body": body,
        "omitted": None,
    }
    assert entry["response"]["body"]["code"] == "idempotency_mismatch"
    assert entry["key_id"] == partner.key_id
    assert entry["remote_address"] == "127.0.0.1"


async def test_a_control_call_is_found_by_its_request_id_with_its_replay(
    app: PartnerApp, partner: Party, place: Place
) -> None:
    body = start_body(place, "app-1")
    operation = (await partner.client.post("/v1/start_charge", json=body)).json()
    await partner.client.post("/v1/start_charge", json=body)
    await partner.client.get(f"/v1/operations/{operation['id']}?wait=0")
    found = await entries(app, partner.client, "?request_id=app-1")
    once, again = sorted(found, key=lambda one: bool(one["replayed"]))
    assert (once["status"], once["replayed"]) == (202, False)
    assert (again["status"], again["replayed"]) == (202, True)
    assert {once["operation_id"], again["operation_id"]} == {operation["id"]}
    (read,) = await entries(app, partner.client, "?method=GET&path=/v1/operations/")
    assert (read["operation_id"], read["query"]) == (operation["id"], "wait=0")
    assert read["route"] == "/v1/operations/{operation_id}"
    shown = (await partner.client.get(f"/v1/request_logs/{read['id']}")).json()
    assert shown["response"]["omitted"] == "successful_read"
    assert shown["response"]["bytes"] > 0


async def test_s19_no_secret_is_in_the_log_whatever_route_carries_it(
    app: PartnerApp, db: Database, partner: Party, place: Place
) -> None:
    """Keys, webhook secrets, id tokens: sent, answered, misplaced."""
    client = partner.client
    key = (await client.post("/v1/api_keys", json={"name": "k", "scopes": ["status:read"]})).json()
    rotated = (await client.post(f"/v1/api_keys/{key['id']}/rotate")).json()
    body = {"url": f"http://127.0.0.1:9999/hook?token={CANARY}"}
    hook = (await client.post("/v1/webhook_endpoints", json=body)).json()
    turned = (await client.post(f"/v1/webhook_endpoints/{hook['id']}/rotate_secret")).json()
    secrets = [key["secret"], rotated["secret"], hook["secret"], turned["secret"], partner.key]
    assert all(len(secret) > 20 for secret in secrets)
    for number, odd in enumerate(
        ({"id_token": CANARY}, {"user_ref": secrets[0]}, {"metadata": {"password": CANARY}})
    ):
        await client.post("/v1/start_charge", json=start_body(place, f"r{number}", **odd))
    await client.post("/v1/start_charge", json={secrets[2]: 1, "request_id": "r4"})
    await client.post("/v1/start_charge", content=f'{{"id_token": "{CANARY}"')
    await client.get(f"/v1/operations/{secrets[0]}?request_id={secrets[0]}&secret={CANARY}")
    await client.get("/v1/partner", headers={"User-Agent": f"app {secrets[3]}"})
    await app.services.request_log.flush()
    async with db.transaction() as tx:
        rows = await tx.all(text("SELECT * FROM request_logs"))
    assert len(rows) > 10
    dump = "\n".join(str(tuple(row)) for row in rows)
    assert CANARY not in dump
    assert [secret for secret in secrets if secret[-20:] in dump] == []
    assert '"id_token":"[hidden]"' in dump


async def test_s11_a_partner_sees_its_own_calls_of_its_mode_alone(
    app: PartnerApp, db: Database, vault: Vault, partner: Party
) -> None:
    _, test_key = await make_key(db, vault, partner.partner_id, livemode=False)
    async with party(app, db, vault) as other, client_of(app, test_key) as test:
        await other.client.get("/v1/sessions")
        await test.get("/v1/orders")
        await partner.client.get("/v1/events")
        await app.services.request_log.flush()
        own = {one["path"] for one in await entries(app, partner.client)}
        assert own == {"/v1/events"}
        theirs = await entries(app, other.client)
        assert "/v1/sessions" in {one["path"] for one in theirs}
        assert "/v1/events" not in {one["path"] for one in theirs}
        for id_ in (one["id"] for one in theirs):
            assert (await partner.client.get(f"/v1/request_logs/{id_}")).status_code == 404
            found = await entries(app, partner.client, f"?request_id={id_}")
            assert found == []
        tested = await entries(app, test)
        assert {one["livemode"] for one in tested} == {False}
        gone = await partner.client.get(f"/v1/request_logs/{tested[0]['id']}")
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_s12_a_key_without_keys_manage_sees_what_it_called_itself(
    app: PartnerApp, db: Database, vault: Vault, partner: Party
) -> None:
    key_id, small = await make_key(db, vault, partner.partner_id, scopes=[Scope.STATUS_READ])
    await partner.client.get("/v1/events")
    async with client_of(app, small) as reader:
        refused = await reader.get("/v1/events")
        assert {one["key_id"] for one in await entries(app, reader)} == {key_id}
        assert (await reader.get(f"/v1/request_logs/{refused.json()['request_id']}")).json()[
            "code"
        ] == "insufficient_scope"
        everything = await entries(app, partner.client)
        assert {one["key_id"] for one in everything} == {key_id, partner.key_id}
        foreign = next(one["id"] for one in everything if one["key_id"] != key_id)
        assert (await reader.get(f"/v1/request_logs/{foreign}")).status_code == 404


async def test_who_is_not_known_is_not_logged(
    app: PartnerApp, db: Database, vault: Vault, partner: Party
) -> None:
    async with client_of(app) as nobody:
        problem = (await nobody.get("/v1/events", headers={"Authorization": "Bearer x"})).json()
    assert "log_url" not in problem
    assert await entries(app, partner.client) == []


async def test_an_error_of_ours_is_logged_as_such(
    app: PartnerApp, partner: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("core.webhooks.events.list_events", broken)
        answer = await partner.client.get("/v1/events")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "internal_error")
    (entry,) = await entries(app, partner.client, "?status=5xx")
    assert (entry["id"], entry["code"]) == (problem["request_id"], "internal_error")
    assert problem["log_url"].endswith(entry["id"])


@pytest.mark.parametrize(
    "query", ["status=6xx", "status=four", "code=no_such", "method=get", "path=", "request_id=a b"]
)
async def test_a_filter_that_cannot_be_is_refused(partner: Party, query: str) -> None:
    for path in ("/v1/request_logs", "/v1/request_logs/stream"):
        answer = await partner.client.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_switched_off_there_is_no_log_and_no_link(
    db: Database, settings: Settings, vault: Vault, partner: Party, clock: ShiftedClock
) -> None:
    off = settings.model_copy(update={"request_log": False})
    app = create_app(db, off, vault, clock)
    async with client_of(app, partner.key) as client:
        assert "log_url" not in (await client.get("/v1/events?x=1")).json()
        assert await entries(app, client) == []


async def followed(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    async for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_the_stream_tells_each_call_once_and_goes_on_behind_one(
    app: PartnerApp, partner: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_EVERY_S", 0.02)
    auth = {"Authorization": f"Bearer {partner.key}"}
    await partner.client.get("/v1/events")
    await app.services.request_log.flush()
    async with (
        serving(app, host="127.0.0.1", port=0) as url,
        httpx2.AsyncClient(base_url=url, headers=auth, timeout=30) as client,
    ):
        async with client.stream("GET", "/v1/request_logs/stream?status=4xx") as answer:
            assert answer.status_code == 200
            told = followed(answer.aiter_lines())
            for path in ("/v1/orders", "/v1/orders?x=1", "/v1/sessions?x=1"):
                await partner.client.get(path)
                await app.services.request_log.flush()
            first, second = await anext(told), await anext(told)
            assert [one["path"] for one in (first, second)] == ["/v1/orders", "/v1/sessions"]
            assert {first["code"], second["code"]} == {"invalid_parameter"}
            release(app)
            assert [one async for one in told] == []
        app.services.closing.clear()
        async with client.stream(
            "GET", "/v1/request_logs/stream", headers={"Last-Event-ID": first["id"]}
        ) as answer:
            seen = [one["id"] for one in [await anext(followed(answer.aiter_lines()))]]
            assert seen != [first["id"]]
            release(app)
        unknown = await client.get("/v1/request_logs/stream?after=req_unknown")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


async def test_s14_the_stream_ends_when_the_key_is_revoked(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_EVERY_S", 0.02)
    key_id, key = await make_key(db, vault, partner.partner_id)
    auth = {"Authorization": f"Bearer {key}"}
    async with (
        serving(app, host="127.0.0.1", port=0) as url,
        httpx2.AsyncClient(base_url=url, headers=auth, timeout=30) as client,
        client.stream("GET", "/v1/request_logs/stream") as answer,
    ):
        lines = answer.aiter_lines()
        assert "connected" in await anext(lines)
        await partner.client.post(f"/v1/api_keys/{key_id}/revoke")
        async with asyncio.timeout(10):
            assert ": invalid_credentials" in [line async for line in lines]
