"""One transaction: committed or not, rings after it, database time inside it."""

import asyncio
import gc
import re
import warnings
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from core.audit.models import audit_entries
from core.audit.service import CLI, record
from core.kernel.clock import ShiftedClock, SystemClock
from core.kernel.db import Database, Tx
from core.kernel.doorbell import MemoryDoorbell, rung
from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.kernel.ids import may_be_single_use, new_id, single_use_token
from core.kernel.page import Page, paginate
from core.partners import service as partners
from core.partners.models import Partner
from core.partners.models import partners as partners_table
from tests.eventually import eventually


async def count(db: Database) -> int:
    async with db.transaction() as tx:
        return len(await tx.all(select(audit_entries.c.number)))


async def fail_in_a_transaction(db: Database) -> None:
    async with db.transaction() as tx:
        await record(tx, CLI, "tried", "x")
        tx.ring("topic", "key")
        raise RuntimeError


async def test_what_is_rolled_back_rings_nobody(db: Database) -> None:
    async with db.doorbell.subscribe("topic") as rings:
        with pytest.raises(RuntimeError):
            await fail_in_a_transaction(db)
        assert await rung(rings, within_s=0) == frozenset()
        assert await count(db) == 0
        async with db.transaction() as tx:
            tx.ring("topic", "key")
            tx.ring("topic", "key")
        assert await rung(rings, within_s=1) == frozenset({"key"})


async def test_work_at_the_end_runs_once_and_in_order(db: Database) -> None:
    ran: list[str] = []

    async def last(tx: Tx) -> None:
        ran.append("2")

    async def first(tx: Tx) -> None:
        ran.append("1")
        tx.at_end("2", last)

    async with db.transaction() as tx:
        tx.at_end("2", last)
        tx.at_end("1", first)
        tx.at_end("1", first)

    assert ran == ["1", "2"]


async def test_fifty_writers_queue_and_all_commit(db: Database) -> None:
    async def write(number: int) -> None:
        async with db.transaction() as tx:
            await tx.all(select(audit_entries))
            await record(tx, CLI, "wrote", str(number))

    await asyncio.gather(*(write(number) for number in range(50)))

    assert await count(db) == 50


async def test_i35_time_inside_is_the_databases_and_moves_with_the_clock(
    db: Database, clock: ShiftedClock
) -> None:
    async with db.transaction() as tx:
        before = tx.now
    clock.advance(3600)
    async with db.transaction() as tx:
        assert timedelta(hours=1) <= tx.now - before < timedelta(hours=1, minutes=1)
    assert before.microsecond % 1000 == 0


async def test_a_database_that_is_not_there_is_named_as_such() -> None:
    url = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
    async with Database(url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db:
        with pytest.raises(DatabaseUnavailable):
            async with db.transaction():
                pass
        with pytest.raises(DatabaseUnavailable):
            db.now()


async def test_a_bug_in_sql_is_not_an_outage(db: Database) -> None:
    with pytest.raises(Exception, match="no_such_table") as raised:
        async with db.transaction() as tx:
            await tx.execute(text("SELECT * FROM no_such_table"))

    assert not isinstance(raised.value, DatabaseUnavailable)


async def test_pages_show_every_row_once(db: Database, clock: ShiftedClock) -> None:
    for number in range(7):
        clock.advance(number % 2)
        async with db.transaction() as tx:
            await partners.create_partner(tx, CLI, name=str(number))
    names: list[str] = []
    page = Page(limit=3)
    while True:
        async with db.transaction() as tx:
            found = await paginate(tx, select(partners_table), partners_table, page, Partner)
        names += [partner.name for partner in found.rows]
        if found.next_cursor is None:
            break
        page = Page(limit=3, cursor=found.next_cursor)

    assert sorted(names) == [str(number) for number in range(7)]


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "MjAyNi0wMS0wMQ", "ä", "=" * 8])
async def test_a_cursor_that_is_not_ours_is_refused(db: Database, cursor: str) -> None:
    async with db.transaction() as tx:
        page = Page(cursor=cursor)
        listed = paginate(tx, select(partners_table), partners_table, page, Partner)
        with pytest.raises(PlatformError) as refused:
            await listed

    assert refused.value.code == "invalid_cursor"


