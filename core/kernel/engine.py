"""How the two databases are connected to, and which of their errors may pass."""

import asyncio
import sqlite3
from typing import Any, Final

import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_TIMEOUT_MS: Final = 15_000
"""How long SQLite waits for another process that writes."""

RETRYABLE_SQLSTATES: Final = frozenset({"40001", "40P01", "53300", "57P01", "57P02", "57P03"})
"""PostgreSQL: serialisation, deadlock, too many connections, shutting down."""

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

Opening = dict[asyncio.Task[Any] | None, asyncpg.Connection]
"""By the task that opens it, a connection that the pool does not know yet."""


def make_engine(url: str, pool_size: int, opening: Opening) -> AsyncEngine:
    """Return the engine; a PostgreSQL connection is in *opening* until it is set up."""
    if url.startswith("sqlite"):
        # One connection: writers queue in this process, in order, instead of polling for the lock.
        engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=30)
        _behave_like_a_server(engine)
        return engine

    async def connect(*args: Any, **kwargs: Any) -> asyncpg.Connection:
        connection = await asyncpg.connect(*args, **kwargs)
        opening[asyncio.current_task()] = connection
        return connection

    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=60,
        pool_pre_ping=False,
        connect_args={
            "timeout": 5,
            "command_timeout": 30,
            "server_settings": {"application_name": "voltgate", "timezone": "UTC"},
            "async_creator_fn": connect,
        },
    )

    # after the dialect's own listener, which talks to the server
    @event.listens_for(engine.sync_engine, "connect")
    def _is_set_up(_: Any, __: object) -> None:
        opening.pop(asyncio.current_task(), None)

    return engine


def _behave_like_a_server(engine: AsyncEngine) -> None:
    """Make SQLite queue writers instead of failing them.

    A transaction that reads before it writes must hold the write lock from its start: with a
    deferred BEGIN, concurrent requests end in "database is locked".
    """

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves
        pragmas = ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}")
        for pragma in (*pragmas, "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def is_outage(exc: SQLAlchemyError) -> bool:
    """Tell whether what failed may pass: the database is away, or two transactions collided."""
    if isinstance(exc, OperationalError) and isinstance(exc.orig, sqlite3.OperationalError):
        return exc.orig.sqlite_errorcode & 0xFF in SQLITE_OUTAGES
    if isinstance(exc, (PoolTimeoutError, InterfaceError, OperationalError)):
        return True
    if isinstance(exc, DBAPIError):
        sqlstate = getattr(exc.orig, "sqlstate", None)
        return exc.connection_invalidated or sqlstate in RETRYABLE_SQLSTATES
    return False


def comes_from_driver(exc: BaseException) -> bool:
    """Tell a failed connection to the database from any other OSError of the block."""
    frame = exc.__traceback__
    while frame is not None:
        if "sqlalchemy" in frame.tb_frame.f_code.co_filename:
            return True
        frame = frame.tb_next
    return False
