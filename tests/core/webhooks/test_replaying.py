"""Sending again by filter: what fits, once, the same id and bytes."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import update

from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.webhooks import endpoints, replaying, store
from core.webhooks import events as reading
from core.webhooks.models import Endpoint
from core.webhooks.models import deliveries as delivery_table
from core.webhooks.replaying import Replayed, Which, replay, replay_dead_letters
from core.webhooks.states import DeliveryStatus
from core.webhooks.wanted import Wanted
from tests.core.webhooks.receiver import receiving
from tests.core.webhooks.scenes import (
    HOUR,
    MINUTE,
    all_deliveries,
    all_events,
    body_of,
    happen,
    make_endpoint,
    make_partner,
    say,
    sending,
)

PORT = 9009


async def again(
    db: Database, endpoint: Endpoint, which: Which = Which.ALL, *, after_seq: int = 0, **wanted: Any
) -> Replayed:
    async with db.transaction() as tx:
        return await replay(
            tx,
            CLI,
            partner_id=endpoint.partner_id,
            livemode=endpoint.livemode,
            endpoint_id=endpoint.id,
            which=which,
            wanted=Wanted(**wanted),
            after_seq=after_seq,
        )


async def settle(db: Database, *statuses: DeliveryStatus) -> None:
    """Give the deliveries that are due these statuses, in the order of their events."""
    numbers = {event.id: event.seq for event in await all_events(db)}
    due = [row for row in await all_deliveries(db) if row.status is DeliveryStatus.DUE]
    due.sort(key=lambda row: numbers[row.event_id])
    async with db.transaction() as tx:
        for row, status in zip(due, statuses, strict=True):
            statement = update(delivery_table).where(delivery_table.c.id == row.id)
            await tx.execute(statement.values(status=status))


async def waiting(db: Database) -> list[int]:
    """Return the numbers of the events that wait, sorted."""
    numbers = {event.id: event.seq for event in await all_events(db)}
    rows = await all_deliveries(db)
    return sorted(numbers[row.event_id] for row in rows if row.status is DeliveryStatus.DUE)


DONE, DEAD, DISABLED, DUE = (
    DeliveryStatus.DELIVERED,
    DeliveryStatus.DEAD,
    DeliveryStatus.DISABLED,
    DeliveryStatus.DUE,
)


@pytest.mark.parametrize(
    ("which", "expected"),
    [(Which.ALL, [1, 2, 3, 5]), (Which.FAILED, [2]), (Which.UNDELIVERED, [2, 3, 5])],
)
async def test_the_status_says_what_is_sent_again(
    db: Database, vault: Vault, settings: Settings, which: Which, expected: Sequence[int]
) -> None:
    partner = await make_partner(db)
    endpoint, _ = await make_endpoint(db, vault, settings, partner, PORT)
    for _ in range(4):
        await happen(db, partner)
    await settle(db, DONE, DEAD, DISABLED, DUE)
    async with db.transaction() as tx:
        await endpoints.update(
            tx,
            settings,
            CLI,
            partner_id=partner,
            livemode=True,
            endpoint_id=endpoint.id,
            changes={"event_types": ["order.*"]},
        )
    await happen(db, partner)  # not subscribed to
    done = await again(db, endpoint, which, types=["session.*"])
    assert (done.count, done.has_more, done.next_seq) == (len(expected), False, 5)
    assert await waiting(db) == sorted([*expected, 4])
    assert (await again(db, endpoint, which, types=["session.*"])).count == 0, "all of it waits"


async def test_only_what_fits_is_sent_again_and_the_bytes_are_the_same(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(db, vault, settings, partner, receiver.port)
        for hour in range(4):
            async with db.transaction() as tx:
                await say(tx, partner, object_id="cs_1", object_sequence=hour + 1)
                await say(
                    tx,
                    partner,
                    "order.finalized",
                    object_id=f"ord_{hour}",
                    related={"session_id": f"cs_{hour}"},
                )
                await say(tx, partner, livemode=False)
            clock.advance(HOUR)
        while await sender.deliver_once():
            pass
        sent = {body_of(request)["seq"]: request.body for request in receiver.requests}
        receiver.requests.clear()
        times = {event.seq: event.created_at for event in await all_events(db)}
        cases: list[tuple[dict[str, Any], list[int]]] = [
            ({"object_id": "cs_1"}, [1, 4, 7, 10]),
            ({"session_id": "cs_2"}, [8]),
            ({"types": ["order.finalized"]}, [2, 5, 8, 11]),
            ({"types": ["session.*"], "since": times[4], "until": times[10]}, [4, 7]),
            ({"since": times[10]}, [10, 11]),
            ({"until": times[4]}, [1, 2]),
            ({"types": ["key.*"]}, []),
        ]
        for wanted, expected in cases:
            done = await again(db, endpoint, **wanted)
            while await sender.deliver_once():
                pass
            got = {body_of(request)["seq"]: request.body for request in receiver.requests}
            assert (done.count, sorted(got)) == (len(expected), expected), wanted
            assert got == {seq: sent[seq] for seq in expected}
            receiver.requests.clear()


@pytest.mark.parametrize(("queued", "examined"), [(3, 50), (50, 2)])
async def test_a_large_replay_goes_on_where_it_was_cut(
    db: Database,
    vault: Vault,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    queued: int,
    examined: int,
) -> None:
    monkeypatch.setattr(replaying, "MAX_QUEUED", queued)
    monkeypatch.setattr(reading, "MAX_EXAMINED", examined)
    partner = await make_partner(db)
    endpoint, _ = await make_endpoint(db, vault, settings, partner, PORT)
    for _ in range(7):
        await happen(db, partner)
    await settle(db, *[DONE] * 7)
    after_seq, counts, has_more = 0, [], True
    while has_more:
        done = await again(db, endpoint, after_seq=after_seq)
        counts.append(done.count)
        after_seq, has_more = done.next_seq, done.has_more
    assert await waiting(db) == [1, 2, 3, 4, 5, 6, 7]
    assert counts == ([3, 3, 1] if queued == 3 else [2, 2, 2, 1])


async def test_what_cannot_be_replayed_says_why(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner, other = await make_partner(db), await make_partner(db)
    endpoint, _ = await make_endpoint(db, vault, settings, partner, PORT)
    off, _ = await make_endpoint(db, vault, settings, partner, PORT, enabled=False)
    with pytest.raises(PlatformError, match="invalid_parameter"):
        await again(db, endpoint, types=["sessions.*"])
    with pytest.raises(PlatformError, match="conflict"):
        await again(db, off)
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match="not_found"):
            await replay(
                tx,
                CLI,
                partner_id=other,
                livemode=True,
                endpoint_id=endpoint.id,
                which=Which.ALL,
                wanted=Wanted(),
            )


async def test_a_replay_to_an_endpoint_with_stations_stays_there(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    endpoint, _ = await make_endpoint(db, vault, settings, partner, PORT)
    async with db.transaction() as tx:
        await store.change_endpoint(tx, endpoint.id, station_ids=["st_here"])
        await say(tx, partner, station_id="st_there")
        await say(tx, partner, station_id="st_here")
    await settle(db, DONE)
    assert (await again(db, endpoint)).count == 1
    assert await waiting(db) == [2]


async def test_operators_replay_dead_letters_by_type_and_time(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    await make_endpoint(db, vault, settings, partner, PORT)
    for type_ in ("session.started", "session.ended", "order.finalized"):
        await happen(db, partner, type_)
    await settle(db, DEAD, DEAD, DEAD)
    at = min(one.updated_at for one in await all_deliveries(db))
    clock.advance(MINUTE)
    async with db.transaction() as tx:
        assert await replay_dead_letters(tx, CLI, until=at) == []
        assert await replay_dead_letters(tx, CLI, event_types=["key.*"]) == []
        assert len(await replay_dead_letters(tx, CLI, event_types=["session.*"])) == 2
        assert len(await replay_dead_letters(tx, CLI, until=tx.now)) == 1
        with pytest.raises(PlatformError, match="invalid_parameter"):
            await replay_dead_letters(tx, CLI, event_types=["nonsense"])


async def test_time_leads_to_the_first_number_after_it(
    db: Database, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the numbers begin: the oldest may be gone."""
    monkeypatch.setattr(store, "LONGEST_TRANSACTION", 0 * store.LONGEST_TRANSACTION)
    partner = await make_partner(db)
    for _ in range(9):
        await happen(db, partner)
        clock.advance(HOUR)
    found = {event.seq: event.created_at for event in await all_events(db)}
    async with db.transaction() as tx:
        for seq, at in found.items():
            assert await store.seq_before(tx, partner, at) == seq - 1
        assert await store.seq_before(tx, partner, tx.now) == 9
