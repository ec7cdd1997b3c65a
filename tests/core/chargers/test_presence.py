"""Presence: one owner per charger, late closes, nodes that die."""

import asyncio
from datetime import timedelta

import pytest

from core.audit.service import CLI
from core.chargers import presence, registry
from core.chargers.facts import Booted
from core.chargers.states import ConnectorStatus
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339
from tests.core.chargers.making import (
    connect,
    disconnect,
    get,
    heard,
    make_charger,
    make_partner,
    make_station,
    report,
    shown,
    tell,
)


async def beat(db: Database, node_id: str) -> bool:
    async with db.transaction() as tx:
        return await presence.node_alive(tx, node_id)


def boot_of(charger_id: str) -> Booted:
    return Booted(
        charger_id=charger_id,
        vendor="ACME\x00",
        model="M" * 200,
        serial_number="SN-SECRET",
        firmware_version="1.0",
        reason="PowerUp",
    )


async def test_a_connection_is_noted_and_told(db: Database, vault: Vault) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    epoch = await connect(db, charger.id)
    async with db.transaction() as tx:
        online = await get(tx, charger)
    assert (online.node_id, online.epoch, online.ocpp_version) == ("node-a", epoch, "1.6")
    await tell(db)
    assert await disconnect(db, charger.id, epoch)
    async with db.transaction() as tx:
        assert not (await get(tx, charger)).online
        assert online.connected_at is not None
    came, went = await heard(db, partner_id, "charger.online", "charger.offline")
    assert (came["type"], went["type"]) == ("charger.online", "charger.offline")
    assert came["object_sequence"] < went["object_sequence"]
    assert came["data"]["object"] == {
        "id": charger.id,
        "object": "charger",
        "station_id": station_id,
        "online": True,
        "at": rfc3339(online.connected_at),
    }


async def test_i26_closing_an_old_socket_never_marks_the_charger_offline(
    db: Database, vault: Vault
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    old = await connect(db, charger.id, "node-a")
    new = await connect(db, charger.id, "node-b")
    assert new > old
    assert not await disconnect(db, charger.id, old)
    async with db.transaction() as tx:
        assert (await get(tx, charger)).node_id == "node-b"
    assert len(await heard(db, partner_id, "charger.online", "charger.offline")) == 1
    assert await disconnect(db, charger.id, new)
    assert not await disconnect(db, charger.id, new)
    assert len(await heard(db, partner_id, "charger.offline")) == 1


async def test_a_removed_charger_cannot_connect(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        await registry.delete(tx, CLI, charger.id)
    with pytest.raises(PlatformError, match="not_found"):
        await connect(db, charger.id)
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match="not_found"):
            await presence.booted(tx, boot_of(charger.id))


async def test_a_silent_node_is_released_and_learns_that_it_was(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    assert not await beat(db, "node-a")
    assert not await beat(db, "node-b")
    dead = await make_charger(db, vault, station_id)
    alive = await make_charger(db, vault, station_id, identity="CP-2")
    for charger, node_id in ((dead, "node-a"), (alive, "node-b")):
        await connect(db, charger.id, node_id)
        await report(db, charger.id, ConnectorStatus.AVAILABLE)
    clock.advance(16)
    assert await beat(db, "node-b")
    async with db.transaction() as tx:
        assert await presence.release_dead_nodes(tx, older_than=timedelta(seconds=15)) == 1
    async with db.transaction() as tx:
        assert await presence.release_dead_nodes(tx) == 0
        assert not (await get(tx, dead)).online
        assert (await get(tx, alive)).online
    assert {row["status"] for row in await shown(db, partner_id)} == {"available", "unknown"}
    (event,) = await heard(db, partner_id, "charger.offline")
    assert event["data"]["object"]["id"] == dead.id
    assert not await beat(db, "node-a"), "it has to close its sockets"
    assert await beat(db, "node-a")


async def test_chargers_of_a_node_that_never_beat_are_released(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    await connect(db, charger.id, "forgotten")
    async with db.transaction() as tx:
        assert await presence.release_dead_nodes(tx) == 1
    async with db.transaction() as tx:
        assert not (await get(tx, charger)).online


async def test_a_node_is_released_in_parts(db: Database, vault: Vault) -> None:
    await beat(db, "node-a")
    for number in range(3):
        charger = await make_charger(db, vault, identity=f"CP-{number}")
        await connect(db, charger.id)
    released = []
    for _ in range(3):
        async with db.transaction() as tx:
            released.append(await presence.release_node(tx, "node-a", limit=2))
    assert released == [2, 1, 0]


async def test_last_seen_is_written_for_many_at_once(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    chargers = [await make_charger(db, vault, identity=f"CP-{number}") for number in range(3)]
    clock.advance(60)
    at = db.now()
    async with db.transaction() as tx:
        await presence.seen(tx, {charger.id: at for charger in chargers[:2]})
        await presence.seen(tx, {})
    async with db.transaction() as tx:
        seen = [(await get(tx, charger)).last_seen_at for charger in chargers]
    assert seen == [at, at, None]


async def test_a_boot_is_noted_and_a_new_model_is_told(db: Database, vault: Vault) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    before = len(await heard(db, partner_id, "station.updated"))
    fact = boot_of(charger.id)
    for _ in range(2):
        async with db.transaction() as tx:
            booted = await presence.booted(tx, fact)
    assert (booted.vendor, booted.model, booted.boot_reason) == ("ACME\ufffd", "M" * 100, "PowerUp")
    told = (await heard(db, partner_id, "station.updated"))[before:]
    assert len(told) == 1
    assert told[0]["data"]["object"]["chargers"][0]["vendor"] == "ACME\ufffd"
    assert "SN-SECRET" not in str(told)
    assert "CP-1" not in str(told)


async def test_i26_flapping_sockets_reports_and_releases_end_without_deadlock(
    db: Database, vault: Vault
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    chargers = [
        await make_charger(db, vault, station_id, identity=f"CP-{number}") for number in range(4)
    ]
    for charger in chargers:
        for evse in (1, 2):
            await report(db, charger.id, ConnectorStatus.AVAILABLE, evse=evse)

    async def flap(charger_id: str) -> None:
        for _ in range(3):
            await disconnect(db, charger_id, await connect(db, charger_id))

    async def charge(charger_id: str) -> None:
        for change in (ConnectorStatus.CHARGING, ConnectorStatus.AVAILABLE) * 2:
            await report(db, charger_id, change, evse=2)

    async def release() -> None:
        for _ in range(3):
            async with db.transaction() as tx:
                await presence.release_dead_nodes(tx)

    flapping = [work(charger.id) for charger in chargers for work in (flap, charge)]
    await asyncio.gather(*flapping, release(), release())
    async with db.transaction() as tx:
        assert not any([(await get(tx, charger)).online for charger in chargers])
    told = await heard(db, partner_id, "connector.status_changed")
    numbers = [event["object_sequence"] for event in told]
    assert numbers == sorted(set(numbers))
    assert {row["status"] for row in await shown(db, partner_id)} == {"unknown"}
    for charger in chargers:
        turns = [
            event["object_sequence"]
            for event in await heard(db, partner_id, "charger.online", "charger.offline")
            if event["data"]["object"]["id"] == charger.id
        ]
        assert turns == sorted(set(turns))