@given(prefix=st.sampled_from(["op", "cs", "evt"]))
def test_ids_are_prefixed_and_have_one_shape(prefix: str) -> None:
    assert re.fullmatch(rf"{prefix}_[0-9a-hjkmnp-tv-z]{{26}}", new_id(prefix))


def test_ids_sort_by_time_and_never_repeat() -> None:
    made = [new_id("op") for _ in range(1000)]

    assert len(set(made)) == 1000
    assert [one[:13] for one in made] == sorted(one[:13] for one in made)


def test_a_single_use_token_fits_every_charger() -> None:
    tokens = {single_use_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) == 16 and token.isalnum() and token.isupper() for token in tokens)


def test_single_use_tokens_are_told_by_their_looks() -> None:
    tokens = [single_use_token() for _ in range(100)]

    assert all(may_be_single_use(token) and may_be_single_use(token.lower()) for token in tokens)
    for card in ("04A2245B", "04A2245B7C1D80", "CARD-1", f"{tokens[0]}0", "START-0123456789", ""):
        assert not may_be_single_use(card)


@pytest.mark.parametrize("at_exit", [False, True], ids=["then-used", "then-closed"])
async def test_cancelled_transactions_leave_no_connection_open(
    database_url: str, at_exit: bool
) -> None:
    """Wherever a task is cancelled: while it connects, waits, executes or gives back."""

    async def work(db: Database) -> None:
        async with db.transaction() as tx:
            await tx.scalar(text("SELECT 1"))

    for steps in range(0, 60, 6):
        async with Database(
            database_url, doorbell=MemoryDoorbell(), clock=SystemClock(), pool_size=3
        ) as db:
            tasks = [asyncio.create_task(work(db)) for _ in range(6)]
            for _ in range(steps):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            if not at_exit:
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.gather(*(work(db) for _ in range(6)))
        await asyncio.gather(*tasks, return_exceptions=True)
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        gc.collect()
    assert [str(warning.message) for warning in leaked] == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("is_over", [True, False])
async def test_a_connection_that_is_lost_within_a_transaction_is_an_outage(
    db: Database, *, is_over: bool
) -> None:
    """Whoever notices it: asyncpg's pool, long before the commit or the next statement."""
    with pytest.raises(DatabaseUnavailable):
        await lose_the_connection(db, is_over=is_over)
    assert await count(db) == 0


async def lose_the_connection(db: Database, *, is_over: bool) -> None:
    async with db.transaction() as tx, db.transaction() as other:
        await record(tx, CLI, "tried", "x")
        pid = await tx.scalar(select(func.pg_backend_pid()))
        lost = tx._connection.raw  # type: ignore[attr-defined]
        await other.scalar(select(func.pg_terminate_backend(pid)))
        await eventually(lambda: is_back_in_the_pool(lost))
        if not is_over:
            await record(tx, CLI, "tried", "x")


async def is_back_in_the_pool(raw: Any) -> bool:
    return raw._con is None


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_transaction_that_only_reads_begins_none_on_postgresql(db: Database) -> None:
    """At READ COMMITTED it reads the same without; ``now()`` stands still once one has begun."""
    async with db.transaction() as tx:
        assert await tx.scalar(_NOW) != await tx.scalar(_NOW)


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("how", ["writes", "locks"])
async def test_a_transaction_begins_with_what_needs_one_and_is_undone_from_there(
    db: Database, how: str
) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            assert await tx.scalar(_NOW) != await tx.scalar(_NOW)
            if how == "writes":
                await record(tx, CLI, "tried", "x")
            else:
                await tx.all(select(audit_entries.c.number).with_for_update())
            assert await tx.scalar(_NOW) == await tx.scalar(_NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await count(db) == 0


_NOW = text("SELECT now()")
