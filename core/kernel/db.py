"""One transaction per request, frame or job; the same code on SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self, TypeVar, overload

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Executable,
    MetaData,
    Row,
    Table,
    TypeDecorator,
    insert,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kernel.clock import Clock
from core.kernel.doorbell import Doorbell
from core.kernel.engine import Opening, comes_from_driver, is_outage, make_engine
from core.kernel.errors import DatabaseUnavailable
from core.kernel.machine import Machine
from core.kernel.times import to_millis

T = TypeVar("T")
S = TypeVar("S", bound=StrEnum)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of the platform; constraint names are deterministic."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in whole milliseconds; refuses naive datetimes on the way in."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        return to_millis(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


Json = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
"""A JSON document; jsonb on PostgreSQL."""


class Tx:
    """One open transaction: the only way to the database.

    Attributes:
        now: Database time when the transaction began; the ``now`` of every rule inside it.
        info: What domains gather during the transaction for its end.
    """

    __slots__ = ("_at_end", "_connection", "_rings", "info", "now")

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self._connection = connection
        self._rings: list[tuple[str, str]] = []
        self._at_end: dict[str, Callable[[Tx], Awaitable[None]]] = {}
        self.now = now
        self.info: dict[str, Any] = {}

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._connection.dialect.name

    async def execute(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None
    ) -> int:
        """Run *statement* (once for each of *rows*); return how many rows it touched."""
        result = await self._connection.execute(statement, rows)
        return int(getattr(result, "rowcount", -1))

    @overload
    async def all(self, statement: Executable) -> Sequence[Row[Any]]: ...
    @overload
    async def all(self, statement: Executable, into: type[T]) -> Sequence[T]: ...
    async def all(
        self, statement: Executable, into: type[T] | None = None
    ) -> Sequence[T] | Sequence[Row[Any]]:
        """Return every row, as *into* (a frozen record with a field per column) if given."""
        rows = (await self._connection.execute(statement)).all()
        return rows if into is None else [into(**row._mapping) for row in rows]  # noqa: SLF001

    @overload
    async def one_or_none(self, statement: Executable) -> Row[Any] | None: ...
    @overload
    async def one_or_none(self, statement: Executable, into: type[T]) -> T | None: ...
    async def one_or_none(
        self, statement: Executable, into: type[T] | None = None
    ) -> T | Row[Any] | None:
        """Return the only row, or ``None``."""
        row = (await self._connection.execute(statement)).one_or_none()
        return row if row is None or into is None else into(**row._mapping)  # noqa: SLF001

    @overload
    async def one(self, statement: Executable) -> Row[Any]: ...
    @overload
    async def one(self, statement: Executable, into: type[T]) -> T: ...
    async def one(self, statement: Executable, into: type[T] | None = None) -> T | Row[Any]:
        """Return the only row; a missing one is a bug."""
        row = (await self._connection.execute(statement)).one()
        return row if into is None else into(**row._mapping)  # noqa: SLF001

    async def scalar(self, statement: Executable) -> Any:
        """Return the first column of the first row, or ``None``."""
        return (await self._connection.execute(statement)).scalar()

    async def scalars(self, statement: Executable) -> Sequence[Any]:
        """Return the first column of every row."""
        return (await self._connection.execute(statement)).scalars().all()

    def ring(self, topic: str, key: str) -> None:
        """Ring *topic* once this has committed, and not at all if it rolls back."""
        if (topic, key) not in self._rings:
            self._rings.append((topic, key))

    def at_end(self, key: str, work: Callable[["Tx"], Awaitable[None]]) -> None:
        """Run *work* once, just before the commit; works run in the order of their keys.

        For what takes a lock that many transactions want (sequence counters): it is then held
        only for the commit, and always taken in the same order.
        """
        self._at_end.setdefault(key, work)

    async def finish(self) -> list[tuple[str, str]]:
        """Run what waits for the end; return the rings that the commit releases."""
        while self._at_end:
            key = min(self._at_end)
            await self._at_end.pop(key)(self)
        return self._rings


class Database:
    """The engine, database time, and the one place that commits."""

    def __init__(self, url: str, *, doorbell: Doorbell, clock: Clock, pool_size: int = 10) -> None:
        self.url = url
        self.doorbell = doorbell
        self.clock = clock
        self._anchor: datetime | None = None
        self._opening: Opening = {}
        self._returning: set[asyncio.Task[None]] = set()
        self.engine = make_engine(url, pool_size, self._opening)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # a pool that is disposed of first would never close what comes back to it afterwards
        if self._returning:
            await asyncio.wait(self._returning)
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Commit on success, roll back on any exception, then ring.

        Nothing else in the code base calls ``commit()``.

        Raises:
            DatabaseUnavailable: No connection, a lost one, or a deadlock; nothing was written.
        """
        try:
            async with self._connection() as connection:
                if self._anchor is None:
                    await self._synchronise(connection)
                tx = Tx(connection, self.now())
                yield tx
                rings = await tx.finish()
                await connection.commit()
        except SQLAlchemyError as exc:
            if is_outage(exc):
                raise DatabaseUnavailable from exc
            raise
        except (ConnectionError, OSError) as exc:
            if comes_from_driver(exc):
                raise DatabaseUnavailable from exc
            raise
        for topic, key in rings:
            await self.doorbell.ring(topic, key)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        try:
            connection = await self.engine.connect()
        except BaseException as exc:
            # cancelled between the login and the pool's own setting up: nobody else knows it
            if orphan := self._opening.pop(asyncio.current_task(), None):
                orphan.terminate()
            if isinstance(exc, OSError):
                raise DatabaseUnavailable from exc
            raise
        try:
            yield connection
        finally:
            returning = asyncio.create_task(connection.close())
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
            await asyncio.shield(returning)

    def now(self) -> datetime:
        """Return the database's time, in whole milliseconds.

        It is the time read from the database at the first transaction (and at ``synchronise``)
        carried on by the monotonic clock: a jump of this machine's wall clock changes nothing.
        """
        if self._anchor is None:
            raise DatabaseUnavailable("The database has not been reached yet.")
        return to_millis(self._anchor + timedelta(seconds=self.clock.monotonic()))

    async def synchronise(self) -> None:
        """Read the database's time again; PostgreSQL's clock rules all nodes.

        SQLite has no clock but the machine's, whose jumps must not expire anything: there the
        first reading stands until the process restarts.
        """
        if self.engine.dialect.name != "postgresql":
            return
        async with self.transaction() as tx:
            await self._synchronise(tx._connection)  # noqa: SLF001 - the class is Tx's friend

    async def _synchronise(self, connection: AsyncConnection) -> None:
        if self.engine.dialect.name == "postgresql":
            now = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
        else:
            now = datetime.fromtimestamp(self.clock.unix(), UTC)
        self._anchor = now - timedelta(seconds=self.clock.monotonic())


def upsert(tx: Tx, table: Table) -> Any:
    """Return the dialect's INSERT, which knows ``on_conflict_do_update``."""
    return postgresql.insert(table) if tx.dialect == "postgresql" else sqlite.insert(table)


async def insert_row(tx: Tx, table: Table, **values: Any) -> None:
    """Insert one row; a violated constraint is a bug."""
    await tx.execute(insert(table).values(**values))


async def insert_once(tx: Tx, table: Table, into: type[T], **values: Any) -> T | None:
    """Insert and return the row, or ``None`` where a unique constraint already holds one."""
    statement = upsert(tx, table).values(**values).on_conflict_do_nothing().returning(table)
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
    statement = (
        update(table)
        .where(table.c.id == key, column.in_(sorted(allowed)))
        .values({column.name: to, **values})
        .returning(table)
    )
    return await tx.one_or_none(statement, into)
