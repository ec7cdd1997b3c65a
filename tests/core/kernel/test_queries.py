"""Prepared statements find and change what those that are built each time do, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Boolean,
    Column,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
    text,
    update,
)

from core.kernel.db import Database, Json, Tx, UtcDateTime
from core.kernel.engine import ODD_ROW
from core.kernel.engine_postgres import DIALECT as POSTGRESQL
from core.kernel.engine_sqlite import DIALECT as SQLITE
from core.kernel.given import given_rows, is_among
from core.kernel.queries import On, OnDialect, query
from core.kernel.rows import insert_rows
from core.kernel.statements import Statements

things = Table(
    "things",
    MetaData(),
    Column("id", String(20), primary_key=True),
    Column("number", Integer),
    Column("document", Json),
    Column("at", UtcDateTime),
    Column("free", Boolean),
)
AT = datetime(2026, 11, 28, 10, 0, 0, 123000, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {"id": "a", "number": 1, "document": {"x": ["ü", None]}, "at": AT, "free": True},
    {"id": "it's :b", "number": None, "document": None, "at": None, "free": None},
    {"id": "c", "number": -3, "document": [], "at": AT, "free": False},
]


@pytest.fixture
async def tx(db: Database) -> AsyncIterator[Tx]:
    """A transaction that sees a table of three rows."""
    async with db.transaction() as tx:
        kinds = (
            "document JSON, at TIMESTAMP WITH TIME ZONE, free BOOLEAN"
            if tx.dialect == "postgresql"
            else "document, at, free"
        )
        await tx.execute(
            text(f"CREATE TEMPORARY TABLE things (id VARCHAR(20), number INTEGER, {kinds})")
        )
        await insert_rows(tx, things, ROWS)
        yield tx


@query
def _some(*, number: int | None = None, at: datetime | None = None) -> Executable:
    statement = select(things).order_by(things.c.number)
    if number is not None:
        statement = statement.where(things.c.number >= number)
    if at is not None:
        statement = statement.where(things.c.at == at)
    return statement


@query
def _among(on: On, ids: list[str]) -> Executable:
    return select(things.c.id).where(is_among(on, things.c.id, ids)).order_by(things.c.id)


@query
def _change(on: On, *, factor: int, rows: Any) -> Executable:
    new = given_rows(
        on, rows, id=String(), number=Integer(), document=Json, at=UtcDateTime(), free=Boolean()
    )
    return (
        update(things)
        .where(things.c.id == new.c.id)
        .values(number=new.c.number * factor, document=new.c.document, at=new.c.at, free=new.c.free)
        .returning(things.c.id)
    )


async def test_rows_come_back_as_they_were_given(tx: Tx) -> None:
    found = {row.id: row._asdict() for row in await tx.all(select(things))}
    assert found == {row["id"]: row for row in ROWS}


async def test_a_value_that_is_longer_than_its_column_is_no_other_one(tx: Tx) -> None:
    await tx.execute(insert(things).values(id="x" * 20))
    assert await tx.scalars(_among(tx, ["x" * 21, "a"])) == ["a"]
    assert await tx.scalars(_among(tx, ["x" * 20])) == ["x" * 20]


async def test_a_text_that_is_too_long_for_its_column_is_not_cut(tx: Tx) -> None:
    too_long = "x" * 21
    row = ROWS[0] | {"id": too_long}
    if tx.dialect == "postgresql":
        with pytest.raises(ODD_ROW, match="value too long"):
            await insert_rows(tx, things, [row])
        return
    await insert_rows(tx, things, [row])
    assert await tx.scalar(select(things.c.id).where(things.c.id == too_long)) == too_long


async def test_a_condition_may_be_absent(tx: Tx) -> None:
    everything = {row.id for row in await tx.all(_some())}
    assert everything == {row["id"] for row in ROWS}
    assert [row.id for row in await tx.all(_some(number=0))] == ["a"]
    assert [row.id for row in await tx.all(_some(at=AT))] == ["c", "a"]
    assert [row.id for row in await tx.all(_some(number=-3, at=AT))] == ["c", "a"]


@pytest.mark.parametrize("ids", [[], ["a"], ["c", "a", "none"], [f"n{n}" for n in range(1000)]])
async def test_a_list_has_any_length(tx: Tx, ids: list[str]) -> None:
    known = {row["id"] for row in ROWS}
    assert await tx.scalars(_among(tx, ids)) == sorted(known & set(ids))


async def test_each_given_row_changes_its_own(tx: Tx) -> None:
    rows = [
        ("a", 5, [{"y": 1.5}], None, False),
        ("it's :b", None, None, AT, True),
        ("no", 1, 1, AT, True),
    ]
    changed = await tx.scalars(_change(tx, factor=2, rows=rows))
    assert sorted(changed) == ["a", "it's :b"]
    found = {row.id: tuple(row)[1:] for row in await tx.all(select(things))}
    assert found["a"] == (10, [{"y": 1.5}], None, False)
    assert found["it's :b"] == (None, None, AT, True)
    assert found["c"] == (-3, [], AT, False)


@pytest.mark.parametrize(("count", "every"), [(0, 1), (1, 1), (100, 1), (8_000, 80)])
async def test_there_may_be_any_number_of_rows(tx: Tx, count: int, every: int) -> None:
    """SQLite takes 32,766 arguments; eight thousand rows of five columns are more.

    It looks through all that are given for each that there is, so only one of *every* is.
    """
    rows = [{**ROWS[0], "id": f"n{n}", "number": n} for n in range(count)]
    await insert_rows(tx, things, rows)
    assert len(await tx.scalars(select(things.c.id))) == count + len(ROWS)
    await tx.execute(delete(things).where(things.c.id.like("n%"), things.c.number % every != 0))
    new = [(f"n{n}", n + 1, {"n": n}, AT, None) for n in range(count)]
    left = range(0, count, every)
    assert len(await tx.scalars(_change(tx, factor=3, rows=new))) == len(left)
    found = {row.id: row for row in await tx.all(select(things))}
    assert len(found) == len(left) + len(ROWS)
    for n in (left[0], left[len(left) // 2], left[-1]) if count else ():
        assert tuple(found[f"n{n}"]) == (f"n{n}", (n + 1) * 3, {"n": n}, AT, None)


@query
def _held(number: int) -> Executable:
    return select(things.c.id).where(
        things.c.id == "it's :b", things.c.number.is_(None) | (things.c.number == number)
    )


async def test_what_a_query_holds_itself_is_in_its_text(tx: Tx) -> None:
    assert await tx.scalars(_held(1)) == ["it's :b"]
    for dialect in (SQLITE, POSTGRESQL):
        _, sql, arguments = _held(1).render(Statements(dialect))
        assert "'it''s :b'" in sql
        assert arguments == [1]


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL], ids=lambda one: str(one.name))
def test_a_query_is_built_once_for_each_set_of_absent_values(dialect: Any) -> None:
    built: list[tuple[bool, bool]] = []

    @query
    def counted(one: int, *, two: int | None = None) -> Executable:
        built.append((one is None, two is None))
        return select(things).where(things.c.number == one, things.c.number == two)

    statements = Statements(dialect)
    for value in range(5):
        counted(value).render(statements)
        _, _, arguments = counted(value, two=value + 1).render(statements)
        assert arguments == [value, value + 1]
    assert built == [(False, True), (False, False)]


@given(name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_any_text_is_an_argument_and_never_sql(name: str) -> None:
    for dialect in (SQLITE, POSTGRESQL):
        _, sql, arguments = Statements(dialect).render(insert(things).values(id=name))
        _, same, prepared = _insert_id(name).render(Statements(dialect))
        assert prepared == arguments == [name]
        assert sql == same or "q_name" not in same


@query
def _insert_id(name: str) -> Executable:
    return insert(things).values(id=name)


@query
def _as_given(on: On, *, rows: Any) -> Executable:
    each = given_rows(on, rows, id=String(), number=Integer())
    return select(each.c.id, each.c.number)


async def test_any_number_of_rows_is_seen_as_it_was_given_and_no_other(tx: Tx) -> None:
    for count in (1, 8, 9, 12, 13, 64, 65, 500, 12_000, 16_000):
        rows = [(f"n{n}", n if n % 3 else None) for n in range(count)]
        found = [tuple(row) for row in await tx.all(_as_given(tx, rows=rows))]
        assert found == rows, count


def test_tables_of_many_lengths_are_few_texts() -> None:
    statements = Statements(SQLITE)
    texts = {
        _as_given(OnDialect("sqlite"), rows=[("n", 1)] * count).render(statements)[1]
        for count in range(1, 513)
    }
    assert len(texts) == 8 + 2 * 6
