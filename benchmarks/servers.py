"""The servers that are measured: each a process of its own, on a core of its own."""

import asyncio
import cProfile
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import psutil

from benchmarks.databases import Backend, DatabaseCpu, temporary_database

END_WITHIN_S: Final = 20.0
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
    """

    database_url: str
    chargers: Sequence[str]
    connectors: int
    frame_log: bool
    log: Path
    partners: int = 1
    core: int | None = None
    profile: Path | None = None


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


def cores() -> tuple[int | None, set[int] | None]:
    """Return the core for the servers and those for everything else; ``None``: no pinning."""
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
        log = _log_path(chosen, kind)
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
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=run, args=(kind.module, order, theirs), name=kind.name, daemon=True
        )
        process.start()
        theirs.close()
        try:
            ready = await asyncio.to_thread(_await_ready, ours, log)
            yield Target(
                name=kind.name,
                ready=ready,
                process=psutil.Process(process.pid),
                database=database,
                database_url=url,
            )
        finally:
            ours.close()  # the process ends by that
            await asyncio.to_thread(process.join, END_WITHIN_S)
            if process.is_alive():
                process.kill()
                await asyncio.to_thread(process.join)
            log.unlink(missing_ok=True)


def _log_path(chosen: Backend, kind: Kind) -> Path:
    handle, name = tempfile.mkstemp(prefix=f"voltgate-bench-{kind.name}-{chosen.name}-")
    os.close(handle)
    return Path(name)


def _await_ready(ours: Connection, log: Path) -> Ready:
    try:
        ready = ours.recv()
    except EOFError:
        raise ServerFailed(log.read_text(errors="replace")[-_TAIL_CHARS:]) from None
    if not isinstance(ready, Ready):
        raise TypeError("a server says one thing: that it is ready")
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
        asyncio.get_running_loop().add_reader(parent.fileno(), ended.set)
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
