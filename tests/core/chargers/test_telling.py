"""Telling partners of statuses: the latest state, to each, once, whoever dies or races."""

import asyncio
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from core.audit.service import CLI
from core.chargers import presence, registry, telling
from core.chargers.models import cursors
from core.chargers.states import ConnectorStatus
from core.kernel import failpoints
from core.kernel.clock import ShiftedClock, SystemClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.errors import PlatformError
from core.kernel.ids import new_id
from core.kernel.settings import FixedSettings
from core.partners.models import partners
from core.webhooks.models import Delivery, deliveries, endpoints, events
from core.webhooks.replaying import Which, replay
from core.webhooks.states import DeliveryStatus
from core.webhooks.wanted import Wanted
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
FAULTED = ConnectorStatus.FAULTED
STATUS = "connector.status_changed"


async def make_charging_place(
    db: Database, vault: Vault, *, connectors: int = 1
) -> tuple[str, str]:
    """Return a station and an online charger there, all of whose connectors are available."""
    station_id = await make_station(db)
    charger = await make_charger(db, vault, station_id, identity=new_id("x"))
    await connect(db, charger.id)
    for evse in range(1, connectors + 1):
        await report(db, charger.id, AVAILABLE, evse=evse)
    return station_id, charger.id


async def make_endpoint(db: Database, partner_id: str, **values: Any) -> str:
    """Write an endpoint down that nobody calls."""
    row = {
        "id": new_id("we"),
        "partner_id": partner_id,
        "livemode": True,
        "url": "https://partner.example/hook",
        "event_types": ["*"],
        "enabled": True,
        "secret": "k:x",
        **values,
    }
    async with db.transaction() as tx:
        row |= {"created_at": tx.now, "updated_at": tx.now}
        await tx.execute(insert(endpoints).values(**row))
    return str(row["id"])


async def queued(db: Database, endpoint_id: str) -> list[Delivery]:
    statement = select(deliveries).where(deliveries.c.endpoint_id == endpoint_id)
    async with db.transaction() as tx:
        return list(await tx.all(statement.order_by(deliveries.c.id), Delivery))


async def places(db: Database) -> dict[str, int]:
    """Return up to where each partner has been told."""
    async with db.transaction() as tx:
        return {row.partner_id: row.seq for row in await tx.all(select(cursors))}


