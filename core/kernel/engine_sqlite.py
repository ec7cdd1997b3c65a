"""SQLite: one connection, on which this process's transactions follow each other."""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect

from core.kernel import documents
from core.kernel.aside import Aside, Thread
from core.kernel.clock import Clock
from core.kernel.engine import Rows, is_outage
from core.kernel.errors import DatabaseUnavailable

DIALECT: Final[Dialect] = sqlite_dialect(
    json_serializer=documents.encode, json_deserializer=documents.decode
)

QUEUE_S: Final = 30.0
"""How long a transaction waits for those before it."""

BUSY_S: Final = 15.0
"""How long a transaction waits for another process that writes."""

PRAGMAS: Final = (
    "journal_mode=WAL",
    "foreign_keys=ON",
    "synchronous=FULL",
    "busy_timeout=0",
    "temp_store=MEMORY",  # else a statement of many rows makes a file, to undo itself
    "wal_autocheckpoint=4000",
)


class SqliteEngine:
    """One connection, on which transactions queue in order instead of polling for the lock.

    Statements run where they are called: their pages are in memory, and a thread would cost more
    than the statement. Only what may have to wait for the disk runs in a thread.

    Args:
        aside: That thread, if not one of its own.
    """

    def __init__(self, path: str, clock: Clock, *, aside: Aside | None = None) -> None:
        self.dialect = DIALECT
        self._path = path
        self._clock = clock
        self._raw: sqlite3.Connection | None = None
        self._changes = 0
        self._turn = asyncio.Lock()
        self._aside = aside or Thread("sqlite")

    async def open(self) -> None:
        pass

    async def begin(self) -> "SqliteConnection":
        await self._take_turn()
        try:
            raw = self._raw
            if raw is None:
                raw = await self._aside.run(self._connect)
            await self._lock(raw)
        except BaseException as exc:
            self._turn.release()
            if isinstance(exc, sqlite3.Error) and is_outage(exc):
                raise DatabaseUnavailable from exc
            raise
        self._changes = raw.total_changes
        return SqliteConnection(raw)

    async def commit(self, connection: "SqliteConnection") -> None:
        raw = connection.raw
        try:
            if raw.total_changes == self._changes:
                raw.execute("COMMIT")
            else:
                await self._aside.run(raw.execute, "COMMIT")
        except sqlite3.Error as exc:
            if is_outage(exc):
                raise DatabaseUnavailable from exc
            raise
        finally:
            self._end(raw)

    async def roll_back(self, connection: "SqliteConnection", cause: BaseException) -> None:
        self._end(connection.raw)

    def _end(self, raw: sqlite3.Connection) -> None:
        """Undo what is not committed (a full disk has done so itself); let the next one begin."""
        try:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
        finally:
            self._turn.release()

    async def close(self) -> None:
        async with self._turn:
            if self._raw is not None:
                await self._aside.run(self._raw.close)
                self._raw = None
        self._aside.close()

    async def _take_turn(self) -> None:
        if not self._turn.locked():
            await self._turn.acquire()
            return
        try:
            async with asyncio.timeout(QUEUE_S):
                await self._turn.acquire()
        except TimeoutError as exc:
            raise DatabaseUnavailable from exc

    async def _lock(self, raw: sqlite3.Connection) -> None:
        """Take the write lock at once: a transaction that reads first could not get it later."""
        give_up_at = self._clock.monotonic() + BUSY_S
        pause_s = 0.001
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if self._clock.monotonic() > give_up_at:
                    raise
            else:
                return
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.05)

    def _connect(self) -> sqlite3.Connection:
        raw = sqlite3.connect(
            self._path,
            timeout=BUSY_S,
            isolation_level=None,  # we send BEGIN ourselves
            check_same_thread=False,
            cached_statements=500,
        )
        try:
            for pragma in PRAGMAS:
                raw.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            raw.close()
            raise
        self._raw = raw  # also where nobody waits for it any more: it has to be closed
        return raw


class SqliteConnection:
    """The connection of SQLite, while a transaction has it."""

    __slots__ = ("raw",)
    is_far: Final = False

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> Rows:
        cursor = self._run(sql, arguments)
        return cursor.fetchall(), [column[0] for column in cursor.description]

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        cursor = self._run(sql, arguments)
        if cursor.description is not None:
            cursor.fetchall()  # INSERT ... RETURNING counts what was read
        return cursor.rowcount

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        try:
            self.raw.executemany(sql, rows)
        except sqlite3.Error as exc:
            if is_outage(exc):
                raise DatabaseUnavailable from exc
            raise

    async def fetch_each(self, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[Rows]:
        return [await self.fetch(sql, arguments) for arguments in each]

    async def execute_each(self, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[int]:
        return [await self.execute(sql, arguments) for arguments in each]

    def _run(self, sql: str, arguments: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self.raw.execute(sql, arguments)
        except sqlite3.Error as exc:
            if is_outage(exc):
                raise DatabaseUnavailable from exc
            raise
