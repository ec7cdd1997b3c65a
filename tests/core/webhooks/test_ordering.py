"""Events of a session one after the other, for endpoints that ask for it; others do not wait."""

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.audit.service import CLI
from core.doctor.service import examine
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import FixedSettings, Settings
from core.webhooks import deliveries, endpoints, ordering, outbox
from core.webhooks.answers import AttemptResult
from core.webhooks.models import Endpoint, events
from core.webhooks.models import deliveries as delivery_table
from core.webhooks.outbox import Claim
from core.webhooks.recording import Outcome, record_delivered, record_failed
from core.webhooks.sender import LEASE_BEYOND_TIMEOUT
from core.webhooks.states import DeliveryStatus
from tests.core.webhooks.receiver import OK, receiving, saying
from tests.core.webhooks.scenes import (
    FAILURE,
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
    until_delivered,
)

BAD = AttemptResult(
    status_code=500, duration_ms=1, excerpt="", error=None, detail=None, retry_after_s=None
)
GOOD = replace(BAD, status_code=200)


def of(session: str, **values: Any) -> dict[str, Any]:
    """Return what an event of a session has."""
    return {"object_id": session, "related": {"session_id": session}} | values


async def seqs(db: Database, status: DeliveryStatus) -> list[int]:
    numbers = {event.id: event.seq for event in await all_events(db)}
    rows = await all_deliveries(db)
    return sorted(numbers[row.event_id] for row in rows if row.status is status)


async def test_the_next_waits_until_the_one_before_has_arrived(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with receiving(FAILURE, saying(OK)) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port, ordered="session")
        async with db.transaction() as tx:
            for type_ in ("session.started", "session.ended"):
                await say(tx, partner, type_, **of("cs_1"))
            await say(tx, partner, "order.finalized", **of("cs_1", object_id="ord_1"))
        assert await sender.deliver_once() == 1
        async with db.transaction() as tx:
            await say(tx, partner, **of("cs_2"))
            await say(tx, partner, "key.created", object_id="key_1", related={})
        while await sender.deliver_once():
            pass
        assert [body_of(request)["seq"] for request in receiver.requests[1:]] in ([4, 5], [5, 4])
        clock.advance(MINUTE - 1)
        assert await sender.deliver_once() == 0
        clock.advance(1.1)
        while await sender.deliver_once():
            pass
        assert [body_of(request)["seq"] for request in receiver.requests[3:]] == [1, 2, 3]


async def test_a_dead_letter_does_not_hold_up_its_session_for_ever(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    """It holds it up for as long as it is attempted, some 70 h; the first after it has its turn."""
    partner = await make_partner(db)
    began = db.now()
    async with receiving(FAILURE) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port, ordered="session")
        for type_ in ("session.started", "session.ended"):
            await happen(db, partner, type_)
        while DeliveryStatus.DEAD not in {row.status for row in await all_deliveries(db)}:
            await sender.deliver_once()
            due = [row.due_at for row in await all_deliveries(db) if row.status == "due"]
            clock.advance((min(due) - db.now()).total_seconds() + 0.1)
        assert {body_of(request)["seq"] for request in receiver.requests} == {1}
        receiver.answers[:] = [saying(OK)]
        assert await sender.deliver_once() == 1
    assert body_of(receiver.requests[-1])["seq"] == 2
    assert (db.now() - began).total_seconds() < 80 * HOUR


