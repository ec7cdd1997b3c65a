"""The frame log: nothing waits for it, everything that fits is in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from core.chargers import frame_log, record_store
from core.chargers.facts import FrameSeen
from core.chargers.frame_log import FrameLog
from core.chargers.record_models import Frame
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.errors import DatabaseUnavailable
from tests.core.chargers.making import make_charger
from tests.eventually import eventually

FRAME = FrameSeen(
    at=datetime(2026, 1, 1, tzinfo=UTC),
    charger_id="cp_1",
    direction="in",
    kind="call",
    message_id="m-1",
    action="Heartbeat",
    operation_id=None,
    text='[2,"m-1","Heartbeat",{}]',
)


async def stored(db: Database, limit: int = 1000) -> list[Frame]:
    async with db.transaction() as tx:
        return list(await frame_log.search(tx, limit=limit))


async def test_frames_are_stored_by_a_task_in_the_order_they_came(db: Database) -> None:
    async with FrameLog(db, flush_every_s=0.01) as log:
        for number in range(450):
            log.add(FRAME._replace(text=str(number)))
        assert await eventually(lambda: _all(db, 450))
    newest, *_ = await stored(db)
    assert newest.text == "449"
    assert log.dropped == 0


async def _all(db: Database, count: int) -> bool:
    return len(await stored(db)) == count


async def test_what_waits_is_written_at_the_end(db: Database) -> None:
    async with FrameLog(db, flush_every_s=60) as log:
        log.add(FRAME)
    (frame,) = await stored(db)
    assert (frame.charger_id, frame.text) == ("cp_1", FRAME.text)


async def test_a_frame_may_hold_anything(db: Database) -> None:
    async with FrameLog(db, flush_every_s=60) as log:
        log.add(FRAME._replace(message_id="\x00" * 99, action="\ud800", text="\x00\udfff" * 9))
        log.add(FRAME._replace(text="x" * 400_000))
    long, hostile = await stored(db)
    assert (hostile.message_id, hostile.action) == ("\ufffd" * 64, "\ufffd")
    assert len(long.text) == 300_000


async def test_a_frame_that_cannot_be_written_costs_no_other(db: Database) -> None:
    async with FrameLog(db, flush_every_s=60) as log:
        for number in range(9):
            log.add(FRAME._replace(text=str(number)))
        log.add(FRAME._replace(at=FRAME.at.replace(tzinfo=None), text="odd"))  # a bug of ours
        log.add(FRAME._replace(text="last"))
        await log.flush()
    assert [frame.text for frame in await stored(db)] == ["last", *"876543210"]
    assert log.dropped == 1


async def test_s9_a_full_queue_drops_the_oldest(db: Database) -> None:
    async with FrameLog(db, capacity=3, flush_every_s=60) as log:
        for number in range(5):
            log.add(FRAME._replace(text=str(number)))
        await log.flush()
    assert log.dropped == 2
    assert [frame.text for frame in await stored(db)] == ["4", "3", "2"]


class Outage(Database):
    """A database that can be away."""

    away = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        if self.away:
            raise DatabaseUnavailable
        async with super().transaction() as tx:
            yield tx


@pytest.fixture
async def outage(db: Database) -> AsyncIterator[Outage]:
    async with Outage(db.url, doorbell=db.doorbell, clock=db.clock) as broken:
        yield broken


async def test_frames_wait_while_the_database_is_away(db: Database, outage: Outage) -> None:
    async with FrameLog(outage, capacity=4, flush_every_s=0.01, retry_after_s=0.01) as log:
        outage.away = True
        for number in range(5):
            log.add(FRAME._replace(text=str(number)))
        with pytest.raises(DatabaseUnavailable):
            await log.flush()
        outage.away = False
        assert await eventually(lambda: _all(db, 4))
    assert [frame.text for frame in await stored(db)] == ["4", "3", "2", "1"]
    assert log.dropped == 1


async def test_what_a_bug_takes_with_it_is_counted(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bug(*_: object) -> None:
        raise RuntimeError("a bug")

    async with FrameLog(outage, flush_every_s=60) as log:
        with monkeypatch.context() as broken:
            broken.setattr(record_store, "add_frames", bug)
            log.add(FRAME)
            with pytest.raises(RuntimeError):
                await log.flush()
        log.add(FRAME)
    assert log.dropped == 1
    assert len(await stored(outage)) == 1


async def test_an_end_without_database_says_what_is_lost(outage: Outage) -> None:
    async with FrameLog(outage, flush_every_s=60) as log:
        outage.away = True
        log.add(FRAME)
    assert log.dropped == 1


async def test_frames_are_found_by_what_an_operator_has_in_hand(db: Database) -> None:
    later = FRAME.at + timedelta(hours=1)
    async with FrameLog(db, flush_every_s=60) as log:
        log.add(FRAME)
        log.add(FRAME._replace(at=later, charger_id="cp_2", text="second"))
        log.add(FRAME._replace(at=later, action="Start", operation_id="op_1", text="third"))
    async with db.transaction() as tx:

        async def find(**filters: object) -> list[str]:
            return [frame.text for frame in await frame_log.search(tx, **filters)]  # type: ignore[arg-type]

        newest, *_ = await frame_log.search(tx)
        assert await find(charger_id="cp_2") == ["second"]
        assert await find(action="Start") == ["third"]
        assert await find(operation_id="op_1") == ["third"]
        assert await find(at_from=later) == ["third", "second"]
        assert await find(at_to=later) == [FRAME.text]
        assert await find(before_number=newest.number, limit=1) == ["second"]
        if tx.dialect == "sqlite":  # PostgreSQL deletes by the day (tests/core/kernel)
            assert await frame_log.delete_older(tx, later) == 1
            assert await find() == ["third", "second"]
        assert await frame_log.delete_older(tx, later) == 0


async def test_s10_what_is_not_believed_is_kept(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        for text in ("first\x00", "second"):
            await frame_log.quarantine(
                tx,
                charger_id=charger.id,
                action="MeterValues",
                message_id="m-1",
                reasons=["number_absurd", "timestamp_garbage"],
                text=text,
            )
        second, first = await frame_log.quarantined(tx, charger_id=charger.id)
        assert (first.text, second.text) == ("first\ufffd", "second")
        assert first.reasons == "number_absurd, timestamp_garbage"
        assert await frame_log.quarantined(tx, before_number=second.number) == [first]
    clock.advance(1)
    async with db.transaction() as tx:
        assert await frame_log.delete_quarantined_older(tx, tx.now) == 2
