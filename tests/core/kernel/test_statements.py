"""Statements reach the driver as they were written, and rows come back as Python's values."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql
from sqlalchemy.dialects.sqlite import DATETIME
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite

from core.kernel.clock import SystemClock
from core.kernel.db import Database, Json, Tx, UtcDateTime, upsert
from core.kernel.engine_sqlite import SqliteEngine
from core.kernel.errors import DatabaseUnavailable
from core.kernel.statements import Statements, _maker
from core.kernel.times import to_millis

things = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String(20)),
    Column("document", Json),
    Column("at", UtcDateTime),
    Column("price", Numeric(12, 4)),
    Column("free", Boolean),
)
AT = datetime(2026, 11, 21, 10, 0, 0, 123000, tzinfo=UTC)
ONE = {
    "id": 1,
    "name": "it's 100 % :one",
    "document": {"a": [1, None, "ü"]},
    "at": AT,
    "price": Decimal("1.2500"),
    "free": True,
}
TWO = {"id": 2, "name": None, "document": None, "at": None, "price": None, "free": None}


@pytest.fixture
async def tx(db: Database) -> AsyncIterator[Tx]:
    """A transaction that sees a table of two rows."""
    async with db.transaction() as tx:
        await tx.execute(
            text(
                "CREATE TEMPORARY TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(20),"
                " document JSON, at TIMESTAMP WITH TIME ZONE, price NUMERIC(12, 4), free BOOLEAN)"
                if tx.dialect == "postgresql"
                else "CREATE TEMPORARY TABLE things (id INTEGER PRIMARY KEY, name, document, at,"
                " price, free)"
            )
        )
        await tx.execute(insert(things), [ONE, TWO])
        yield tx


async def test_values_come_back_as_they_went_in(tx: Tx) -> None:
    rows = await tx.all(select(things).order_by(things.c.id))

    assert [row._asdict() for row in rows] == [ONE, TWO]
    assert [rows[0].price.as_tuple(), rows[0].at.tzinfo] == [Decimal("1.2500").as_tuple(), UTC]
    assert await tx.scalar(select(things.c.document).where(things.c.id == 1)) == ONE["document"]


async def test_lists_of_any_length_are_matched(tx: Tx) -> None:
    for _ in range(2):  # the second time from what was remembered
        for names, free, found in (
            ([1, 2, 3], [True], [1]),
            ([1], [True, False], [1]),
            ([], [True], []),
            ([2, 1], [], []),
        ):
            statement = select(things.c.id).where(
                things.c.id.in_(names), things.c.price > 1, things.c.free.in_(free)
            )
            assert await tx.scalars(statement) == found
    assert await tx.scalars(select(things.c.id).where(things.c.at.in_([AT, AT]))) == [1]
    assert await tx.scalars(select(things.c.id).where(things.c.id.not_in([]))) == [1, 2]


async def test_rows_are_counted_and_returned(tx: Tx) -> None:
    assert await tx.execute(update(things).values(name="new")) == 2
    assert await tx.execute(update(things).where(things.c.id == 9).values(name="new")) == 0
    changed = update(things).where(things.c.id == 1).values(name="x").returning(things.c.name)
    assert await tx.scalar(changed) == "x"
    again = upsert(tx, things).values(**ONE).on_conflict_do_nothing().returning(things.c.id)
    assert await tx.one_or_none(again) is None
    renamed = (
        upsert(tx, things)
        .values([ONE, TWO])
        .on_conflict_do_update(index_elements=["id"], set_={"name": "both"})
    )
    assert await tx.execute(renamed) == 2
    assert await tx.scalars(select(things.c.name)) == ["both", "both"]


async def test_each_of_many_rows_has_its_own_arguments(tx: Tx) -> None:
    by_id = update(things).where(things.c.id == bindparam("which")).values(name=bindparam("word"))
    await tx.execute(by_id, [{"which": 1, "word": "a"}, {"which": 2, "word": "b"}])
    await tx.execute(by_id, [])

    assert await tx.scalars(select(things.c.name).order_by(things.c.id)) == ["a", "b"]
    with pytest.raises(KeyError, match="word"):
        await tx.execute(by_id, [{"which": 1}])


async def test_pages_and_counts(tx: Tx) -> None:
    ids = select(things.c.id).order_by(things.c.id)
    assert await tx.scalars(ids.limit(1)) == [1]
    assert await tx.scalars(ids.limit(5).offset(1)) == [2]
    assert await tx.scalar(select(func.count()).select_from(things)) == 2
    assert (await tx.one(text("SELECT 1 AS a, 'x' AS b"))) == (1, "x")


async def test_one_row_is_one_row(tx: Tx) -> None:
    assert await tx.one_or_none(select(things).where(things.c.id == 3)) is None
    with pytest.raises(LookupError, match="no row"):
        await tx.one(select(things).where(things.c.id == 3))
    with pytest.raises(LookupError, match="2 rows"):
        await tx.one_or_none(select(things))


@pytest.mark.parametrize("dialect", [sqlite, postgresql])
@given(
    ids=st.lists(st.integers(0, 2**31), max_size=4),
    names=st.lists(st.text(max_size=5), max_size=4),
    least=st.integers(),
)
def test_a_remembered_shape_is_filled_in_as_a_new_one(
    dialect: type, ids: list[int], names: list[str], least: int
) -> None:
    statement = (
        select(things)
        .where(things.c.id.in_(ids), things.c.id > least, things.c.name.in_(names))
        .limit(len(ids) + 1)
    )
    used = Statements(dialect())
    used.render(statement)

    expected = statement.compile(dialect=dialect()).construct_expanded_state()
    shape, sql, arguments = used.render(statement)

    assert sql == expected.statement
    assert arguments == list(expected.positional_parameters)
    assert shape.names == tuple(things.c.keys())


def test_a_default_of_python_is_refused() -> None:
    bad = Table("bad", MetaData(), Column("id", Integer), Column("n", Integer, default=1))
    with pytest.raises(TypeError, match="server_default"):
        Statements(sqlite()).render(insert(bad).values(id=1))


async def test_sqlite_waits_for_another_process_and_then_gives_up(tmp_path: Path) -> None:
    class Impatient(SystemClock):
        passed_s = 0.0

        def monotonic(self) -> float:
            return self.passed_s

        async def sleep(self, delay_s: float) -> None:
            self.passed_s += delay_s
            if 1 < self.passed_s < 2 and other.in_transaction:
                other.execute("COMMIT")

    path = tmp_path / "shared.db"
    other = sqlite3.connect(path, isolation_level=None)
    clock = Impatient()
    engine = SqliteEngine(str(path), clock)
    await engine.commit(await engine.begin())

    other.execute("BEGIN IMMEDIATE")
    await engine.commit(await engine.begin())
    assert clock.passed_s > 1

    clock.passed_s = 5
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable):
        await engine.begin()
    other.execute("COMMIT")
    await engine.commit(await engine.begin())
    await engine.close()
    other.close()


async def test_a_cancelled_commit_on_sqlite_is_finished_before_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is asked in a thread: the task may end, what it committed may not."""
    engine = SqliteEngine(str(tmp_path / "one.db"), SystemClock())
    connection = await engine.begin()
    await connection.execute("CREATE TABLE t (n)", ())
    await engine.commit(connection)
    asked, answered = threading.Event(), threading.Event()

    class Slow:
        """The connection, with a disk that waits for the test."""

        def __getattr__(self, name: str) -> object:
            return getattr(raw, name)

        def execute(self, sql: str, *arguments: Any) -> object:
            if sql == "COMMIT":
                asked.set()
                answered.wait(30)
            return raw.execute(sql, *arguments)

    connection = await engine.begin()
    raw = connection.raw
    await connection.execute("INSERT INTO t VALUES (1)", ())
    monkeypatch.setattr(connection, "raw", Slow())
    committing = asyncio.create_task(engine.commit(connection))
    await asyncio.to_thread(asked.wait, 30)
    following = asyncio.create_task(engine.begin())
    committing.cancel()
    await asyncio.sleep(0)
    assert not following.done()
    answered.set()

    with pytest.raises(asyncio.CancelledError):
        await committing
    rows, _ = await (seen := await following).fetch("SELECT n FROM t", ())
    assert [tuple(row) for row in rows] == [(1,)]
    await engine.commit(seen)
    await engine.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slotted:
    """A record that its class has the last word on."""

    name: str
    count: int
    kind: str = "plain"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.upper())


