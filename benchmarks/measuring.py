"""How a scenario measures: rates, CPU and times within a window after a warm-up."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import psutil

from benchmarks.charger import Charger
from benchmarks.databases import Backend
from benchmarks.servers import Target

Figures = dict[str, float]
"""By name: ``per_second``, ``cpu_us`` (server and database, of each one), ``p50_ms``, ..."""

Step = Callable[[], Awaitable[None]]

CONNECTORS: Final = 8
"""Of each charger that a server of a run knows."""
LOOK_S: Final = 0.1
"""How often a process's memory is looked at."""
WARM_UP: Final = 0.25
"""Part of the measured time that passes before it."""
REST_LOOK_S: Final = 1.25
"""Longer than the second after which jobs look again for what there is to do."""
REST_SHARE: Final = 0.1
"""Of a core: a server that takes less has done what was left to do."""
REST_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """What a scenario has.

    Attributes:
        backend: Where a scenario makes a database for a server of its own.
        chargers: Identities of those that send all the time.
        crowd: Further identities, as many as the scenario asks for.
        wrong: What a scenario counts as an error, and goes on; the run tells of it.
    """

    target: Target
    backend: Backend
    seconds: float
    chargers: Sequence[str]
    crowd: Sequence[str]
    wrong: list[str] = field(default_factory=list)

    def charger(self, identity: str) -> Charger:
        """Return a charger that the server knows, not connected yet."""
        return Charger(self.target.ready.ocpp_url, identity, self.target.ready.password)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where everything stood at one moment."""

    at_s: float
    server_cpu_s: float
    own_cpu_s: float


async def mark(target: Target) -> Mark:
    """Look at the clocks."""
    server_cpu_s = await target.cpu_s()
    return Mark(time.perf_counter(), server_cpu_s, time.process_time())


async def at_rest(targets: Collection[Target]) -> None:
    """Wait until every server has done what earlier scenarios left to do: it would be counted.

    Raises:
        TimeoutError: One works on and on.
    """
    async with asyncio.timeout(REST_WITHIN_S):
        seen = [await mark(target) for target in targets]
        shares = [1.0]
        while max(shares) > REST_SHARE:
            await asyncio.sleep(REST_LOOK_S)
            before, seen = seen, [await mark(target) for target in targets]
            shares = [_share(*both) for both in zip(before, seen, strict=True)]


def _share(begin: Mark, end: Mark) -> float:
    return (end.server_cpu_s - begin.server_cpu_s) / (end.at_s - begin.at_s)


def figures_of(begin: Mark, end: Mark, *, count: int) -> Figures:
    """Return rate and CPU of *count* things done between two marks."""
    wall_s = end.at_s - begin.at_s
    return {
        "count": count,
        "per_second": count / wall_s,
        "cpu_us": (end.server_cpu_s - begin.server_cpu_s) / max(count, 1) * 1e6,
        "generator_percent": (end.own_cpu_s - begin.own_cpu_s) / wall_s * 100,
    }


def times_of(measured_s: Sequence[float], *, percents: Sequence[float] = (50, 99)) -> Figures:
    """Return the percentiles of some durations, in milliseconds."""
    ordered = sorted(measured_s)
    return {
        f"p{percent}_ms": ordered[math.ceil(len(ordered) * percent / 100) - 1] * 1000
        for percent in percents
        if ordered
    }


@asynccontextmanager
async def peak_rss(process: psutil.Process) -> AsyncIterator[Callable[[], int]]:
    """Watch a process's resident memory; yields what returns its peak in bytes."""
    peak = 0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(LOOK_S)

    task = asyncio.create_task(watch())
    try:
        yield lambda: peak
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def under_load(lab: Lab, chargers: Sequence[Charger], steps: Sequence[Step]) -> Figures:
    """Repeat every step, all at the same time, each after its own answer (a closed loop)."""
    is_over = False

    async def drive(step: Step) -> None:
        while not is_over:
            await step()

    async with asyncio.TaskGroup() as tasks:
        for step in steps:
            tasks.create_task(drive(step))
        await asyncio.sleep(lab.seconds * WARM_UP)
        begin = await mark(lab.target)
        before = [len(charger.answers_s) for charger in chargers]
        await asyncio.sleep(lab.seconds)
        end = await mark(lab.target)
        measured_s = [
            answer_s
            for charger, first in zip(chargers, before, strict=True)
            for answer_s in charger.answers_s[first:]
        ]
        is_over = True
    return {**figures_of(begin, end, count=len(measured_s)), **times_of(measured_s)}
