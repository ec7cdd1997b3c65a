"""A node: the real platform in the simulated world, that starts, stops, and is killed."""

import asyncio
import random
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Settings
from ops.serve import Platform, Role, platform
from tests.simulation.doorbell import Bell
from tests.simulation.engine import Gate, SimEngine
from tests.simulation.loop import OWNER, SimLoop, SimTask
from tests.simulation.trace import Trace

EPOCH_UNIX_S = 1_767_225_600.0
"""2026-01-01T00:00:00Z, when every run begins."""


class Sky:
    """What all machines share: *leap_s* is how long they were suspended so far."""

    def __init__(self) -> None:
        self.leap_s = 0.0


class Machine:
    """The clock of one process, and whether its machine is too busy to be on time.

    Attributes:
        wall_shift_s: How wrong its wall clock is.
        lateness: What pauses of a second or more are multiplied by.
    """

    def __init__(self, loop: SimLoop, sky: "Sky", *, lateness: float) -> None:
        self._loop = loop
        self._sky = sky
        self.wall_shift_s = 0.0
        self.lateness = lateness

    def monotonic(self) -> float:
        return self._loop.time() + self._sky.leap_s

    def unix(self) -> float:
        return EPOCH_UNIX_S + self.monotonic() + self.wall_shift_s

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s * self.lateness if delay_s >= 1 else delay_s)


class Incarnation:
    """One process: from its start to its death or orderly end."""

    def __init__(self, name: str, rng: random.Random, machine: Machine) -> None:
        self.name = name
        self.rng = rng
        self.machine = machine
        self.tasks: dict[SimTask, None] = {}
        self.dead = False
        self.engine: SimEngine | None = None
        self.running: Platform | None = None
        self.up = asyncio.Event()
        self.over = asyncio.Event()
        self.ending = asyncio.Event()
        self.failure: BaseException | None = None
        self.may_fail = False

    def is_dead(self) -> bool:
        return self.dead

    def blocking(self, work: Callable[[], Any]) -> tuple[float, Any]:
        return self.rng.uniform(0.0002, 0.004), work()


class Node:
    """A place where processes follow each other: the same name and ports after each restart."""

    def __init__(
        self,
        settings: Settings,
        *,
        roles: frozenset[Role],
        loop: SimLoop,
        sky: Sky,
        bell: Bell,
        trace: Trace,
        rng: random.Random,
        lateness: float,
        gate: Callable[["Node"], Gate],
    ) -> None:
        self.settings = settings
        self.name = settings.node_id
        self._roles = roles
        self._loop = loop
        self._sky = sky
        self._bell = bell
        self._trace = trace
        self._rng = rng
        self._lateness = lateness
        self._make_gate = gate
        self.gate = gate(self)
        self.now: Incarnation | None = None
        self.past: list[Incarnation] = []
        self.kills = 0

    @property
    def serves(self) -> bool:
        """Whether a process is up that nobody has asked to end."""
        return (
            self.now is not None and self.now.running is not None and not self.now.ending.is_set()
        )

    def start(self) -> None:
        """Start a process, unless one runs; it serves when ``up`` is set."""
        if self.now is not None:
            return
        machine = Machine(self._loop, self._sky, lateness=self._lateness)
        process = Incarnation(self.name, random.Random(self._rng.getrandbits(64)), machine)  # noqa: S311
        self.now = process
        self.gate = self._make_gate(self)
        context = copy_context()
        context.run(OWNER.set, process)
        task = self._loop.create_task(self._live(process), context=context)
        task.add_done_callback(lambda done: self._ended(process, done))
        self._trace.note("node_started", who=self.name)

    async def stop(self) -> None:
        """End the process in an orderly way."""
        process = self.now
        if process is None:
            return
        self._trace.note("node_stopping", who=self.name)
        process.ending.set()
        await process.over.wait()

    def kill(self, *, silently: bool, back_in_s: float) -> None:
        """Let the process die as of ``kill -9``: nothing of it reaches anybody any more.

        Its network and its database are taken away first, its transaction is undone; what its
        code does while it is cancelled happens nowhere.
        """
        process = self.now
        if process is None or process.dead:
            return
        self.kills += 1
        self._trace.note("node_killed", who=self.name, silently=silently)
        process.dead = True
        until_s = self._loop.time() + back_in_s
        self._loop.network.kill(process, silently=silently, until_s=until_s)
        self.gate.is_dead = True
        if process.engine is not None:
            process.engine.die()
        self.now = None
        self.past.append(process)
        process.up.set()
        process.over.set()
        self._loop.call_soon(_cancel_all, process)

    async def _live(self, process: Incarnation) -> None:
        path = self.settings.database_url.removeprefix("sqlite:///")
        process.engine = SimEngine(path, process.machine, self.gate)
        async with platform(
            self.settings,
            roles=self._roles,
            clock=process.machine,
            rng=process.rng,
            doorbell=self._bell,
            engine=process.engine,
        ) as running:
            process.running = running
            process.up.set()
            await process.ending.wait()

    def _ended(self, process: Incarnation, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            process.failure = failure
            if not process.dead:
                self._trace.note("node_failed", who=self.name, error=repr(failure))
                process.may_fail = isinstance(failure, DatabaseUnavailable)
                self._loop.call_later(1.0, self.start)
        if self.now is process:
            self.now = None
            self.past.append(process)
        process.up.set()
        process.over.set()


def _cancel_all(process: Incarnation) -> None:
    for task in list(process.tasks):
        task.cancel()
