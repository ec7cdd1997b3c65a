"""SQLite as a database that goes away, forgets its answers, and dies with its process."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from core.kernel.clock import Clock
from core.kernel.engine import Rows
from core.kernel.engine_sqlite import DIALECT, SqliteConnection, SqliteEngine
from core.kernel.errors import DatabaseUnavailable
from core.kernel.tasks import finished

T = TypeVar("T")


@dataclass(slots=True)
class Gate:
    """What stands between a node and its database.

    Attributes:
        is_shut: Nothing gets through.
        is_dead: Nothing ever will: the process behind it is dead.
        at_commit: Asked at each commit of something; raises or returns whether its answer gets
            lost.
    """

    at_commit: Callable[[], bool]
    is_shut: bool = False
    is_dead: bool = False

    def pass_through(self) -> None:
        if self.is_dead:
            raise asyncio.CancelledError("the process is dead")
        if self.is_shut:
            raise DatabaseUnavailable("the simulated database is away")


class SimConnection(SqliteConnection):
    """A connection that may break between any two statements."""

    __slots__ = ("gate",)

    def __init__(self, raw: sqlite3.Connection, gate: Gate) -> None:
        super().__init__(raw)
        self.gate = gate

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> Rows:
        self.gate.pass_through()
        return await super().fetch(sql, arguments)

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        self.gate.pass_through()
        return await super().execute(sql, arguments)

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self.gate.pass_through()
        await super().execute_many(sql, rows)


class _Executor:
    """The simulated loop's own: it says how long a work takes."""

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await finished(loop.run_in_executor(None, work, *arguments))

    def close(self) -> None:
        pass


def engine_on_the_loop(path: str, clock: Clock) -> SqliteEngine:
    """Return the real engine of SQLite with no thread of its own: time would not wait for it."""
    return SqliteEngine(path, clock, aside=_Executor())


class SimEngine:
    """The real engine of SQLite behind a gate."""

    def __init__(self, path: str, clock: Clock, gate: Gate) -> None:
        self.dialect = DIALECT
        self._inner = engine_on_the_loop(path, clock)
        self._gate = gate

    async def open(self) -> None:
        await self._inner.open()

    async def begin(self) -> SimConnection:
        self._gate.pass_through()
        connection = await self._inner.begin()
        return SimConnection(connection.raw, self._gate)

    async def commit(self, connection: SimConnection) -> None:
        writes = connection.raw.total_changes != self._inner._changes
        answer_is_lost = False
        try:
            self._gate.pass_through()
            if writes:
                answer_is_lost = self._gate.at_commit()
        except BaseException as exc:
            await self.roll_back(connection, exc)
            raise
        await self._inner.commit(connection)
        if answer_is_lost:
            raise DatabaseUnavailable("the answer to the commit was lost")

    async def roll_back(self, connection: SimConnection, cause: BaseException) -> None:
        if not self._gate.is_dead:
            await self._inner.roll_back(connection, cause)

    async def close(self) -> None:
        if not self._gate.is_dead:
            await self._inner.close()

    def die(self) -> None:
        """Undo what is not committed and let go of the file, as the end of a process does."""
        raw = self._inner._raw
        if raw is None:
            return
        with suppress(sqlite3.ProgrammingError):  # closed: it dies at the last of an orderly end
            if raw.in_transaction:
                raw.execute("ROLLBACK")
        raw.close()
        self._inner._turn = asyncio.Lock()
