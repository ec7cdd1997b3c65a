"""PostgreSQL and Redis for the tests: yours if the environment names them, else private ones.

A pytest plugin (``pytest_plugins = ["tests.services"]``) and plain functions that any test or
fixture may call, also while an event loop runs:

* ``VOLTGATE_TEST_POSTGRES_URL``: a server on which databases may be created and dropped;
* ``VOLTGATE_TEST_REDIS_URL``: a server of which the databases 0 to 15 may be used;
* without them servers from wheels start at the first call, see ``services_host``.
"""

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests import services_host

POSTGRES_URL: Final = "VOLTGATE_TEST_POSTGRES_URL"
REDIS_URL: Final = "VOLTGATE_TEST_REDIS_URL"
DIRECTORY: Final = "VOLTGATE_TEST_DIRECTORY"
"""Names the directory of this run to the worker processes."""

Prepare = Callable[[str], None]

_numbers: Final = itertools.count(1)
_hosts: Final[list[subprocess.Popen[bytes]]] = []


@dataclass(frozen=True)
class Server:
    """A server of one test alone, which the test may take away and bring back."""

    name: str
    url: str

    def stop(self) -> None:
        """End it as a crash would."""
        _ask(f"stop {self.name}")

    def start(self) -> None:
        """Start it again, at the same address, with what it had stored."""
        _ask(f"start {self.name}")


def postgres_url(*, prepare: Prepare | None = None) -> str:
    """Create an empty database and return its SQLAlchemy URL.

    With *prepare* it is a copy of a template: *prepare* is called once in a run, on one worker,
    with the URL of an empty database to fill. It runs in a thread without an event loop and must
    close its connections.
    """
    name = _database_name()
    _run(lambda: _create(name, prepare))
    return _with_database(_postgres_server(), name)


def drop_postgres(url: str) -> None:
    """Drop a database that ``postgres_url`` made, whoever is still connected."""
    name = urlsplit(url).path.lstrip("/")
    _run(lambda: _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def empty_postgres(url: str) -> None:
    """Delete every row of a database and begin its sequences anew; quicker than a new one.

    Whoever is still connected is cut off first.
    """
    _run(lambda: _empty(urlsplit(url).path.lstrip("/"), url))


def redis_url() -> str:
    """Return the URL of this worker's Redis; workers do not hear each other on a private one."""
    external = os.environ.get(REDIS_URL)
    if not external:
        return _ask(f"start redis-{_worker()}")
    number = int(_worker().lstrip("gw") or 0) % 16
    return urlunsplit(urlsplit(external)._replace(path=f"/{number}"))


@contextlib.contextmanager
def private_server(kind: str) -> Iterator[Server]:
    """Run a server, *kind* ``postgres`` or ``redis``, that belongs to the caller alone."""
    name = f"{kind}-{_worker()}-{next(_numbers)}"
    server = Server(name=name, url=_ask(f"start {name}"))
    try:
        yield server
    finally:
        server.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the host, in the controller and not in its workers."""
    if _hosts or hasattr(config, "workerinput") or config.option.collectonly:
        return
    directory = _make_directory()
    unmeasured = {name: os.environ[name] for name in os.environ if not name.startswith("COV")}
    host = subprocess.Popen(
        [sys.executable, services_host.__file__, directory, os.environ.get(POSTGRES_URL, "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=unmeasured,
        start_new_session=True,
    )
    assert host.stdout is not None
    if not host.stdout.readline():
        raise pytest.UsageError("the host of the test servers did not start")
    os.environ[DIRECTORY] = str(directory)
    _hosts.append(host)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Let the host end, and wait until it has cleaned up."""
    while _hosts:
        with _hosts.pop() as host:
            assert host.stdin is not None
            host.stdin.close()
        os.environ.pop(DIRECTORY, None)


def _make_directory() -> Path:
    """Make the directory of a run: a short path, for sockets, that other users may traverse."""
    default = tempfile.gettempdir()
    fits = len(default) < 40 and os.geteuid() != 0
    directory = tempfile.mkdtemp(prefix="voltgate-test-", dir=default if fits else "/tmp")  # noqa: S108
    Path(directory).chmod(0o711)
    return Path(directory)


def _ask(request: str) -> str:
    """Return the host's answer; raise ``RuntimeError`` with the server's log if it failed."""
    with Client(str(Path(os.environ[DIRECTORY]) / "host"), "AF_UNIX") as host:
        host.send(request)
        kind, text = host.recv()
    if kind != "url":
        raise RuntimeError(text)
    return str(text)


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "gw0")


def _database_name() -> str:
    return f"{Path(os.environ[DIRECTORY]).name}-{_worker()}-{next(_numbers)}"


def _postgres_server() -> str:
    external = os.environ.get(POSTGRES_URL)
    if not external:
        return _ask("start postgres")
    return urlunsplit(urlsplit(external)._replace(scheme="postgresql+asyncpg"))


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run *work* in a loop and a thread of its own, whether or not a loop runs here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(work())).result()


async def _connect() -> asyncpg.Connection:
    return await asyncpg.connect(_postgres_server().replace("+asyncpg", ""))


async def _execute(statement: str) -> None:
    connection = await _connect()
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


_EMPTY: Final = """
DO $$ DECLARE one record; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR one IN SELECT tablename FROM pg_tables
             WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('DELETE FROM %I', one.tablename);
  END LOOP;
  FOR one IN SELECT sequencename FROM pg_sequences
             WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', one.sequencename);
  END LOOP;
END $$
"""
_CUT_OFF: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = $1 AND pid <> pg_backend_pid()
"""


async def _empty(name: str, url: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(_CUT_OFF, name)
        await connection.execute(_EMPTY)
    finally:
        await connection.close()


async def _create(name: str, prepare: Prepare | None) -> None:
    connection = await _connect()
    try:
        template = "template0"
        if prepare:
            template = await _prepared(connection, prepare)
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()


async def _prepared(connection: asyncpg.Connection, prepare: Prepare) -> str:
    """Return the template that *prepare* fills; one worker makes it, the others wait."""
    run = Path(os.environ[DIRECTORY]).name
    template = f"{run}-{prepare.__qualname__}"
    await connection.execute("SELECT pg_advisory_lock(hashtext($1))", template)
    try:
        found = "SELECT true FROM pg_database WHERE datname = $1"
        if not await connection.fetchval(found, template):
            draft = f"{template}-draft"
            await connection.execute(f'DROP DATABASE IF EXISTS "{draft}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{draft}" TEMPLATE template0')
            await asyncio.to_thread(prepare, _with_database(_postgres_server(), draft))
            await connection.execute(f'ALTER DATABASE "{draft}" RENAME TO "{template}"')
    finally:
        await connection.execute("SELECT pg_advisory_unlock(hashtext($1))", template)
    return template
