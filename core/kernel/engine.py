"""What a database is to the platform: connections for one transaction each, on the bare driver."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

import asyncpg
from sqlalchemy import Dialect

from core.kernel.errors import Collided, DatabaseUnavailable

T = TypeVar("T")
Rows = tuple[Sequence[Sequence[Any]], Sequence[str]]
"""Rows, and the names of their columns."""

DRIVER_ERRORS: Final = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError)
ODD_ROW: Final = (
    *DRIVER_ERRORS,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a row that is not as it should be may raise on its way into the database."""
"""What a statement may raise that is not an outage: a bug, or a constraint that was violated."""

RETRYABLE_SQLSTATES: Final = frozenset({"40001", "40P01", "53300", "57P01", "57P02", "57P03"})
"""PostgreSQL: serialisation, deadlock, too many connections, shutting down."""

COLLISIONS: Final = frozenset({"40001", "40P01"})
"""PostgreSQL, of those: two transactions were in each other's way."""

SQLITE_OUTAGES: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
    }
)
"""SQLite: what may pass; any other OperationalError is a bug (no such table)."""


class Connection(Protocol):
    """A connection within one transaction.

    Every method raises ``DatabaseUnavailable`` for what may pass, and one of ``DRIVER_ERRORS``.

    Attributes:
        is_far: Whether the way to the database costs more than a statement, so that it pays to
            send many of one kind at once.
    """

    @property
    def is_far(self) -> bool: ...

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> Rows:
        """Run a statement and return its rows."""

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        """Run a statement; return how many rows it touched."""

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each of *rows*."""

    async def fetch_each(self, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[Rows]:
        """Run a statement with each of some arguments; return the rows of each run."""

    async def execute_each(self, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[int]:
        """Run a statement with each of some arguments; return how many rows each run touched."""


class Engine(Protocol):
    """Connections to one database."""

    dialect: Dialect

    async def open(self) -> None:
        """Get ready; reaches for nothing yet."""

    async def begin(self) -> Connection:
        """Open a transaction; the caller ends it with one of the next two."""

    async def commit(self, connection: Any) -> None:
        """Make the transaction durable and give its connection back, also if that fails."""

    async def roll_back(self, connection: Any, cause: BaseException) -> None:
        """Undo the transaction and give its connection back."""

    async def close(self) -> None:
        """Close every connection."""


def is_outage(exc: BaseException) -> bool:
    """Tell whether what failed may pass: the database is away, or two transactions collided."""
    if isinstance(exc, sqlite3.Error):
        code = getattr(exc, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in SQLITE_OUTAGES
    if isinstance(exc, asyncpg.DataError):
        return False
    if isinstance(exc, asyncpg.InvalidCachedStatementError):
        return True  # it was prepared before a migration, and will be anew
    if isinstance(exc, asyncpg.PostgresError):
        sqlstate = exc.sqlstate or ""
        return sqlstate in RETRYABLE_SQLSTATES or sqlstate.startswith("08")
    return isinstance(exc, (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError))


async def translated(work: Callable[..., Awaitable[T]], *arguments: Any, **more: Any) -> T:
    """Do *work*; raise ``DatabaseUnavailable`` for what may pass, ``Collided`` if at once.

    It is called in here: asyncpg refuses a connection that was lost before there is anything to
    be awaited.
    """
    try:
        return await work(*arguments, **more)
    except (*DRIVER_ERRORS, asyncpg.InternalClientError, OSError) as exc:
        if getattr(exc, "sqlstate", None) in COLLISIONS:
            raise Collided from exc
        if is_outage(exc):
            raise DatabaseUnavailable from exc
        raise
