"""The sender as a process: leases, crashes, outages, closing, company, isolation (I14, I16)."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import structlog

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Settings
from core.webhooks import outbox, store
from core.webhooks import sender as sender_module
from core.webhooks.lanes import AHEAD
from core.webhooks.sender import UNWRITTEN_AT_MOST
from core.webhooks.states import DeliveryStatus
from tests.core.webhooks.receiver import OK, Answer, receiving, saying, stalling
from tests.core.webhooks.scenes import (
    FAILURE,
    HOUR,
    all_attempts,
    all_deliveries,
    happen,
    make_endpoint,
    make_partner,
    sending,
    until,
    until_attempted,
    until_delivered,
)


async def test_i14_what_a_dead_process_had_claimed_is_due_again_after_the_lease(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        async with sending(db, vault, settings) as dead:
            await dead._claim()  # and then it dies
        async with sending(db, vault, settings) as sender:
            assert await sender.deliver_once() == 0
            clock.advance(14)
            assert await sender.deliver_once() == 0
            clock.advance(1.1)
            assert await sender.deliver_once() == 1
    assert len(receiver.requests) == 1


async def test_a_late_failure_does_not_touch_what_another_has_claimed(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    held = asyncio.Event()

    async def hold(writer: asyncio.StreamWriter) -> None:
        await held.wait()
        await FAILURE(writer)

    async with (
        receiving(hold, saying(OK)) as receiver,
        sending(db, vault, settings) as slow,
        sending(db, vault, settings) as quick,
    ):
        await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        first = asyncio.create_task(slow.deliver_once())
        await until(lambda: bool(receiver.requests))
        clock.advance(25.1)
        assert await quick.deliver_once() == 1
        held.set()
        assert await first == 1
    (delivery,), (attempt,) = await all_deliveries(db), await all_attempts(db)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 1)
    assert attempt.status_code == 200


async def test_i14_a_lease_that_ran_out_under_way_is_one_delivery_and_one_attempt(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    """The clock jumps, the same sender claims again, and both attempts end at once."""
    partner = await make_partner(db)
    held = asyncio.Event()

    async def hold(writer: asyncio.StreamWriter) -> None:
        await held.wait()
        await saying(OK)(writer)

    async with receiving(hold, hold) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        for _ in range(2):
            sender._sweep = True
            await sender._claim()
            sender._begin()
            clock.advance(25.1)
        await until(lambda: len(receiver.requests) == 2)
        held.set()
        await until(lambda: len(sender._taken) == 2)
        await sender._record()
    (delivery,), (attempt,) = await all_deliveries(db), await all_attempts(db)
    assert (delivery.status, delivery.attempts, attempt.number) == (DeliveryStatus.DELIVERED, 1, 1)


async def test_run_delivers_at_the_ring_and_closes_cleanly(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        running = asyncio.create_task(sender.run())
        for _ in range(30):
            await happen(db, partner)
        await until_delivered(db)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert len(receiver.requests) == 30
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 30


async def test_closing_waits_for_the_attempt_under_way(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hold(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answer.wait()
        writer.write(OK)

    async with receiving(hold) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        for _ in range(5):
            await happen(db, partner)
        running = asyncio.create_task(sender.run())
        await asked.wait()
        running.cancel()
        answer.set()
        with suppress(asyncio.CancelledError):
            await running
    found = await all_deliveries(db)
    delivered = [row for row in found if row.status is DeliveryStatus.DELIVERED]
    assert len(delivered) == len(receiver.requests) <= 2
    assert all(row.due_at <= db.now() for row in found if row.status is DeliveryStatus.DUE)


@pytest.mark.parametrize("ordered", ["none", "session"])
async def test_i16_a_hanging_endpoint_does_not_delay_another(
    db: Database, vault: Vault, settings: Settings, ordered: str
) -> None:
    """No attempt at the hanging one ends before the test does: whoever waits for it never comes."""
    settings = settings.model_copy(update={"webhook_timeout": timedelta(hours=1)})
    partner = await make_partner(db)
    never = asyncio.Event()

    async def hang(writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.close()

    async with (
        receiving(hang) as hanging,
        receiving() as good,
        sending(db, vault, settings) as sender,
    ):
        await make_endpoint(
            db,
            vault,
            settings,
            partner,
            hanging.port,
            event_types=["session.started"],
            ordered=ordered,
        )
        await make_endpoint(
            db, vault, settings, partner, good.port, event_types=["order.corrected"]
        )
        for _ in range(100):
            await happen(db, partner)
        running = asyncio.create_task(sender.run())
        await until(lambda: bool(hanging.requests))
        for number in range(20):
            await happen(db, partner, "order.corrected")
            await until(lambda sent=number: len(good.requests) > sent)  # type: ignore[misc]
        assert 1 <= len(hanging.requests) <= settings.webhook_concurrency_per_endpoint
        never.set()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_two_senders_share_the_work_and_send_nothing_twice(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    async with (
        receiving() as receiver,
        sending(db, vault, settings) as one,
        sending(db, vault, settings) as two,
    ):
        for _ in range(3):
            await make_endpoint(db, vault, settings, partner, receiver.port)
        for _ in range(10):
            await happen(db, partner)
        while sum(await asyncio.gather(one.deliver_once(), two.deliver_once())):
            pass
    assert len(receiver.requests) == 30
    assert {row.status for row in await all_deliveries(db)} == {DeliveryStatus.DELIVERED}
    assert {attempt.number for attempt in await all_attempts(db)} == {1}


@pytest.mark.parametrize("answer", [saying(OK), FAILURE])
async def test_i14_a_result_is_kept_until_the_database_takes_it(
    db: Database,
    vault: Vault,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
) -> None:
    partner = await make_partner(db)
    outages = iter([DatabaseUnavailable(), DatabaseUnavailable()])

    async def fail_twice(tx: Tx, endpoint_ids: object) -> Any:
        for outage in outages:
            raise outage
        return [] if isinstance(endpoint_ids, list) else tx.now

    monkeypatch.setattr(store, "note_successes", fail_twice)
    monkeypatch.setattr(store, "note_failure", fail_twice)
    async with receiving(answer) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        with structlog.testing.capture_logs() as logs, pytest.raises(DatabaseUnavailable):
            await sender.deliver_once()
        running = asyncio.create_task(sender.run())
        await until_attempted(db)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    (delivery,) = await all_deliveries(db)
    assert (len(receiver.requests), delivery.attempts) == (1, 1)
    assert not [entry for entry in logs if entry["event"] == "webhook_attempt_crashed"]


async def test_i14_what_was_taken_is_written_down_while_claims_and_failures_are_slow(
    db: Database, vault: Vault, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then a process that dies would send it again."""
    partner = await make_partner(db)
    claims, fails, never = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer(writer: asyncio.StreamWriter) -> None:
        await claims.wait()
        await fails.wait()
        await saying(OK)(writer)

    async with (
        receiving(answer) as good,
        receiving(FAILURE) as bad,
        sending(db, vault, settings) as sender,
    ):
        claim = sender._claim

        async def claim_slowly() -> None:
            if good.requests:
                claims.set()
                await never.wait()
            await claim()

        async def fail_slowly() -> int:
            fails.set()
            await never.wait()
            return 0

        monkeypatch.setattr(sender, "_claim", claim_slowly)
        monkeypatch.setattr(sender, "_record_failed", fail_slowly)
        for receiver in (good, bad):
            await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        running = asyncio.create_task(sender.run())
        await until_attempted(db)
        monkeypatch.undo()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    statuses = {row.status: row.attempts for row in await all_deliveries(db)}
    assert statuses == {DeliveryStatus.DELIVERED: 1, DeliveryStatus.DUE: 1}


