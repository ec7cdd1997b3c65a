"""The servers that are measured: each a process of its own, on a core of its own."""

import asyncio
import cProfile
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Final, Self

import psutil

from benchmarks.databases import Backend, DatabaseCpu, temporary_database

END_WITHIN_S: Final = 20.0
SPARE_FILES: Final = 200
"""Open files of a process besides its chargers' sockets."""
ASK_TASKS: Final = "tasks"
_TAIL_CHARS: Final = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a server's process is told.

    Attributes:
        chargers: Identities that it has to know, each with *connectors* connectors.
        partners: How many may see them.
        core: The only core it may use; ``None`` for any.
        log: Its log, standard error.
        profile: Where cProfile writes what it saw; ``None``: no profiler.
        settings: Those of the platform that differ, by name.
        resumed: What it said when it served this database before: it makes nothing, and serves on
            the same ports.
    """

    database_url: str
    chargers: Sequence[str]
    connectors: int
    frame_log: bool
    log: Path
    partners: int = 1
    core: int | None = None
    profile: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    resumed: "Ready | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What the process answers once it serves. *connectors*: public ids by charger.

    *noisy_key* is of a partner with a limit of its own, that of the neighbours' scenario.
    *api_key* is the first partner's; *api_keys* are those of all.
    """

    ocpp_url: str
    password: str = ""
    api_url: str = ""
    api_key: str = ""
    noisy_key: str = ""
    api_keys: Sequence[str] = ()
    connectors: Mapping[str, Sequence[str]] = field(default_factory=dict)


Serve = Callable[[Order, Callable[[Ready], Awaitable[None]]], Awaitable[None]]
"""A server: prepares its database, serves, calls the function, which returns at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of server; *module* has the function ``serve`` and ``new_event_loop``."""

    name: str
    module: str
    frame_log: bool = False


VOLTGATE: Final = Kind(name="voltgate", module="benchmarks.voltgate")
WITH_FRAMES: Final = Kind(name="frames", module="benchmarks.voltgate", frame_log=True)
REFERENCE: Final = Kind(name="reference", module="benchmarks.reference")
KINDS: Final = {kind.name: kind for kind in (VOLTGATE, WITH_FRAMES, REFERENCE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running server."""

    name: str
    ready: Ready
    process: psutil.Process
    database: DatabaseCpu
    database_url: str

    async def cpu_s(self) -> float:
        """Return the CPU seconds of the server and of its database so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system) + await self.database.seconds()


class ServerFailed(Exception):
    """A server did not start, or ended; the text has the end of its log."""


@cache
def cores() -> tuple[int | None, set[int] | None]:
    """Return the core for the servers and those for everything else; ``None``: no pinning.

    They stay what they were at first: later this process keeps off the servers' core.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:  # noqa: PLR2004 - one for each side
        return None, None
    return usable[0], set(usable[1:])


@asynccontextmanager
async def serving(
    kind: Kind,
    chosen: Backend,
    *,
    chargers: Sequence[str],
    connectors: int,
    profiles: Path | None,
    partners: int = 1,
) -> AsyncIterator[Target]:
    """Run a server on a new database until the block is left.

    Raises:
        ServerFailed: It did not start.
    """
    async with temporary_database(chosen) as url, DatabaseCpu(chosen, url) as database:
        with log_file(chosen, kind) as log:
            order = Order(
                database_url=url,
                chargers=chargers,
                connectors=connectors,
                frame_log=kind.frame_log,
                log=log,
                partners=partners,
                core=cores()[0],
                profile=None if profiles is None else profiles / f"{kind.name}-{chosen.name}.prof",
            )
            async with Server(kind) as server:
                ready = await server.start(order)
                yield Target(
                    name=kind.name,
                    ready=ready,
                    process=server.process,
                    database=database,
                    database_url=url,
                )


class Server:
    """A server's process: started, ended or killed, and started again. Used as ``async with``."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._child: SpawnProcess | None = None
        self._pipe: Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    @property
    def process(self) -> psutil.Process:
        """The process that runs now."""
        return psutil.Process(self._running().pid)

    async def start(self, order: Order) -> Ready:
        """Start the process; return what it says once it serves.

        Raises:
            ServerFailed: It did not start.
        """
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._child = context.Process(
            target=run, args=(self._kind.module, order, theirs), name=self._kind.name, daemon=True
        )
        self._child.start()
        theirs.close()
        return await asyncio.to_thread(_await_ready, self._pipe, order.log)

    async def tasks(self) -> int:
        """Return how many asyncio tasks it has."""
        return await asyncio.to_thread(self._ask_tasks)

    async def kill(self) -> None:
        """Let it die at once, as with SIGKILL."""
        child = self._running()
        child.kill()
        await asyncio.to_thread(child.join)
        self._forget()

    async def end(self) -> None:
        """Let it end in order, if it runs."""
        if self._child is None:
            return
        if self._pipe is not None:
            self._pipe.close()  # the process ends by that
        await asyncio.to_thread(self._child.join, END_WITHIN_S)
        if self._child.is_alive():
            await self.kill()
        self._forget()

    def _running(self) -> SpawnProcess:
        if self._child is None:
            raise RuntimeError("no process is running")
        return self._child

    def _ask_tasks(self) -> int:
        if self._pipe is None:
            raise RuntimeError("no process is running")
        self._pipe.send(ASK_TASKS)
        return int(self._pipe.recv())

    def _forget(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        self._child = self._pipe = None


@contextmanager
def log_file(chosen: Backend, kind: Kind) -> Iterator[Path]:
    """Make a file for a server's log, and remove it at the end."""
    handle, name = tempfile.mkstemp(prefix=f"voltgate-bench-{kind.name}-{chosen.name}-")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def keep_off_the_servers() -> None:
    """Leave the servers' core to them; this process takes the others."""
    _, others = cores()
    if others is not None:
        os.sched_setaffinity(0, others)


def want_files(needed: int) -> None:
    """Raise how many files this process and its children may open.

    Raises:
        ServerFailed: The machine does not allow that.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise ServerFailed(f"{needed} open files are needed, {hard} are allowed: ulimit -Hn")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _await_ready(ours: Connection, log: Path) -> Ready:
    try:
        ready = ours.recv()
    except EOFError:
        raise ServerFailed(log.read_text(errors="replace")[-_TAIL_CHARS:]) from None
    if not isinstance(ready, Ready):
        raise TypeError("a server says one thing first: that it is ready")
    return ready


def run(module: str, order: Order, parent: Connection) -> None:
    """Serve until the parent closes its end; the whole life of a server's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    log = os.open(order.log, os.O_WRONLY | os.O_APPEND)
    os.dup2(log, sys.stderr.fileno())
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})
    server = import_module(module)
    serve: Serve = server.serve

    async def until_parent_ends(ready: Ready) -> None:
        ended = asyncio.Event()
        parent.send(ready)  # before the loop makes the pipe one that does not wait

        def hear() -> None:
            try:
                parent.recv()
                parent.send(len(asyncio.all_tasks()))
            except (EOFError, OSError):
                ended.set()

        asyncio.get_running_loop().add_reader(parent.fileno(), hear)
        await ended.wait()
        asyncio.get_running_loop().remove_reader(parent.fileno())

    async def main() -> None:
        await serve(order, until_parent_ends)

    profiler = cProfile.Profile()
    if order.profile is not None:
        profiler.enable()
    with asyncio.Runner(loop_factory=server.new_event_loop) as runner:
        runner.run(main())
    if order.profile is not None:
        profiler.disable()
        profiler.dump_stats(order.profile)
