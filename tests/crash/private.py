"""PostgreSQL and Redis of a campaign's own: to be killed, paused, cut off."""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from migrations import run as migrations
from tests import services_host

NewDatabase = Callable[[Path], str]
_TEMPLATE: Final = "crash_template"
_numbers: Final = itertools.count(1)


@dataclass(slots=True)
class Service:
    """One server process, and the Unix socket it listens on."""

    kind: str
    home: Path
    url: str = ""
    process: services_host.Process | None = None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.home / (".s.PGSQL.5432" if self.kind == "postgres" else "socket")

    def start(self) -> str:
        """Start it, over what it had stored; return its URL."""
        start = (
            services_host.start_postgres if self.kind == "postgres" else services_host.start_valkey
        )
        self.process, self.url = start(self.home)
        return self.url

    def kill(self) -> None:
        """``kill -9``, children included."""
        if self.process is not None:
            for child in _children(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End it so that nothing of it stays, shared memory included."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT if self.kind == "postgres" else signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    def pause(self) -> None:
        """Stop it, children included, without ending it: connections stay open and are silent."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is None:
            raise AssertionError("not started")
        for pid in (self.process.pid, *_children(self.process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@dataclass(slots=True)
class Servers:
    """Those that a block has started, in a directory that goes with it."""

    directory: Path
    _services: dict[str, Service] = field(default_factory=dict)

    def service(self, kind: str) -> Service:
        """Return the server of a kind (``postgres``, ``redis``), started."""
        if kind not in self._services:
            self._services[kind] = Service(kind, self.directory / kind)
            self._services[kind].start()
        return self._services[kind]

    def postgres(self) -> str:
        return self.service("postgres").url

    def close(self) -> None:
        for service in self._services.values():
            service.stop()


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """Run servers until the block is left; nothing of them stays."""
    directory = Path(tempfile.mkdtemp(prefix="voltgate-crash-", dir="/tmp"))  # short, for sockets
    directory.chmod(0o711)
    created = Servers(directory)
    try:
        yield created
    finally:
        created.close()
        shutil.rmtree(directory, ignore_errors=True)


def new_postgres(server_url: str) -> str:
    """Return the URL of a new database with every table and no rows."""
    return asyncio.run(create_postgres(server_url))


async def create_postgres(server_url: str) -> str:
    """Make a database as ``new_postgres`` does, where a loop runs already."""
    connection = await asyncpg.connect(server_url.replace("+asyncpg", ""))
    try:
        found = "SELECT true FROM pg_database WHERE datname = $1"
        if not await connection.fetchval(found, _TEMPLATE):
            await connection.execute(f"CREATE DATABASE {_TEMPLATE}")
            await migrations.upgrade(named(server_url, _TEMPLATE))
        name = f"crash_{next(_numbers)}"
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    finally:
        await connection.close()
    return named(server_url, name)


def named(url: str, database: str) -> str:
    """Return *url* with another database."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def _children(pid: int) -> list[int]:
    """Return the processes that *pid* has started and that still are."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in listed.read_text().split()] if listed.exists() else []