async def test_what_an_operation_said_before_it_had_a_session_comes_first(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(
            db,
            vault,
            settings,
            partner,
            receiver.port,
            ordered="session",
            event_types=["*", "operation.progress"],
        )
        async with db.transaction() as tx:
            for sequence in (1, 2):
                related = {"operation_id": "op_1"}
                await say(
                    tx,
                    partner,
                    "operation.progress",
                    object_id="op_1",
                    object_sequence=sequence,
                    related=related,
                )
        async with db.transaction() as tx:
            both = {"operation_id": "op_1", "session_id": "cs_1"}
            await say(tx, partner, object_id="cs_1", related=both)
            await say(tx, partner, "operation.succeeded", object_id="op_1", related=both)
        for number in range(1, 5):
            assert await sender.deliver_once() == 1
            assert body_of(receiver.requests[-1])["seq"] == number


async def test_sending_again_keeps_the_order_and_no_order_lets_all_go(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with receiving(FAILURE, saying(OK)) as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(
            db, vault, settings, partner, receiver.port, ordered="session"
        )
        first = await happen(db, partner)
        assert await sender.deliver_once() == 1
        clock.advance(2 * MINUTE)
        await sender.deliver_once()
        receiver.answers[:] = [FAILURE]
        async with db.transaction() as tx:
            await deliveries.resend(tx, CLI, partner_id=partner, livemode=True, event_id=first)
        for _ in range(2):
            await happen(db, partner, "session.ended")
        assert await sender.deliver_once() == 1
        assert await sender.deliver_once() == 0
        async with db.transaction() as tx:
            await endpoints.update(
                tx,
                settings,
                CLI,
                partner_id=partner,
                livemode=True,
                endpoint_id=endpoint.id,
                changes={"ordering": "none"},
            )
        receiver.answers[:] = [saying(OK)]
        while await sender.deliver_once():
            pass
    arrived = [body_of(request)["seq"] for request in receiver.requests]
    assert arrived[:3] == [1, 1, 1]
    assert sorted(arrived[3:]) == [2, 3]  # both at once: either may be first


async def test_what_waits_is_put_off_and_not_looked_at_again(
    db: Database, vault: Vault, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of a session waits, another session's event is found behind it."""
    monkeypatch.setattr(ordering, "LOOKED_AT", 5)
    partner = await make_partner(db)
    async with receiving(FAILURE, saying(OK)) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port, ordered="session")
        await happen(db, partner)
        await sender.deliver_once()
        async with db.transaction() as tx:
            for _ in range(30):
                await say(tx, partner, **of("cs_1"))
            await say(tx, partner, **of("cs_2"))
        assert await sender.deliver_once() == 1
        assert await sender.deliver_once() == 0
    assert body_of(receiver.requests[-1])["seq"] == 32
    rows = await all_deliveries(db)
    head = next(row for row in rows if row.attempts == 1 and row.status is DeliveryStatus.DUE)
    parked = [row for row in rows if row.parked]
    assert len(parked) == 30
    assert {row.due_at for row in parked} == {head.due_at}


async def test_two_senders_keep_the_order(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    """Each of twenty sessions arrives by its numbers, whoever sends what, with failures between."""
    partner = await make_partner(db)
    answers = [saying(OK), FAILURE, saying(OK), saying(OK), saying(OK)]
    async with (
        receiving(*answers * 3, saying(OK)) as receiver,
        sending(db, vault, settings) as one,
        sending(db, vault, settings) as two,
    ):
        await make_endpoint(db, vault, settings, partner, receiver.port, ordered="session")
        tasks = [asyncio.create_task(sender.run()) for sender in (one, two)]
        for number in range(5):
            for session in range(20):
                async with db.transaction() as tx:
                    facts = of(f"cs_{session}", object_sequence=number)
                    await say(tx, partner, "session.invalidated", **facts)
            clock.advance(MINUTE)
        for _ in range(3):
            clock.advance(30 * MINUTE)
        await until_delivered(db)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    arrived: defaultdict[str, list[int]] = defaultdict(list)
    for request in receiver.requests:
        body = body_of(request)
        arrived[body["related"]["session_id"]].append(body["seq"])
    assert len(arrived) == 20
    for numbers in arrived.values():
        assert numbers == sorted(numbers)
        assert len(set(numbers)) == 5
    async with db.transaction() as tx:
        assert await examine(tx) == []


@dataclass
class Arena:
    """A database that all plays share."""

    runner: asyncio.Runner
    db: Database
    clock: ShiftedClock
    vault: Vault
    settings: Settings


@dataclass
class Play:
    """One endpoint of its own partner, and what two workers hold of it."""

    partner: str
    endpoint: Endpoint
    held: dict[int, list[Claim]] = field(default_factory=lambda: {0: [], 1: []})


@pytest.fixture(scope="module")
def arena(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    path = tmp_path_factory.mktemp("ordering") / "arena.db"
    shutil.copy(sqlite_template, path)
    fixed = FixedSettings(webhook_allow_insecure=True)
    clock = ShiftedClock()
    with asyncio.Runner() as runner:
        db = Database(f"sqlite:///{path}", doorbell=MemoryDoorbell(), clock=clock)
        runner.run(db.__aenter__())
        yield Arena(runner, db, clock, Vault(fixed), fixed)
        runner.run(db.__aexit__(None, None, None))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("emit"), st.integers(0, 2)),
        st.tuples(st.just("claim"), st.integers(0, 1), st.integers(1, 4)),
        st.tuples(st.just("end"), st.integers(0, 1), st.sampled_from(["good", "bad", "dead"])),
        st.tuples(st.just("tick"), st.integers(1, 90)),
        st.tuples(st.just("resend"), st.integers(1, 8)),
    ),
    max_size=40,
)


@settings(max_examples=40)
@given(steps=STEPS)
def test_whatever_workers_do_a_session_goes_by_its_numbers(arena: Arena, steps: list[Any]) -> None:
    arena.runner.run(_play(arena, steps))


async def _play(arena: Arena, steps: list[Any]) -> None:
    partner = await make_partner(arena.db)
    endpoint, _ = await make_endpoint(
        arena.db, arena.vault, arena.settings, partner, 9009, ordered="session"
    )
    play = Play(partner, endpoint)
    for step in steps:
        await _step(arena, play, step)
    for _ in range(200):
        for worker in (0, 1):
            await _claim(arena, play, worker, 4)
            while play.held[worker]:
                await _end(arena, play, worker, "good")
        async with arena.db.transaction() as tx:
            if not await _due(tx, play):
                break
        arena.clock.advance(24 * HOUR)
    else:
        pytest.fail("something waits for ever")


async def _step(arena: Arena, play: Play, step: Any) -> None:
    match step:
        case ("emit", session):
            async with arena.db.transaction() as tx:
                await say(tx, play.partner, **of(f"{play.partner[-8:]}_{session}"))
        case ("claim", worker, limit):
            await _claim(arena, play, worker, limit)
        case ("end", worker, how):
            await _end(arena, play, worker, how)
        case ("tick", minutes):
            arena.clock.advance(minutes * MINUTE)
            play.held = {0: [], 1: []}  # their leases have run out: they have died
        case ("resend", seq):
            await _resend(arena.db, play, seq)


async def _due(tx: Tx, play: Play) -> list[Any]:
    statement = (
        select(delivery_table.c.id, delivery_table.c.order_key, events.c.seq)
        .join(events, events.c.id == delivery_table.c.event_id)
        .where(
            delivery_table.c.endpoint_id == play.endpoint.id,
            delivery_table.c.status == DeliveryStatus.DUE,
        )
    )
    return list(await tx.all(statement))


async def _claim(arena: Arena, play: Play, worker: int, limit: int) -> None:
    """Claim, and see that nothing claimed has an unfinished one before it."""
    async with arena.db.transaction() as tx:
        lease = tx.now + arena.settings.webhook_timeout + LEASE_BEYOND_TIMEOUT
        taken = await ordering.claim(tx, play.endpoint.id, limit=limit, lease=lease)
        due = {row.id: row for row in await _due(tx, play)}
    assert len(taken) <= limit
    play.held[worker] += taken
    for claimed in taken:
        own = due[claimed.id]
        session = [row.seq for row in due.values() if row.order_key == own.order_key]
        assert own.seq == min(session)


async def _end(arena: Arena, play: Play, worker: int, how: str) -> None:
    if not play.held[worker]:
        return
    claimed = play.held[worker].pop(0)
    async with arena.db.transaction() as tx:
        outcome = Outcome(claim=claimed, at=tx.now, result=GOOD if how == "good" else BAD)
        if how == "good":
            await record_delivered(tx, [outcome])
            return
        if how == "dead":
            outcome = replace(outcome, claim=replace(claimed, attempts=99))
        await record_failed(tx, outcome, jitter=0.5)


async def _resend(db: Database, play: Play, seq: int) -> None:
    async with db.transaction() as tx:
        statement = select(events.c.id).where(
            events.c.partner_id == play.partner, events.c.seq == seq
        )
        event_id = await tx.scalar(statement)
        if event_id is not None:
            await deliveries.resend(
                tx, CLI, partner_id=play.partner, livemode=True, event_id=event_id
            )


async def test_a_claim_for_an_endpoint_without_an_order_takes_all(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    endpoint, _ = await make_endpoint(db, vault, settings, partner, 9009)
    for _ in range(3):
        await happen(db, partner)
    async with db.transaction() as tx:
        lease = tx.now + LEASE_BEYOND_TIMEOUT
        assert len(await outbox.claim(tx, endpoint.id, limit=9, lease=lease)) == 3
