"""The stream of statuses: a snapshot, then the latest state of what changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from core.audit.service import CLI
from core.chargers import announcing, connector_store, stations
from core.chargers.states import ConnectorStatus
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.partners import keys
from ops.http import serving
from partner_api import app as partner_app
from partner_api.app import PartnerApp
from partner_api.stations import stream
from tests.eventually import eventually
from tests.partner_api.scenes import Party, Place, grant, make_place, report

CHARGING = ConnectorStatus.CHARGING
AVAILABLE = ConnectorStatus.AVAILABLE


@asynccontextmanager
async def following(
    app: PartnerApp, partner: Party, query: str = "", **headers: str
) -> AsyncIterator[AsyncIterator[str]]:
    """Open the stream over a real socket; yield its lines."""
    async with serving(app, host="127.0.0.1", port=0) as url:
        try:
            async with (
                httpx2.AsyncClient(base_url=url, trust_env=False, verify=False) as client,
                client.stream(
                    "GET",
                    f"/v1/statuses/stream{query}",
                    headers={"Authorization": f"Bearer {partner.key}"} | headers,
                ) as answer,
            ):
                assert answer.status_code == 200, await answer.aread()
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                assert answer.headers["Cache-Control"] == "no-store"
                yield answer.aiter_lines()
        finally:
            partner_app.release(app)


async def read(lines: AsyncIterator[str], count: int = 1) -> list[dict[str, Any]]:
    """Return the next statuses, each with the id it came with."""
    found: list[dict[str, Any]] = []
    fields: dict[str, str] = {}
    async with asyncio.timeout(30):
        async for line in lines:
            if not line and "data" in fields:
                assert fields["event"] == "status"
                status = json.loads(fields["data"])
                assert fields["id"] == str(status["seq"])
                found.append(status)
                fields = {}
                if len(found) == count:
                    return found
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
    raise AssertionError("the stream has ended")


async def polled(partner: Party, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await partner.client.get(f"/v1/statuses{query}")).json()["data"]
    return found


async def test_sy2_it_begins_with_what_is_and_goes_on_with_what_changes(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, place: Place
) -> None:
    other = await make_place(db, vault, identity="CP-2")
    await grant(db, other, partner.partner_id)
    unseen = await make_place(db, vault, identity="CP-3")
    async with following(app, partner) as lines:
        assert await read(lines, 2) == await polled(partner)
        await report(db, unseen.charger_id, CHARGING)
        await report(db, place.charger_id, CHARGING)
        (changed,) = await read(lines)
        assert changed == (await polled(partner))[-1]
        assert (changed["connector_id"], changed["status"]) == (place.connector_id, "charging")


async def test_a_grant_counts_within_two_seconds_while_the_stream_goes_on(
    app: PartnerApp,
    db: Database,
    vault: Vault,
    partner: Party,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "LOOK_EVERY_S", 0.02)
    other = await make_place(db, vault, identity="CP-2")
    async with following(app, partner) as lines:
        await read(lines)
        await grant(db, other, partner.partner_id)
        async with db.transaction() as tx:
            await stations.revoke_station(tx, CLI, partner.partner_id, place.station_id)
        reads = asyncio.create_task(read(lines))

        async def told() -> bool:
            await report(db, other.charger_id, CHARGING)
            await report(db, other.charger_id, AVAILABLE)
            return reads.done()

        await eventually(told)
        await report(db, place.charger_id, CHARGING)
        await report(db, other.charger_id, CHARGING)
        seen = reads.result()
        while seen[-1]["status"] != "charging" or seen[-1]["seq"] < await last_seq(db):
            seen += await read(lines)
    assert {status["connector_id"] for status in seen} == {other.connector_id}


async def last_seq(db: Database) -> int:
    async with db.transaction() as tx:
        return await connector_store.last_number(tx, announcing.FEED)


@pytest.mark.parametrize("by_header", [True, False])
async def test_it_goes_on_where_the_client_was(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, place: Place, *, by_header: bool
) -> None:
    other = await make_place(db, vault, identity="CP-2")
    await grant(db, other, partner.partner_id)
    first, second = await polled(partner)
    query = "?after_seq=0" if by_header else f"?after_seq={first['seq']}"
    headers = {"Last-Event-ID": str(first["seq"])} if by_header else {}
    async with following(app, partner, query, **headers) as lines:
        assert await read(lines) == [second]


async def test_a_client_that_was_away_gets_the_last_state_alone(
    app: PartnerApp, db: Database, partner: Party, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "AT_ONCE", 1)
    (before,) = await polled(partner)
    for reported in (CHARGING, AVAILABLE) * 3 + (CHARGING,):
        await report(db, place.charger_id, reported)
    async with following(app, partner, f"?after_seq={before['seq']}") as lines:
        assert await read(lines) == await polled(partner)
        await report(db, place.charger_id, AVAILABLE)
        assert await read(lines) == await polled(partner)


async def test_one_station_can_be_followed(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, place: Place
) -> None:
    other = await make_place(db, vault, identity="CP-2")
    await grant(db, other, partner.partner_id)
    async with following(app, partner, f"?station_id={other.station_id}") as lines:
        (snapshot,) = await read(lines)
        await report(db, place.charger_id, CHARGING)
        await report(db, other.charger_id, CHARGING)
        (changed,) = await read(lines)
    assert {snapshot["station_id"], changed["station_id"]} == {other.station_id}


async def test_s14_it_ends_when_the_key_is_revoked(
    app: PartnerApp, db: Database, partner: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_EVERY_S", 0.05)
    async with following(app, partner) as lines:
        assert await anext(lines) == ": connected"
        async with db.transaction() as tx:
            await keys.revoke_key(tx, CLI, partner_id=partner.partner_id, key_id=partner.key_id)
        async with asyncio.timeout(30):
            rest = [line async for line in lines]
    assert ": invalid_credentials" in rest


async def test_silence_is_kept_alive_and_a_stop_of_the_server_ends_it(
    app: PartnerApp, clock: ShiftedClock, partner: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_EVERY_S", 0.05)
    async with following(app, partner) as lines:
        assert [await anext(lines) for _ in range(3)] == [": connected", "retry: 2000", ""]
        clock.advance(16)
        async with asyncio.timeout(30):
            assert await anext(lines) == ":"
        partner_app.release(app)
        async with asyncio.timeout(30):
            assert [line async for line in lines if line] == []
    assert app.services.board.since(2**62) is None, "with its last follower the reader ends"


async def test_it_refuses_before_it_begins(
    app: PartnerApp, db: Database, vault: Vault, partner: Party
) -> None:
    hidden = await make_place(db, vault, identity="CP-9")
    for query in ("?after_seq=x", "?after_seq=-1", "?nonsense=1"):
        assert (await partner.client.get(f"/v1/statuses/stream{query}")).status_code == 400
    for station_id in (hidden.station_id, "st_unknown"):
        answer = await partner.client.get(f"/v1/statuses/stream?station_id={station_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
