"""Databases of a run: made for each server, thrown away at the end."""

import asyncio
import contextlib
import os
import secrets
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

POSTGRES_URL: Final = "VOLTGATE_TEST_POSTGRES_URL"
VACUUM_EVERY_S: Final = 60.0
"""PostgreSQL's own default (autovacuum_naptime)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A kind of database and, for PostgreSQL, the server to use."""

    name: str
    url: str = ""

    @property
    def is_postgres(self) -> bool:
        """Whether its CPU is spent in processes of its own."""
        return self.name == "postgresql"


def backend(text: str) -> Backend:
    """Return what a person named: ``sqlite``, ``postgresql``, or the URL of a server.

    Raises:
        ValueError: Something else, or a server that nobody named.
    """
    if text == "sqlite":
        return Backend(name="sqlite")
    url = os.environ.get(POSTGRES_URL, "") if text == "postgresql" else text
    if not url:
        raise ValueError(f"set {POSTGRES_URL}, or give the server's URL: postgresql://...")
    if not urlsplit(url).scheme.startswith("postgresql"):
        raise ValueError(f"{text!r} is neither sqlite, nor postgresql, nor a postgresql:// URL")
    return Backend(name="postgresql", url=urlunsplit(urlsplit(url)._replace(scheme="postgresql")))


@asynccontextmanager
async def temporary_database(chosen: Backend) -> AsyncIterator[str]:
    """Make an empty database; yields its SQLAlchemy URL."""
    if not chosen.is_postgres:
        with tempfile.TemporaryDirectory(prefix="voltgate-bench-") as directory:
            yield f"sqlite+aiosqlite:///{Path(directory) / 'bench.db'}"
        return
    name = f"voltgate_bench_{os.getpid()}_{secrets.token_hex(4)}"
    await _execute(chosen, f'CREATE DATABASE "{name}"')
    try:
        parts = urlsplit(chosen.url)._replace(scheme="postgresql+asyncpg", path=f"/{name}")
        async with _vacuumed(Backend(name="postgresql", url=_plain(urlunsplit(parts)))):
            yield urlunsplit(parts)
    finally:
        await _execute(chosen, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@asynccontextmanager
async def _vacuumed(database: Backend) -> AsyncIterator[None]:
    """Do what autovacuum does, where a server runs without it: its figures would be of no use."""
    connection = await asyncpg.connect(database.url)
    try:
        does_itself = await connection.fetchval("SHOW autovacuum") == "on"
    finally:
        await connection.close()
    if does_itself:
        yield
        return
    task = asyncio.create_task(_vacuum(database), name="vacuum")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _vacuum(database: Backend) -> None:
    while True:
        await asyncio.sleep(VACUUM_EVERY_S)
        await _execute(database, "VACUUM (ANALYZE, SKIP_LOCKED)")


async def version(chosen: Backend) -> str:
    """Return the database's name and version."""
    if not chosen.is_postgres:
        return f"SQLite {sqlite3.sqlite_version}"
    connection = await asyncpg.connect(chosen.url)
    try:
        return f"PostgreSQL {await connection.fetchval('SHOW server_version')}"
    finally:
        await connection.close()


class DatabaseCpu:
    """CPU of a PostgreSQL database: its sessions' processes, if they run on this machine.

    What the server's own processes (checkpoints, WAL) spend for it cannot be told apart and is
    left out. SQLite works inside the process that uses it.
    """

    def __init__(self, chosen: Backend, url: str) -> None:
        self._backend = chosen
        self._name = urlsplit(url).path.lstrip("/")
        self._connection: asyncpg.Connection | None = None
        self._spent: dict[int, float] = {}

    async def __aenter__(self) -> Self:
        if self._backend.is_postgres:
            self._connection = await asyncpg.connect(self._backend.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def seconds(self) -> float:
        """Return the CPU seconds spent so far, including those of sessions that have ended."""
        if self._connection is None:
            return 0.0
        rows = await self._connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = $1", self._name
        )
        for row in rows:
            spent_s = _cpu_of_postgres(row["pid"])
            if spent_s is not None:
                self._spent[row["pid"]] = spent_s
        return sum(self._spent.values())


def _cpu_of_postgres(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        if not process.name().startswith("postgres"):
            return None  # the server is in another container, where numbers mean others
        times = process.cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)


async def counts(url: str) -> dict[str, int]:
    """Return how many events a platform's database holds, and deliveries by status."""
    events = "SELECT 'events', count(*) FROM events"
    queue = "SELECT 'deliveries_' || status, count(*) FROM deliveries GROUP BY status"
    return {row[0]: row[1] for row in await rows(url, f"{events} UNION ALL {queue}")}


async def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement that reads, on a connection of its own."""
    if not url.startswith("postgresql"):
        file = urlsplit(url).path.removeprefix("/")
        with contextlib.closing(sqlite3.connect(file)) as connection:
            return connection.execute(statement).fetchall()
    pooled = await asyncpg.connect(_plain(url))
    try:
        return [tuple(row) for row in await pooled.fetch(statement)]
    finally:
        await pooled.close()


def _plain(url: str) -> str:
    return url.replace("+asyncpg", "", 1)


async def _execute(chosen: Backend, statement: str) -> None:
    connection = await asyncpg.connect(chosen.url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
