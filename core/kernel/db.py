"""One transaction per request, frame or job; the same code on SQLite and PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any, Self, TypeVar, overload

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Executable,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite

from core.kernel import failpoints, metrics, tracing
from core.kernel.clock import Clock
from core.kernel.doorbell import Doorbell
from core.kernel.engine import Connection, Engine
from core.kernel.engine_postgres import PATIENCE_S, PostgresEngine
from core.kernel.engine_sqlite import SqliteEngine
from core.kernel.errors import DatabaseUnavailable
from core.kernel.instants import as_text, in_millis, of_text
from core.kernel.outcomes import Outcome
from core.kernel.queries import Filled, On
from core.kernel.statements import Shape, Statements, statements_for
from core.kernel.times import to_millis
from core.kernel.together import Together

T = TypeVar("T")
Helper = Callable[["Tx", Any], Awaitable[bool]]
"""Does its part of a transaction, if it can; tells whether it did."""


Statement = Executable | Filled
"""What a transaction runs."""

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

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        return as_text if dialect.name == "sqlite" else in_millis

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[str | None], datetime | None] | None:
        return of_text if dialect.name == "sqlite" else None


Json = JSON(none_as_null=True)
"""A JSON document, kept as it was written: PostgreSQL takes ``jsonb`` apart, for twice the time."""


BigKey = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database gives; SQLite counts only in its own integers."""


