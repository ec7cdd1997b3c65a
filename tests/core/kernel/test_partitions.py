"""Tables cut by time: parts come ahead, old ones go whole, nothing falls between them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import func, select, text

from core.chargers import frame_log, record_store
from core.chargers.record_models import frames
from core.kernel import partitions
from core.kernel.clock import ShiftedClock, SystemClock
from core.kernel.db import Database, Tx
from core.kernel.doorbell import MemoryDoorbell
from core.sessions.models import meter_values
from migrations import run
from tests import services
from tests.conftest import _migrate

KEPT = timedelta(days=30)


@pytest.fixture
def backend() -> str:
    return "postgresql"


@pytest.fixture
async def fresh(clock: ShiftedClock) -> AsyncIterator[Database]:
    """A database of the test's own, whose parts it may drop."""
    url = services.postgres_url(prepare=_migrate)
    async with Database(url, doorbell=MemoryDoorbell(), clock=clock) as db:
        yield db
    services.drop_postgres(url)


async def _write(tx: Tx, at: datetime) -> None:
    await record_store.add_frames(tx, [(at, "cp_1", "in", "call", None, None, None, "[]")])


async def _parts(db: Database) -> list[str]:
    async with db.transaction() as tx:
        return [part.name for part in await partitions.parts_of(tx, frame_log.PARTITIONED)]


async def _keep(db: Database) -> partitions.Kept:
    async with db.transaction() as tx:
        return await partitions.keep(tx, frame_log.PARTITIONED, kept=KEPT)


async def _where(db: Database) -> list[str]:
    async with db.transaction() as tx:
        return list(
            await tx.scalars(text("SELECT tableoid::regclass::text FROM frames ORDER BY at"))
        )


async def test_parts_are_made_ahead_and_dropped_whole_at_their_age(
    fresh: Database, clock: ShiftedClock
) -> None:
    for _ in range(40):
        await _keep(fresh)
        async with fresh.transaction() as tx:
            await _write(tx, tx.now)
        clock.advance(86_400)
    parts = await _parts(fresh)
    assert "frames_before" not in parts
    assert parts[-1] == "frames_default"
    assert len(parts) <= 30 + frame_log.PARTITIONED.ahead + 2
    async with fresh.transaction() as tx:
        oldest = await tx.scalar(select(func.min(frames.c.at)))
        count = await tx.scalar(select(func.count()).select_from(frames))
        assert tx.now - oldest <= KEPT + timedelta(days=2)
    assert count >= 30
    assert "frames_default" not in await _where(fresh)


async def test_nodes_that_come_at_once_make_each_part_once(
    fresh: Database, clock: ShiftedClock
) -> None:
    async with Database(fresh.url, doorbell=MemoryDoorbell(), clock=clock) as other:
        made = await asyncio.gather(*(_keep(db) for db in (fresh, other, fresh, other)))
    names = [name for each in made for name in each.made]
    assert names
    assert len(names) == len(set(names))
    assert not (await _keep(fresh)).made


async def test_what_found_no_part_is_moved_into_its_own(
    fresh: Database, clock: ShiftedClock
) -> None:
    async with fresh.transaction():
        clock.advance(10 * 86_400)
    async with fresh.transaction() as tx:
        await _write(tx, tx.now)
        day = f"frames_{tx.now:%Y%m%d}"
    assert await _where(fresh) == ["frames_default"]
    await _keep(fresh)
    assert await _where(fresh) == [day]


async def test_old_rows_of_before_the_parts_are_deleted_one_by_one(
    fresh: Database, clock: ShiftedClock
) -> None:
    async with fresh.transaction() as tx:
        await _write(tx, tx.now - timedelta(days=31))
        await _write(tx, tx.now)
    assert (await _keep(fresh)).deleted == 1
    assert await _where(fresh) == ["frames_before"]


async def test_what_there_was_is_there_after_the_step_and_after_the_step_back() -> None:
    url = services.postgres_url()
    try:
        await run.on_connection(url, lambda it: command.upgrade(run.config(it), "0018"))
        async with (
            Database(url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db,
            db.transaction() as tx,
        ):
            await _write(tx, tx.now - timedelta(days=5))
            await _write(tx, tx.now)
        for revision in ("0019", "0018", "0019"):
            move = command.downgrade if revision == "0018" else command.upgrade
            await run.on_connection(url, lambda it, to=revision, by=move: by(run.config(it), to))  # type: ignore[misc]
            async with (
                Database(url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db,
                db.transaction() as tx,
            ):
                await _write(tx, tx.now)
        async with (
            Database(url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db,
            db.transaction() as tx,
        ):
            numbers = await tx.scalars(select(frames.c.number).order_by(frames.c.number))
            assert await tx.scalar(select(func.count()).select_from(meter_values)) == 0
        assert list(numbers) == [1, 2, 3, 4, 5]
    finally:
        services.drop_postgres(url)


async def test_on_sqlite_there_are_no_parts(sqlite_template: Path) -> None:
    url = f"sqlite:///{sqlite_template}"
    async with Database(url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db:
        assert await _keep(db) == partitions.Kept()
