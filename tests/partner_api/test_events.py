"""What a partner sees of its events: filters, an age, and a replay."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.webhooks import retention
from core.webhooks.models import deliveries
from partner_api.app import PartnerApp
from tests.partner_api.furniture import Furniture, furnish
from tests.partner_api.scenes import Party, party


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
async def things(db: Database, vault: Vault, partner: Party) -> Furniture:
    return await furnish(db, vault, partner, name="own")


async def listed(partner: Party, query: str = "") -> dict[str, Any]:
    answer = await partner.client.get(f"/v1/events?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_events_of_a_session_are_its_operations_its_own_and_its_orders(
    partner: Party, things: Furniture
) -> None:
    found = await listed(partner, f"session_id={things.session_id}&limit=200")
    types = [event["type"] for event in found["data"]]
    assert sorted(types) == [
        "operation.succeeded",
        "order.finalized",
        "session.ended",
        "session.started",
    ]
    (order,) = (await listed(partner, f"object_id={things.order_id}"))["data"]
    assert order["related"]["session_id"] == things.session_id
    at = order["timestamp"]
    assert order not in (await listed(partner, f"until={at}&limit=200"))["data"]
    assert order in (await listed(partner, f"since={at}&limit=200"))["data"]
    assert (await listed(partner, "session_id=cs_nothing"))["data"] == []


async def test_an_endpoint_for_one_station_gets_what_happens_there(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, things: Furniture
) -> None:
    """Each event of operations, reservations, sessions, orders and connectors knows its station."""
    async with party(app, db, vault) as other:
        foreign = (await furnish(db, vault, other, name="theirs")).station_id
    url = "http://127.0.0.1:9999/hook"
    answers = [
        await partner.client.post(
            "/v1/webhook_endpoints", json={"url": url, "station_ids": [station_id]}
        )
        for station_id in (things.station_id, foreign, "st_nothing")
    ]
    assert [answer.status_code for answer in answers] == [201, 404, 404]
    endpoint = answers[0].json()
    assert endpoint["station_ids"] == [things.station_id]
    assert (endpoint["ordering"], endpoint["health"]["status"]) == ("none", "ok")
    replayed = await partner.client.post(
        f"/v1/webhook_endpoints/{endpoint['id']}/replay", json={"status": "all"}
    )
    assert replayed.json()["count"] == len((await listed(partner, "limit=200"))["data"])
    changed = await partner.client.patch(
        f"/v1/webhook_endpoints/{endpoint['id']}", json={"station_ids": None}
    )
    assert changed.json()["station_ids"] is None
    for wrong in ([], [foreign], "st_1", [1]):
        refused = await partner.client.patch(
            f"/v1/webhook_endpoints/{endpoint['id']}", json={"station_ids": wrong}
        )
        assert refused.status_code in {400, 404}


async def test_events_that_are_gone_are_410_and_not_a_silence(
    db: Database, partner: Party, things: Furniture, settings: Settings, clock: ShiftedClock
) -> None:
    newest = (await listed(partner))["next_seq"]
    await db_is_old(db, settings, clock)
    answer = await partner.client.get("/v1/events?after_seq=2")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (410, "events_expired")
    assert problem["oldest_seq"] == newest + 1
    assert f"after_seq={newest}" in problem["detail"]
    for headers in ({"Last-Event-ID": "2"}, {}):
        stream = await partner.client.get("/v1/events/stream?after_seq=2", headers=headers)
        assert (stream.status_code, stream.json()["code"]) == (410, "events_expired")
    assert await listed(partner, "after_seq=0") == {
        "object": "list",
        "data": [],
        "has_more": False,
        "next_cursor": None,
        "next_seq": newest,
        "oldest_seq": newest + 1,
    }


async def db_is_old(db: Database, settings: Settings, clock: ShiftedClock) -> None:
    """Let all events grow old and go; what was still to be sent to nowhere is switched off."""
    async with db.transaction() as tx:
        await tx.execute(update(deliveries).values(status="dead"))
    clock.advance((settings.event_retention + timedelta(days=1)).total_seconds())
    await retention.delete_old(db, kept=settings.event_retention)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"status": "some"}, "/status"),
        ({"event_types": []}, "/event_types"),
        ({"event_types": "session.*"}, "/event_types"),
        ({"since": "yesterday"}, "/since"),
        ({"until": 5}, "/until"),
        ({"object_id": ""}, "/object_id"),
        ({"after_seq": -1}, "/after_seq"),
        ({"endpoint": "we_1"}, "/endpoint"),
    ],
)
async def test_a_replay_says_what_is_wrong_with_it(
    partner: Party, body: dict[str, Any], pointer: str
) -> None:
    created = await partner.client.post(
        "/v1/webhook_endpoints", json={"url": "http://127.0.0.1:9999/hook"}
    )
    answer = await partner.client.post(
        f"/v1/webhook_endpoints/{created.json()['id']}/replay", json=body
    )
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