class Tx:
    """One open transaction: the only way to the database.

    Attributes:
        now: Database time when the transaction began; the ``now`` of every rule inside it.
        info: What domains remember during the transaction.
        at_last: What they gather for its end; works that share a transaction share this, too.
        asked: How many statements it was asked to run.
        has_written: Whether one of them was more than a question.
        outcome: How it will have ended; works that share a transaction share this, too.
    """

    __slots__ = (
        "_at_end",
        "_connection",
        "_helpers",
        "_rings",
        "_statements",
        "asked",
        "at_last",
        "has_written",
        "info",
        "now",
        "outcome",
    )

    def __init__(
        self,
        connection: Connection,
        statements: Statements,
        now: datetime,
        helpers: Mapping[str, Helper],
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._helpers = helpers
        self._rings: list[tuple[str, str]] = []
        self._at_end: dict[str, Callable[[Tx], Awaitable[None]]] = {}
        self.now = now
        self.info: dict[str, Any] = {}
        self.at_last: dict[str, Any] = {}
        self.asked = 0
        self.has_written = False
        self.outcome = Outcome()

    def shared(self) -> Callable[[], "Tx"]:
        """Return what makes a transaction for each of several works that run in this one.

        What they ask at the same time is sent together. All are committed, or none is.
        """
        way = self._connection
        if isinstance(way, failpoints.Witness):
            way = way.also(Together(way.connection)) if way.is_far else way
        elif way.is_far:
            way = Together(way)

        def one() -> Tx:
            tx = Tx(way, self._statements, self.now, self._helpers)
            tx._rings, tx._at_end, tx.at_last = self._rings, self._at_end, self.at_last
            tx.outcome = self.outcome
            return tx

        return one

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._statements.dialect.name

    async def execute(
        self, statement: Statement, rows: Sequence[Mapping[str, Any]] | None = None
    ) -> int:
        """Run *statement*; return how many rows it touched (unknown: -1).

        With *rows*, which have the same keys each, run it once for each of them.
        """
        self.has_written = True
        if rows is not None:
            if isinstance(statement, Filled):
                raise TypeError("a query is filled in once")
            if rows:
                await self._connection.execute_many(*self._statements.render_many(statement, rows))
            return -1
        _, sql, arguments = self._render(statement)
        return await self._connection.execute(sql, arguments)

    @overload
    async def all(self, statement: Statement) -> Sequence[Any]: ...
    @overload
    async def all(self, statement: Statement, into: type[T]) -> Sequence[T]: ...
    async def all(self, statement: Statement, into: type[T] | None = None) -> Sequence[Any]:
        """Return every row, as *into* (a frozen record with a field per column) if given.

        Without *into* a row is a named tuple.
        """
        shape, sql, arguments = self._render(statement)
        if not sql.startswith("SELECT"):
            self.has_written = True
        rows, names = await self._connection.fetch(sql, arguments)
        return shape.read(rows, shape.names or names, into)

    @overload
    async def one_or_none(self, statement: Statement) -> Any: ...
    @overload
    async def one_or_none(self, statement: Statement, into: type[T]) -> T | None: ...
    async def one_or_none(self, statement: Statement, into: type[T] | None = None) -> Any:
        """Return the only row, or ``None``; more than one is a bug."""
        rows = await (self.all(statement) if into is None else self.all(statement, into))
        if len(rows) > 1:
            raise LookupError(f"{len(rows)} rows where one was expected: {statement}")
        return rows[0] if rows else None

    @overload
    async def one(self, statement: Statement) -> Any: ...
    @overload
    async def one(self, statement: Statement, into: type[T]) -> T: ...
    async def one(self, statement: Statement, into: type[T] | None = None) -> Any:
        """Return the only row; a missing one is a bug."""
        row = await (
            self.one_or_none(statement) if into is None else self.one_or_none(statement, into)
        )
        if row is None:
            raise LookupError(f"no row: {statement}")
        return row

    async def scalar(self, statement: Statement) -> Any:
        """Return the first column of the first row, or ``None``."""
        rows = await self.all(statement)
        return rows[0][0] if rows else None

    async def scalars(self, statement: Statement) -> Sequence[Any]:
        """Return the first column of every row."""
        return [row[0] for row in await self.all(statement)]

    def _render(self, statement: Statement) -> tuple[Shape, str, Sequence[Any]]:
        self.asked += 1
        if isinstance(statement, Filled):
            return statement.render(self._statements)
        return self._statements.render(statement)

    def ring(self, topic: str, key: str) -> None:
        """Ring *topic* once this has committed, and not at all if it rolls back."""
        if (topic, key) not in self._rings:
            self._rings.append((topic, key))

    async def help(self, topic: str, what: Any) -> bool:
        """Let who helps with *topic* in this process (``Database.helpers``) do its part now.

        Returns whether it did; otherwise who listens to the topic has to be rung.
        """
        helper = self._helpers.get(topic)
        return helper is not None and await helper(self, what)

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
    """The engine, database time, and the one place that commits.

    Args:
        engine: What runs the statements; the driver of *url* if not given.

    Attributes:
        helpers: By topic, who of this process takes part in a transaction instead of being rung
            after it (``Tx.help``).
    """

    def __init__(
        self,
        url: str,
        *,
        doorbell: Doorbell,
        clock: Clock,
        pool_size: int = 10,
        patience_s: float = PATIENCE_S,
        engine: Engine | None = None,
    ) -> None:
        self.url = url
        self.doorbell = doorbell
        self.clock = clock
        self.helpers: dict[str, Helper] = {}
        self._anchor: datetime | None = None
        self._beyond_ms = 0.0
        self._last: tuple[int, datetime] = (0, datetime.min.replace(tzinfo=UTC))
        self._engine = engine or _engine(url, pool_size, patience_s, clock)
        self._statements = statements_for(self._engine.dialect)

    @property
    def is_shared(self) -> bool:
        """Whether other processes, and other connections of this one, work on it meanwhile."""
        return self._engine.dialect.name == "postgresql"

    async def __aenter__(self) -> Self:
        await self._engine.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Commit on success, roll back on any exception, then ring.

        Nothing else in the code base commits.

        Raises:
            DatabaseUnavailable: No connection, a lost one, or a deadlock; nothing was written.
        """
        monotonic = self.clock.monotonic
        asked_s = monotonic()
        try:
            connection = await self._engine.begin()
        except DatabaseUnavailable:
            metrics.UNAVAILABLE.observe(monotonic() - asked_s)
            raise
        began_s = monotonic()
        metrics.TRANSACTION_WAIT_SECONDS.observe(began_s - asked_s)
        tx: Tx | None = None
        try:
            if self._anchor is None:
                await self._synchronise(connection)
            witness = failpoints.witness(connection)
            tx = Tx(witness or connection, self._statements, self.now(), self.helpers)
            with tracing.span("transaction", leads=False):
                yield tx
                rings = await tx.finish()
            if witness is not None:
                witness.pass_by("before")
        except BaseException as exc:
            if tx is not None:
                tx.outcome.is_known(committed=False)
            await self._engine.roll_back(connection, exc)
            is_away = isinstance(exc, DatabaseUnavailable)
            (metrics.UNAVAILABLE if is_away else metrics.ROLLED_BACK).observe(monotonic() - began_s)
            raise
        ready_s = monotonic()
        try:
            await self._engine.commit(connection)
        except BaseException as exc:
            tx.outcome.is_known(committed=False)
            if isinstance(exc, DatabaseUnavailable):
                metrics.UNAVAILABLE.observe(monotonic() - began_s)
            raise
        tx.outcome.is_known(committed=True)
        done_s = monotonic()
        metrics.COMMIT_SECONDS.observe(done_s - ready_s)
        metrics.COMMITTED.observe(done_s - began_s)
        if witness is not None:
            witness.pass_by("after")
        for topic, key in rings:
            await self.doorbell.ring(topic, key)

    def now(self) -> datetime:
        """Return the database's time, in whole milliseconds.

        It is the time read from the database at the first transaction (and at ``synchronise``)
        carried on by the monotonic clock: a jump of this machine's wall clock changes nothing.
        """
        if self._anchor is None:
            raise DatabaseUnavailable("The database has not been reached yet.")
        millis = floor(self.clock.monotonic() * 1000 + self._beyond_ms)
        if millis != self._last[0]:  # within a millisecond many ask
            self._last = millis, self._anchor + timedelta(milliseconds=millis)
        return self._last[1]

    async def synchronise(self) -> None:
        """Read the database's time again; PostgreSQL's clock rules all nodes.

        SQLite has no clock but the machine's, whose jumps must not expire anything: there the
        first reading stands until the process restarts.
        """
        if self._engine.dialect.name != "postgresql":
            return
        async with self.transaction() as tx:
            await self._synchronise(tx._connection)  # noqa: SLF001 - the class is Tx's friend

    async def _synchronise(self, connection: Connection) -> None:
        if self._engine.dialect.name == "postgresql":
            [[now]], _ = await connection.fetch("SELECT clock_timestamp()", ())
        else:
            now = datetime.fromtimestamp(self.clock.unix(), UTC)
        anchor = now - timedelta(seconds=self.clock.monotonic())
        self._anchor = to_millis(anchor)
        self._beyond_ms = (anchor - self._anchor) / timedelta(milliseconds=1)
        self._last = 0, self._anchor


def _engine(url: str, pool_size: int, patience_s: float, clock: Clock) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteEngine(parsed.database or ":memory:", clock)
    dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return PostgresEngine(dsn, pool_size, patience_s)


def upsert(on: On, table: Table) -> Any:
    """Return the dialect's INSERT, which knows ``on_conflict_do_update``."""
    return postgresql.insert(table) if on.dialect == "postgresql" else sqlite.insert(table)
