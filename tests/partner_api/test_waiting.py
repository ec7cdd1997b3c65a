"""Long polls and the event stream: what waits holds no transaction and ends in time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from anyio import BrokenResourceError

from core.audit.service import CLI
from core.kernel.db import Database
from core.operations import service as operations
from core.partners import keys
from ops.http import serving
from partner_api import app as partner_app
from partner_api.app import PartnerApp
from partner_api.events import stream
from partner_api.middleware import Envelope
from tests.eventually import eventually
from tests.partner_api.scenes import Party, Place, start_body


async def started(partner: Party, place: Place) -> str:
    answer = await partner.client.post("/v1/start_charge", json=start_body(place))
    operation_id: str = answer.json()["id"]
    return operation_id


async def listening(db: Database, topic: str) -> None:
    async def heard() -> bool:
        return topic in db.doorbell.topics()  # type: ignore[attr-defined]

    await eventually(heard)


async def test_a_long_poll_answers_when_the_operation_is_final(
    db: Database, partner: Party, place: Place
) -> None:
    operation_id = await started(partner, place)
    poll = asyncio.create_task(partner.client.get(f"/v1/operations/{operation_id}?wait=30"))
    await listening(db, operations.topic(operation_id))
    async with db.transaction() as tx:  # SQLite has one connection: the poll holds none
        await operations.cancel(tx, operation_id)
    answer = await asyncio.wait_for(poll, 5)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


async def test_a_long_poll_without_a_ring_answers_by_the_sweep(
    db: Database, partner: Party, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = await started(partner, place)
    poll = asyncio.create_task(partner.client.get(f"/v1/operations/{operation_id}?wait=30"))
    await listening(db, operations.topic(operation_id))
    monkeypatch.setattr(db.doorbell, "deliver", lambda *_: None)
    async with db.transaction() as tx:
        await operations.cancel(tx, operation_id)
    assert (await asyncio.wait_for(poll, 5)).json()["status"] == "cancelled"


async def test_a_long_poll_answers_when_its_time_is_over(partner: Party, place: Place) -> None:
    operation_id = await started(partner, place)
    answer = await partner.client.get(f"/v1/operations/{operation_id}?wait=1")
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    for wrong in ("31", "-1", "long"):
        refused = await partner.client.get(f"/v1/operations/{operation_id}?wait={wrong}")
        assert refused.status_code == 400


async def test_s14_a_revoked_key_ends_a_long_poll(
    db: Database, partner: Party, place: Place
) -> None:
    operation_id = await started(partner, place)
    poll = asyncio.create_task(partner.client.get(f"/v1/operations/{operation_id}?wait=30"))
    await listening(db, operations.topic(operation_id))
    await revoke(db, partner)
    assert (await asyncio.wait_for(poll, 5)).status_code == 401


async def revoke(db: Database, partner: Party) -> None:
    async with db.transaction() as tx:
        await keys.revoke_key(tx, CLI, partner_id=partner.partner_id, key_id=partner.key_id)


@asynccontextmanager
async def following(
    app: PartnerApp, partner: Party, query: str = "", **headers: str
) -> AsyncIterator[AsyncIterator[str]]:
    """Open the event stream over a real socket; yield its lines."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with serving(app, host="127.0.0.1", port=0) as url:
        try:
            async with (
                httpx2.AsyncClient(base_url=url, trust_env=False, verify=False) as client,
                client.stream(
                    "GET",
                    f"/v1/events/stream{query}",
                    headers={"Authorization": f"Bearer {partner.key}"} | headers,
                ) as answer,
            ):
                assert answer.status_code == 200, await answer.aread()
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                assert answer.headers["Cache-Control"] == "no-cache"
                yield answer.aiter_lines()
        finally:
            partner_app.release(app)


async def next_event(lines: AsyncIterator[str]) -> dict[str, Any]:
    """Return the next event that is not a comment: its fields."""
    fields: dict[str, Any] = {}
    async with asyncio.timeout(10):
        async for line in lines:
            if not line and "data" in fields:
                return fields
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
    raise AssertionError("the stream has ended")


async def test_the_stream_sends_what_happens_from_now_on(
    app: PartnerApp, db: Database, partner: Party, place: Place
) -> None:
    operation_id = await started(partner, place)
    async with following(app, partner) as lines:
        await listening(db, f"events:{partner.partner_id}")
        await partner.client.post(f"/v1/operations/{operation_id}/cancel")
        event = await next_event(lines)
    body = json.loads(event["data"])
    stored = (await partner.client.get(f"/v1/events/{body['id']}")).json()
    assert body == stored
    assert (event["event"], event["id"]) == ("operation.cancelled", str(body["seq"]))


@pytest.mark.parametrize("by_header", [True, False])
async def test_the_stream_goes_on_where_the_client_was(
    app: PartnerApp, partner: Party, place: Place, *, by_header: bool
) -> None:
    operation_id = await started(partner, place)
    await partner.client.post(f"/v1/operations/{operation_id}/cancel")
    known = (await partner.client.get("/v1/events")).json()["data"]
    assert len(known) >= 2
    after = str(known[0]["seq"])
    query = "?after_seq=0" if by_header else f"?after_seq={after}"
    headers = {"Last_Event_ID": after} if by_header else {}
    async with following(app, partner, query, **headers) as lines:
        seen = [json.loads((await next_event(lines))["data"]) for _ in known[1:]]
    assert seen == known[1:]


async def test_s14_the_stream_ends_when_the_key_is_revoked(
    app: PartnerApp, db: Database, partner: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_EVERY_S", 0.05)
    async with following(app, partner) as lines:
        await listening(db, f"events:{partner.partner_id}")
        await revoke(db, partner)
        async with asyncio.timeout(5):
            rest = [line async for line in lines]
    assert ": invalid_credentials" in rest


async def test_the_stream_ends_when_the_server_stops(
    app: PartnerApp, db: Database, partner: Party
) -> None:
    async with following(app, partner) as lines:
        await listening(db, f"events:{partner.partner_id}")
        partner_app.release(app)
        async with asyncio.timeout(5):
            lines_seen = [line async for line in lines]
    assert lines_seen[0] == ": connected"


async def test_the_stream_refuses_before_it_begins(app: PartnerApp, partner: Party) -> None:
    for query in ("?after_seq=x", "?after_seq=-1", "?nonsense=1"):
        assert (await partner.client.get(f"/v1/events/stream{query}")).status_code == 400


async def test_a_stream_that_nobody_reads_any_more_is_no_error(
    app: PartnerApp, capsys: pytest.CaptureFixture[str]
) -> None:
    """FastAPI's stream raises that when the client goes while something waits to be sent."""

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ExceptionGroup("unhandled errors in a TaskGroup", [gone])

    async def sent(_: Any) -> None: ...

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    gone: Exception = BrokenResourceError()
    envelope = Envelope(inner, name="partner")
    await envelope(scope | {"state": {"services": app.services}}, sent, sent)  # type: ignore[arg-type]
    assert "request_failed" not in capsys.readouterr().out
    gone = RuntimeError("a bug")
    with pytest.raises(ExceptionGroup):
        await envelope(scope | {"state": {"services": app.services}}, sent, sent)  # type: ignore[arg-type]