@dataclass(frozen=True)
class Plain:
    """A record without slots."""

    name: str
    count: int


@pytest.mark.parametrize(
    ("into", "columns"),
    [
        (Slotted, ("count", "name", "kind")),
        (Slotted, ("name", "count")),
        (Plain, ("count", "name")),
    ],
)
def test_a_record_is_what_its_constructor_makes(into: type[Any], columns: tuple[str, ...]) -> None:
    row = [{"name": "a", "count": 3, "kind": "odd"}[column] for column in columns]
    made = _maker(columns, into)(row)
    assert made == into(**dict(zip(columns, row, strict=True)))
    with pytest.raises(FrozenInstanceError):
        made.name = "b"


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_is_stored_in_sqlite_as_sqlalchemy_does(instant: datetime) -> None:
    kind = UtcDateTime()
    write, read = kind.bind_processor(sqlite()), kind.result_processor(sqlite(), None)
    assume(datetime(2, 1, 1, tzinfo=UTC) < instant < datetime(9998, 1, 1, tzinfo=UTC))
    naive = to_millis(instant).replace(tzinfo=None)
    text = write(instant)
    theirs: Any = DATETIME().bind_processor(sqlite())  # type: ignore[no-untyped-call]
    assert text == theirs(naive)
    assert read is not None
    assert read(text) == to_millis(instant)
    assert (write(None), read(None)) == (None, None)


@pytest.mark.parametrize("dialect", [sqlite(), postgresql()])  # type: ignore[no-untyped-call]
def test_an_instant_without_a_zone_is_refused(dialect: Dialect) -> None:
    with pytest.raises(ValueError, match="naive"):
        UtcDateTime().bind_processor(dialect)(datetime(2026, 1, 1))  # noqa: DTZ001 - it is the test
