"""PostgreSQL through asyncpg and its pool."""

import contextlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import asyncpg
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect

from core.kernel import documents
from core.kernel.engine import DRIVER_ERRORS, Rows, translated
from core.kernel.errors import DatabaseUnavailable

DIALECT: Final[Dialect] = postgresql_dialect(  # type: ignore[no-untyped-call]
    json_serializer=documents.encode, json_deserializer=documents.decode
)

QUEUE_S: Final = 60.0
"""How long a transaction waits for a connection."""
PATIENCE_S: Final = 30.0
"""How long a statement may take, as a rule."""

RANDOM_PAGE_COST: Final = "1.1"
"""What PostgreSQL takes a page somewhere for, against one of many in a row: right for SSDs.

It believes that rows which a statement is given (``given_rows``) are a hundred. With its default of
4, made for disks, it read all connectors of a thousand chargers to find the five of a group.
"""

_LOCKS: Final = re.compile(r"\bFOR\s+(?:UPDATE|NO\s+KEY|SHARE|KEY)\b|\bpg_", re.ASCII)


class PostgresEngine:
    """asyncpg's pool; a transaction that was cancelled takes its connection with it.

    Args:
        patience_s: How long a statement may take.
    """

    def __init__(self, dsn: str, pool_size: int, patience_s: float) -> None:
        self.dialect = DIALECT
        self._dsn = dsn
        self._pool_size = pool_size
        self._patience_s = patience_s
        self._pool: Any = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self._pool_size,
            max_queries=2**31,
            reset=_nothing_to_reset,
            timeout=5,
            command_timeout=self._patience_s,
            statement_cache_size=1_000,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            server_settings={
                "application_name": "voltgate",
                "timezone": "UTC",
                "random_page_cost": RANDOM_PAGE_COST,
                "jit": "off",
            },
        )

    async def begin(self) -> "PostgresConnection":
        if self._pool is None:
            raise RuntimeError("a database is used within its 'async with'")
        return PostgresConnection(await translated(self._pool.acquire, timeout=QUEUE_S))

    async def commit(self, connection: "PostgresConnection") -> None:
        if connection.has_begun:
            try:
                await translated(connection.raw.execute, "COMMIT")
            except BaseException:
                await self._drop(connection.raw)
                raise
        await self._give_back(connection.raw)

    async def roll_back(self, connection: "PostgresConnection", cause: BaseException) -> None:
        usable = False
        try:
            if isinstance(cause, Exception):  # else cancelled: a statement may be under way
                if connection.has_begun:
                    await translated(connection.raw.execute, "ROLLBACK")
                usable = not connection.raw.is_closed()
        except (DatabaseUnavailable, *DRIVER_ERRORS):
            return  # the connection is lost, and with it the transaction
        finally:
            await (self._give_back if usable else self._drop)(connection.raw)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _drop(self, raw: Any) -> None:
        with contextlib.suppress(asyncpg.InterfaceError):  # it was lost, and is back in the pool
            raw.terminate()
        await self._give_back(raw)

    async def _give_back(self, raw: Any) -> None:
        await self._pool.release(raw)


class PostgresConnection:
    """A connection of the pool, while a transaction has it.

    BEGIN waits for the first statement that needs it. At READ COMMITTED each statement has a
    snapshot of its own anyway; so one that only reads is the same before it, and a transaction
    that only reads costs no BEGIN and no COMMIT.
    """

    __slots__ = ("has_begun", "raw")
    is_far: Final = True

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.has_begun = False

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> Rows:
        if not self.has_begun and not _only_reads(sql):
            await self._begin()
        rows = await translated(self.raw.fetch, sql, *arguments)
        return rows, list(rows[0].keys()) if rows else []

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        if not self.has_begun:
            await self._begin()
        status: str = await translated(self.raw.execute, sql, *arguments)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else -1

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        if not self.has_begun:
            await self._begin()
        await translated(self.raw.executemany, sql, rows)

    async def fetch_each(self, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[Rows]:
        """All runs are sent in one piece; a last column tells whose a row is."""
        if len(each) == 1 or not sql.startswith(_TAGGED):
            return [await self.fetch(sql, arguments) for arguments in each]
        if not self.has_begun and not _only_reads(sql):
            await self._begin()
        told = [(*arguments, n) for n, arguments in enumerate(each)]
        rows = await translated(self.raw.fetchmany, _tagged(sql, len(each[0])), told)
        found: list[list[Any]] = [[] for _ in each]
        for row in rows:
            found[row[-1]].append(row[:-1])
        names = list(rows[0].keys())[:-1] if rows else []
        return [(one, names) for one in found]

    async def execute_each(self, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[int]:
        if len(each) == 1 or not sql.startswith(_TAGGED):
            return [await self.execute(sql, arguments) for arguments in each]
        return [len(rows) for rows, _ in await self.fetch_each(sql, each)]

    async def _begin(self) -> None:
        self.has_begun = True  # also if it fails: then the connection is of no use
        await translated(self.raw.execute, "BEGIN")


@lru_cache(maxsize=4096)
def _only_reads(sql: str) -> bool:
    """Tell whether a statement neither writes, nor locks, nor calls what looks at a transaction."""
    return sql.startswith("SELECT") and _LOCKS.search(sql) is None


_TAGGED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")


@lru_cache(maxsize=4096)
def _tagged(sql: str, arguments: int) -> str:
    """Return the statement with one more argument, which each of its rows repeats at its end."""
    tag = f"${arguments + 1}::int AS run"
    if sql.startswith("SELECT"):
        return f"SELECT each_run.*, {tag} FROM ({sql}) AS each_run"  # noqa: S608 - all of it is ours
    return f"{sql}, {tag}" if "RETURNING" in sql else f"{sql} RETURNING {tag}"


async def _nothing_to_reset(_: Any) -> None:
    """No session state outlives a transaction here; a reset would be one more round trip."""
