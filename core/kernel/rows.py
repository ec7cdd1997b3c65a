"""One row at a time: insert it, change it, move its state."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Executable,
    Table,
    insert,
    literal_column,
    select,
    update,
)

from core.kernel.db import Tx, upsert
from core.kernel.given import given_rows
from core.kernel.machine import Machine
from core.kernel.queries import On, Prepared, filled, parameter, unindexed

T = TypeVar("T")
S = TypeVar("S", bound=StrEnum)

ONE_MORE: Final = object()
"""As the value of a column: one more than it was."""


async def insert_row(tx: Tx, table: Table, **values: Any) -> None:
    """Insert one row; a violated constraint is a bug."""
    await tx.execute(filled(_insert(table, tuple(values)), values))


async def insert_rows(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of the same columns in one statement."""
    if rows:
        names = tuple(rows[0])
        values = [tuple([row[name] for name in names]) for row in rows]
        await insert_values(tx, table, names, values)


async def insert_values(
    tx: Tx, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows in one statement, each with a value for every one of the columns *names*."""
    await tx.execute(filled(_insert_rows(table, names), {"rows": rows}))


async def insert_once(tx: Tx, table: Table, into: type[T], **values: Any) -> T | None:
    """Insert and return the row, or ``None`` where a unique constraint already holds one."""
    statement = filled(_insert(table, tuple(values), returning=True, once=True), values)
    return await tx.one_or_none(statement, into)


async def change_row(
    tx: Tx,
    table: Table,
    into: type[T],
    key: str,
    *,
    only: ColumnElement[bool] | None = None,
    **values: Any,
) -> T | None:
    """Set columns of the row with the id *key* and return it; ``None`` where there is none.

    Args:
        only: A condition without values of its own; it has to be the same object each time.
    """
    statement = filled(_update(table, _names(values), only=only), {"of_id": key, **values})
    return await tx.one_or_none(statement, into)


async def guarded_move(
    tx: Tx,
    table: Table,
    into: type[T],
    machine: Machine[S],
    key: str,
    to: S,
    *,
    state: Column[Any] | None = None,
    sources: frozenset[S] | None = None,
    **values: Any,
) -> T | None:
    """Enter state *to* if the machine allows it from the current one; the only writer of states.

    One statement decides: of two racing callers exactly one gets the row, the other gets
    ``None`` and must do nothing.

    Args:
        key: The row's id.
        state: The column that holds the state; ``status`` if not given.
        sources: Narrows the states that *to* may be entered from.
    """
    column = table.c.status if state is None else state
    allowed = machine.sources(to) if sources is None else machine.sources(to) & sources
    values[column.name] = to
    prepared = _update(table, _names(values), state=(column.name, tuple(sorted(allowed))))
    return await tx.one_or_none(filled(prepared, {"of_id": key, **values}), into)


def _names(values: Mapping[str, Any]) -> tuple[tuple[str, bool], ...]:
    """Return the names of columns, and whether each is to grow by one."""
    return tuple((name, value is ONE_MORE) for name, value in values.items())


@cache
def _insert(
    table: Table, names: tuple[str, ...], *, returning: bool = False, once: bool = False
) -> Prepared:
    def build(on: On) -> Executable:
        statement = upsert(on, table).values({name: parameter(name) for name in names})
        if once:
            statement = statement.on_conflict_do_nothing()
        result: Executable = statement.returning(table) if returning else statement
        return result

    return Prepared(build)


@cache
def _insert_rows(table: Table, names: tuple[str, ...]) -> Prepared:
    def build(on: On) -> Executable:
        kinds = {name: table.c[name].type for name in names}
        given = given_rows(on, parameter("rows"), **kinds)
        return insert(table).from_select(names, select(*given.c))

    return Prepared(build)


@cache
def _update(
    table: Table,
    names: tuple[tuple[str, bool], ...],
    *,
    state: tuple[str, tuple[str, ...]] | None = None,
    only: ColumnElement[bool] | None = None,
) -> Prepared:
    def build(_: On) -> Executable:
        statement = update(table).where(table.c.id == parameter("of_id"))
        if state is not None:
            column, sources = state
            statement = statement.where(
                unindexed(table.c[column]).in_([literal_column(f"'{one}'") for one in sources])
            )
        if only is not None:
            statement = statement.where(only)
        return statement.values(
            {
                name: table.c[name] + 1 if is_one_more else parameter(name)
                for name, is_one_more in names
            }
        ).returning(table)

    return Prepared(build)