def last_states(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the last object that was told of each connector, by number."""
    objects = [event["data"]["object"] for event in told]
    newest = {one["connector_id"]: one for one in objects}
    return sorted(newest.values(), key=lambda one: one["seq"])


def without_as_of(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out when a state was confirmed last: to confirm it is no change."""
    return [{name: value for name, value in row.items() if name != "as_of"} for row in rows]


async def test_many_changes_are_one_event_of_the_last_state(db: Database, vault: Vault) -> None:
    station_id, charger_id = await make_charging_place(db, vault, connectors=3)
    partners_ = [await make_partner(db, station_id) for _ in range(2)]
    for reported in (CHARGING, AVAILABLE, CHARGING, FAULTED):
        for evse in (1, 2):
            await report(db, charger_id, reported, evse=evse)
    assert await tell(db) == 2 * 2
    assert await tell(db) == 0
    for partner_id in partners_:
        told = await heard(db, partner_id, STATUS)
        rows = {row["seq"]: row for row in await shown(db, partner_id)}
        assert [event["data"]["object"]["status"] for event in told] == ["faulted"] * 2
        for event in told:
            assert event["data"]["object"] == rows[event["object_sequence"]]


async def test_a_change_costs_a_charger_no_event_and_locks_no_partner(
    db: Database, vault: Vault
) -> None:
    station_id, charger_id = await make_charging_place(db, vault)
    partner_id = await make_partner(db, station_id)
    async with db.transaction() as tx:
        before = await tx.all(select(partners))
    await report(db, charger_id, CHARGING)
    async with db.transaction() as tx:
        assert await tx.all(select(events).where(events.c.partner_id == partner_id)) != []
        statement = select(events).where(events.c.type == STATUS)
        assert await tx.all(statement) == []
        assert await tx.all(select(partners)) == before


async def test_a_feed_is_told_in_parts(
    db: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts are cut by connectors or by chargers, whichever come more tightly."""
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    for number in range(5):
        charger = await make_charger(db, vault, station_id, identity=f"CP-{number}")
        await connect(db, charger.id)
    for evse in range(1, 6):
        await report(db, charger.id, AVAILABLE, evse=evse)
    monkeypatch.setattr(telling, "AT_ONCE", 2)
    assert await tell(db) == 5 + 5
    told = await heard(db, partner_id, STATUS, "charger.online")
    assert [event["type"] for event in told] == ["charger.online"] * 5 + [STATUS] * 5
    assert last_states(told[5:]) == await shown(db, partner_id)


async def test_whom_nothing_concerns_is_passed_over(db: Database, vault: Vault) -> None:
    station_id, charger_id = await make_charging_place(db, vault)
    other_id, _ = await make_charging_place(db, vault)
    sees, sees_not = await make_partner(db, station_id), await make_partner(db, other_id)
    await report(db, charger_id, CHARGING)
    assert await tell(db) == 1
    now = await places(db)
    assert now[sees] == now[sees_not]
    assert await heard(db, sees_not, STATUS) == []


async def test_a_new_partner_hears_what_changes_from_then_on(db: Database, vault: Vault) -> None:
    station_id, charger_id = await make_charging_place(db, vault, connectors=2)
    partner_id = await make_partner(db, station_id)
    assert await tell(db) == 0, "what is, it reads"
    await report(db, charger_id, CHARGING, evse=2)
    assert await tell(db) == 1
    async with db.transaction() as tx:
        await registry.revoke_station(tx, CLI, partner_id, station_id)
    await report(db, charger_id, AVAILABLE, evse=2)
    assert await tell(db) == 0, "nor what changes once it may not see the station"
    async with db.transaction() as tx:
        await registry.grant_station(tx, CLI, partner_id, station_id, control=False)
    await report(db, charger_id, FAULTED, evse=1)
    (_, again) = await heard(db, partner_id, STATUS)
    assert again["data"]["object"]["status"] == "faulted"


async def test_i15_workers_at_once_tell_each_state_once(db: Database, vault: Vault) -> None:
    station_id, charger_id = await make_charging_place(db, vault, connectors=4)
    told_to = [await make_partner(db, station_id) for _ in range(3)]

    async def charge() -> None:
        changes = itertools.cycle((CHARGING, AVAILABLE, FAULTED))
        for number, reported in zip(range(24), changes, strict=False):
            await report(db, charger_id, reported, evse=1 + number % 4)

    async def work() -> None:
        for _ in range(6):
            await tell(db)

    await asyncio.gather(charge(), work(), work(), work())
    for partner_id in told_to:
        told = await heard(db, partner_id, STATUS)
        for evse_states in _by_connector(told).values():
            assert evse_states == sorted(set(evse_states))
        assert last_states(told) == await shown(db, partner_id)


def _by_connector(told: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for event in told:
        key = event["data"]["object"]["connector_id"]
        numbers.setdefault(key, []).append(event["object_sequence"])
    return numbers


async def test_a_worker_that_dies_between_event_and_commit_loses_and_doubles_nothing(
    db: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    station_id, charger_id = await make_charging_place(db, vault)
    first, second = sorted([await make_partner(db, station_id) for _ in range(2)])
    await report(db, charger_id, CHARGING)

    passes = itertools.count(1)

    def die(name: str) -> None:
        if name == "statuses.telling" and next(passes) == 2:
            raise ConnectionResetError

    monkeypatch.setattr(failpoints, "hit", die)
    with pytest.raises(ConnectionResetError):
        await tell(db)
    before = await places(db)
    assert before[first] > before[second]
    assert await tell(db) == 1
    for partner_id in (first, second):
        assert len(await heard(db, partner_id, STATUS)) == 1


async def test_an_older_unsent_state_is_superseded_and_never_recovered(
    db: Database, vault: Vault
) -> None:
    station_id, charger_id = await make_charging_place(db, vault, connectors=2)
    partner_id = await make_partner(db, station_id)
    endpoint_id = await make_endpoint(db, partner_id)
    for reported in (CHARGING, FAULTED, AVAILABLE):
        await report(db, charger_id, reported)
        await report(db, charger_id, reported, evse=2)
        await tell(db)
    found = await queued(db, endpoint_id)
    assert [row.status for row in found] == ["superseded"] * 4 + ["due"] * 2
    assert len({row.latest_of for row in found}) == 2
    async with db.transaction() as tx:
        missing = await replay(
            tx,
            CLI,
            partner_id=partner_id,
            livemode=True,
            endpoint_id=endpoint_id,
            which=Which.UNDELIVERED,
            wanted=Wanted(types=[STATUS]),
        )
    assert missing.count == 0


@pytest.mark.parametrize(
    ("due_in_s", "attempts", "status"),
    [
        (-1, 0, DeliveryStatus.SUPERSEDED),
        (15, 0, DeliveryStatus.DUE),  # claimed: on its way
        (15, 1, DeliveryStatus.DUE),
        (3600, 1, DeliveryStatus.SUPERSEDED),  # failed, waits for its next attempt
    ],
)
async def test_only_what_nobody_is_sending_is_superseded(
    db: Database, vault: Vault, *, due_in_s: int, attempts: int, status: DeliveryStatus
) -> None:
    station_id, charger_id = await make_charging_place(db, vault)
    endpoint_id = await make_endpoint(db, await make_partner(db, station_id))
    await report(db, charger_id, CHARGING)
    await tell(db)
    async with db.transaction() as tx:
        due_at = tx.now + timedelta(seconds=due_in_s)
        await tx.execute(update(deliveries).values(due_at=due_at, attempts=attempts))
    await report(db, charger_id, AVAILABLE)
    await tell(db)
    assert [row.status for row in await queued(db, endpoint_id)] == [status, DeliveryStatus.DUE]


async def test_a_partner_whose_endpoint_is_behind_hears_later_of_a_later_state(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    station_id, charger_id = await make_charging_place(db, vault, connectors=3)
    partner_id = await make_partner(db, station_id)
    other_id = await make_partner(db, station_id)
    endpoint_id = await make_endpoint(db, partner_id)
    await make_endpoint(db, partner_id, enabled=False)
    for evse in (1, 2, 3):
        await report(db, charger_id, CHARGING, evse=evse)
    await telling.tell_changes(db, backlog=2)
    assert len(await queued(db, endpoint_id)) == 3
    await report(db, charger_id, FAULTED)
    assert await telling.tell_changes(db, backlog=2) == 1, "the other partner alone"
    assert len(await heard_of(db, other_id)) == 4
    await report(db, charger_id, AVAILABLE)
    assert await telling.tell_changes(db, backlog=2) == 1
    clock.advance(61)
    assert await telling.tell_changes(db, backlog=2) == 1, "not for longer than a minute"
    assert [row.status for row in await queued(db, endpoint_id)].count(
        DeliveryStatus.SUPERSEDED
    ) == 1
    await report(db, charger_id, FAULTED)
    async with db.transaction() as tx:
        await tx.execute(update(endpoints).values(failing_since=tx.now))
    assert await telling.tell_changes(db, backlog=2) == 2, "who fails holds nobody up"


async def heard_of(db: Database, partner_id: str) -> Sequence[Any]:
    statement = select(events.c.id).where(events.c.partner_id == partner_id)
    async with db.transaction() as tx:
        return await tx.scalars(statement.where(events.c.type == STATUS))


async def test_a_region_that_loses_its_network_is_told_set_wise(db: Database, vault: Vault) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    for number in range(4):
        charger = await make_charger(db, vault, station_id, identity=f"CP-{number}")
        await connect(db, charger.id)
        await report(db, charger.id, AVAILABLE)
    await tell(db)
    async with db.transaction() as tx:
        await presence.release_node(tx, "node-a")
        assert await tx.all(select(events).where(events.c.type == "charger.offline")) == []
    assert len(await heard(db, partner_id, "charger.offline")) == 4
    assert [row["status"] for row in last_states(await heard(db, partner_id, STATUS))] == [
        "unknown"
    ] * 4


REPORTS = st.tuples(st.integers(1, 3), st.sampled_from([AVAILABLE, CHARGING]))
ACTS = st.sampled_from(["tell", "connect", "disconnect", "grant", "revoke", "die"])
STEPS = st.lists(st.one_of(REPORTS, ACTS, st.just("tell")), max_size=20)


@settings(max_examples=20)
@given(steps=STEPS)
def test_i15_whatever_happens_in_whatever_order_the_last_event_is_the_state(
    sqlite_template: Path, steps: list[Any]
) -> None:
    with tempfile.TemporaryDirectory(prefix="voltgate-test-") as directory:
        path = Path(directory) / "voltgate.db"
        shutil.copy(sqlite_template, path)
        asyncio.run(_live_through(f"sqlite:///{path}", steps))


async def _live_through(url: str, steps: list[Any]) -> None:
    vault = Vault(FixedSettings(database_url=url))
    async with Database(url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db:
        station_id = await make_station(db)
        charger = await make_charger(db, vault, station_id)
        always, at_times = await make_partner(db, station_id), await make_partner(db, station_id)
        await connect(db, charger.id)
        for step in steps:
            if isinstance(step, tuple):
                await report(db, charger.id, step[1], evse=step[0])
            else:
                await _act(db, step, charger.id, station_id, at_times)
        told = await heard(db, always, STATUS)
        assert without_as_of(last_states(told)) == without_as_of(await shown(db, always))
        for partner_id in (always, at_times):
            for numbers in _by_connector(await heard(db, partner_id, STATUS)).values():
                assert numbers == sorted(set(numbers))
        turns = await heard(db, always, "charger.online", "charger.offline")
        async with db.transaction() as tx:
            present = await registry.get(tx, charger.id)
        assert turns[-1]["data"]["object"]["online"] is present.online


async def _act(db: Database, act: str, charger_id: str, station_id: str, partner_id: str) -> None:
    match act:
        case "tell":
            await tell(db)
        case "connect":
            await connect(db, charger_id)
        case "disconnect":
            async with db.transaction() as tx:
                epoch = (await registry.get(tx, charger_id)).epoch
            await disconnect(db, charger_id, epoch)
        case "grant":
            async with db.transaction() as tx:
                await registry.grant_station(tx, CLI, partner_id, station_id, control=True)
        case "revoke":
            with contextlib.suppress(PlatformError):  # it may not see it anyway
                async with db.transaction() as tx:
                    await registry.revoke_station(tx, CLI, partner_id, station_id)
        case "die":
            with pytest.MonkeyPatch.context() as patch, contextlib.suppress(ConnectionResetError):
                patch.setattr(failpoints, "hit", _die)
                await tell(db)


def _die(_: str) -> None:
    raise ConnectionResetError
