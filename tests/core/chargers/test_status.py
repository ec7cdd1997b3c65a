"""Live status: what a charger reports, what a partner reads, what a feed must not lose."""

import asyncio
from datetime import timedelta

import pytest

from core.chargers import registry, status
from core.chargers.states import ConnectorStatus
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339
from tests.core.chargers.making import (
    connect,
    disconnect,
    heard,
    make_charger,
    make_partner,
    make_station,
    report,
    shown,
    tell,
)

AVAILABLE = ConnectorStatus.AVAILABLE
CHARGING = ConnectorStatus.CHARGING


async def test_an_unknown_connector_is_learned_and_the_partner_hears_of_it(
    db: Database, vault: Vault
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    await connect(db, charger.id)
    await report(db, charger.id, AVAILABLE, evse=2)
    async with db.transaction() as tx:
        (learned,) = await registry.connectors_of(tx, charger.id)
    assert (learned.evse, learned.connector, learned.learned) == (2, 1, True)
    (row,) = await shown(db, partner_id)
    assert (row["status"], row["station_id"], row["stale"]) == ("available", station_id, False)
    (event,) = await heard(db, partner_id, "connector.status_changed")
    assert event["data"]["object"] == row
    assert event["object_sequence"] == row["seq"] == learned.seq
    station = (await heard(db, partner_id, "station.updated"))[-1]["data"]["object"]
    assert station["chargers"][0]["connectors"][0]["id"] == learned.id


async def test_the_same_status_again_only_confirms(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    await connect(db, charger.id)
    await report(db, charger.id, AVAILABLE)
    (before,) = await shown(db, partner_id)
    clock.advance(3700)
    (stale,) = await shown(db, partner_id)
    assert stale["stale"]
    await report(db, charger.id, AVAILABLE)
    (after,) = await shown(db, partner_id)
    assert (after["since"], after["seq"]) == (before["since"], before["seq"])
    assert after["as_of"] > before["as_of"]
    assert not after["stale"]
    assert len(await heard(db, partner_id, "connector.status_changed")) == 1


async def test_another_status_moves_since_and_goes_to_the_end_of_the_feed(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    await connect(db, charger.id)
    await report(db, charger.id, AVAILABLE, evse=1)
    await report(db, charger.id, AVAILABLE, evse=2)
    _, last = await shown(db, partner_id)
    clock.advance(10)
    at = db.now() - timedelta(seconds=2)
    await report(db, charger.id, CHARGING, evse=1, at=at)
    (row,) = await shown(db, partner_id, after_seq=last["seq"])
    assert (row["status"], row["since"]) == ("charging", rfc3339(at))
    assert await shown(db, partner_id, after_seq=row["seq"]) == []


@pytest.mark.parametrize(
    ("first_s", "second_s", "is_newer"),
    [
        (-60, -30, True),
        (-60, -60, True),
        (-60, -61, False),
        (None, -3600, True),
        (-60, None, True),
        (240, 1, True),  # the clock ran four minutes ahead and was set right
        (-60, 3600, True),  # an impossible time counts as none
        (-60, -(401 * 86_400), True),  # a clock that was never set
    ],
)
async def test_a_replayed_older_status_never_overwrites_a_newer_one(
    db: Database, vault: Vault, clock: ShiftedClock, *, first_s: int, second_s: int, is_newer: bool
) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        now = tx.now
    times = [None if s is None else now + timedelta(seconds=s) for s in (first_s, second_s)]
    await report(db, charger.id, CHARGING, at=times[0])
    clock.advance(2)
    await report(db, charger.id, AVAILABLE, at=times[1])
    async with db.transaction() as tx:
        (connector,) = await registry.connectors_of(tx, charger.id)
    assert connector.status is (AVAILABLE if is_newer else CHARGING)


async def test_evse_0_is_a_note_at_the_charger(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    now = charger.created_at
    faulted = ConnectorStatus.FAULTED
    await report(db, charger.id, faulted, evse=0, at=now, error_code="GroundFailure")
    await report(db, charger.id, AVAILABLE, evse=0, at=now - timedelta(hours=1))
    async with db.transaction() as tx:
        noted = await registry.get(tx, charger.id)
        assert await registry.connectors_of(tx, charger.id) == []
    assert (noted.status, noted.error_code) == (faulted, "GroundFailure")


async def test_s10_numbers_that_no_connector_has_are_ignored(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    impossible = ((1001, None), (-1, None), (2**40, 1), (1, 2**70), (1, 0), (1, -1))
    for evse, connector in impossible:
        await report(db, charger.id, AVAILABLE, evse=evse, connector=connector)
        async with db.transaction() as tx:
            assert await status.connector_at(tx, charger.id, evse, connector) is None
            assert await registry.connectors_of(tx, charger.id) == []


async def test_s9_a_charger_cannot_grow_without_end(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        for evse in range(1, 1 + status.MAX_CONNECTORS):
            assert await status.connector_at(tx, charger.id, evse, None) is not None
        assert await status.connector_at(tx, charger.id, 999, None) is None
    await report(db, charger.id, AVAILABLE, evse=998)
    async with db.transaction() as tx:
        assert len(await registry.connectors_of(tx, charger.id)) == status.MAX_CONNECTORS


async def test_texts_that_a_database_cannot_store_are_cleaned(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    code = "\x00\ud800" + "x" * 100
    await report(db, charger.id, ConnectorStatus.FAULTED, error_code=code)
    async with db.transaction() as tx:
        (connector,) = await registry.connectors_of(tx, charger.id)
    assert connector.error_code == "\ufffd\ufffd" + "x" * 58


async def test_a_charger_that_names_only_the_evse_means_the_connector_in_use(
    db: Database, vault: Vault
) -> None:
    charger = await make_charger(db, vault)
    await report(db, charger.id, AVAILABLE, evse=1, connector=1)
    await report(db, charger.id, ConnectorStatus.PREPARING, evse=1, connector=2)
    async with db.transaction() as tx:
        used = await status.connector_at(tx, charger.id, 1, None)
        named = await status.connector_at(tx, charger.id, 1, 1)
    assert used is not None
    assert named is not None
    assert (used.connector, named.connector) == (2, 1)


async def test_offline_every_status_is_unknown_and_comes_back(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    epoch = await connect(db, charger.id)
    await report(db, charger.id, CHARGING, evse=1)
    await report(db, charger.id, AVAILABLE, evse=2)
    before = await shown(db, partner_id)
    clock.advance(5)
    await disconnect(db, charger.id, epoch)
    away = await shown(db, partner_id, after_seq=before[-1]["seq"])
    assert [(row["status"], row["stale"]) for row in away] == [("unknown", True)] * 2
    assert away[0]["since"] > before[0]["since"]
    await tell(db)
    clock.advance(5)
    await connect(db, charger.id)
    back = await shown(db, partner_id, after_seq=away[-1]["seq"])
    statuses = {row["connector_id"]: (row["status"], row["since"]) for row in back}
    assert statuses == {row["connector_id"]: (row["status"], row["since"]) for row in before}
    told = await heard(db, partner_id, "connector.status_changed")
    assert [event["data"]["object"] for event in told[-4:]] == away + back


async def test_i32_a_feed_shows_only_what_is_granted_in_this_mode(
    db: Database, vault: Vault
) -> None:
    station_id, test_id = await make_station(db), await make_station(db, livemode=False)
    partner_id, other_id = await make_partner(db, station_id, test_id), await make_partner(db)
    live = await make_charger(db, vault, station_id)
    test = await make_charger(db, vault, test_id, identity="CP-2")
    lost = await make_charger(db, vault, identity="CP-3")
    for charger in (live, test, lost):
        await connect(db, charger.id)
        await report(db, charger.id, AVAILABLE)
    assert [row["station_id"] for row in await shown(db, partner_id)] == [station_id]
    assert await shown(db, other_id) == []
    assert await heard(db, other_id) == []
    modes = {
        (event["livemode"], event["data"]["object"]["station_id"])
        for event in await heard(db, partner_id, "connector.status_changed")
    }
    assert modes == {(True, station_id), (False, test_id)}
    async with db.transaction() as tx:
        assert await status.livemode_of(tx, live.id) is True
        assert await status.livemode_of(tx, test.id) is False
        assert await status.livemode_of(tx, lost.id) is None
        (connector,) = await registry.connectors_of(tx, live.id)
        seen = await status.live(tx, connector.id, partner_id=partner_id, livemode=True)
        assert seen.connector == connector
        for partner, livemode in ((other_id, True), (partner_id, False)):
            with pytest.raises(PlatformError, match="not_found"):
                await status.live(tx, connector.id, partner_id=partner, livemode=livemode)
            with pytest.raises(PlatformError, match="not_found"):
                await status.feed(tx, partner_id=partner, livemode=livemode, station_id=station_id)


async def test_numbers_of_the_feed_are_distinct_and_grow_under_load(
    db: Database, vault: Vault
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    chargers = [
        await make_charger(db, vault, station_id, identity=f"CP-{number}") for number in range(5)
    ]
    for charger in chargers:
        await connect(db, charger.id)
    changes = (AVAILABLE, ConnectorStatus.PREPARING, CHARGING)

    async def live(charger_id: str) -> None:
        for change in changes:
            await report(db, charger_id, change)

    await asyncio.gather(*(live(charger.id) for charger in chargers))
    rows = await shown(db, partner_id)
    numbers = [row["seq"] for row in rows]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == len(chargers) * (len(changes) + 1), "one for each change, one online"
    told = await heard(db, partner_id, "connector.status_changed")
    assert [event["data"]["object"] for event in told] == rows, "each in its last state alone"