async def test_nothing_more_is_claimed_than_can_be_written_down_before_its_lease_ends(
    db: Database, vault: Vault, settings: Settings
) -> None:
    settings = settings.model_copy(update={"webhook_concurrency": 1})
    partner = await make_partner(db)
    async with receiving(FAILURE) as receiver, sending(db, vault, settings) as sender:
        for _ in range(6):
            await make_endpoint(db, vault, settings, partner, receiver.port)
        for _ in range(2):
            await happen(db, partner)
        for _ in range(6):  # nothing is written down meanwhile
            sender._sweep = True
            await sender._claim()
            sender._begin()
            await until(lambda: not sender._tasks)
        assert len(receiver.requests) == AHEAD
        await sender._record()
        sender._sweep = True
        assert await sender.deliver_once() > 0


async def test_i14_few_are_answered_and_not_written_down_however_many_wait(
    db: Database, vault: Vault, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies sends those again; they are the doubles of its death."""
    partner = await make_partner(db)

    async def write_nothing() -> int:
        return 0

    async with receiving() as receiver, sending(db, vault, settings) as sender:
        for _ in range(3 * UNWRITTEN_AT_MOST):
            await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        monkeypatch.setattr(sender_module, "JUST_BEGUN_S", HOUR)  # however slow the machine is
        monkeypatch.setattr(sender, "_record_taken", write_nothing)
        running = asyncio.create_task(sender.run())
        await until(lambda: len(sender._taken) == UNWRITTEN_AT_MOST)
        sender._begin()
        assert not sender._tasks
        assert len(receiver.requests) == UNWRITTEN_AT_MOST
        monkeypatch.undo()
        await until_delivered(db)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert len(receiver.requests) == 3 * UNWRITTEN_AT_MOST


async def test_closing_gives_back_what_has_not_begun(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver:
        for _ in range(3):
            await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        async with sending(db, vault, settings) as stopping:
            await stopping._claim()
            await stopping._close()
        async with sending(db, vault, settings) as sender:
            assert await sender.deliver_once() == 3


async def test_closing_ends_what_hangs_and_survives_an_outage(
    db: Database, vault: Vault, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = await make_partner(db)
    monkeypatch.setattr(sender_module, "CLOSE_WITHIN_S", 0.01)

    async def fail(*_: object) -> None:
        raise DatabaseUnavailable

    async with receiving(stalling()) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        running = asyncio.create_task(sender.run())
        await until(lambda: bool(receiver.requests))
        monkeypatch.setattr(outbox, "release", fail)
        running.cancel()
        with structlog.testing.capture_logs() as logs, suppress(asyncio.CancelledError):
            await running
    assert [entry["event"] for entry in logs] == ["webhook_results_lost"]
    (delivery,) = await all_deliveries(db)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DUE, 0)
    assert delivery.due_at > db.now(), "the lease is left to end"
