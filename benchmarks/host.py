"""A server that is started more than once on one database, and killed in between."""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from benchmarks.databases import Backend, DatabaseCpu, temporary_database
from benchmarks.servers import Kind, Order, Ready, Server, cores, log_file

QUIET: Final = frozenset({"debug", "info"})


@dataclass(frozen=True, slots=True)
class Clocks:
    """CPU seconds so far, and when that was."""

    at_s: float
    server_s: float
    database_s: float
    own_s: float


class Host:
    """The server, which is started more than once, on one database."""

    def __init__(self, server: Server, order: Order, database: DatabaseCpu) -> None:
        self.server = server
        self.order = order
        self.database = database

    async def start(self) -> Ready:
        """Register the chargers and serve; whatever is started later serves on as this did."""
        ready = await self.server.start(self.order)
        self.order = replace(self.order, resumed=ready)
        return ready

    async def prepare(self) -> Ready:
        """Register the chargers, and start anew: with a memory that knows nothing of it."""
        await self.start()
        await self.server.end()
        return await self.server.start(self.order)

    async def restart(self) -> None:
        """Kill the process and start another one."""
        await self.server.kill()
        await self.server.start(self.order)

    def rss(self) -> int:
        """Return the server's resident memory in bytes."""
        return int(self.server.process.memory_info().rss)

    async def clocks(self) -> Clocks:
        """Look at the clocks."""
        times = self.server.process.cpu_times()
        server_s = float(times.user + times.system)
        database_s = await self.database.seconds()
        return Clocks(time.perf_counter(), server_s, database_s, time.process_time())

    def warnings(self) -> dict[str, int]:
        """Return which warnings and errors all its processes logged, and how often."""
        with self.order.log.open(errors="replace") as lines:
            return warnings_of(lines)


def warnings_of(log: Iterable[str]) -> dict[str, int]:
    """Return which warnings and errors stand in a log, and how often."""
    lines = (json.loads(line) for line in log if line.startswith("{"))
    loud = (f"{one['level']} {one['event']}" for one in lines if one["level"] not in QUIET)
    return dict(Counter(loud).most_common())


@asynccontextmanager
async def hosting(
    kind: Kind,
    chosen: Backend,
    *,
    chargers: Sequence[str],
    partners: int = 1,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Host]:
    """Make a new database and a host for it, which is not started yet; chargers have a connector.

    *settings*: those of the platform that are to differ.
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(temporary_database(chosen))
        cpu = await stack.enter_async_context(DatabaseCpu(chosen, url))
        log = stack.enter_context(log_file(chosen, kind))
        order = Order(
            database_url=url,
            chargers=chargers,
            connectors=1,
            frame_log=kind.frame_log,
            log=log,
            partners=partners,
            core=cores()[0],
            settings=settings or {},
        )
        yield Host(await stack.enter_async_context(Server(kind)), order, cpu)
