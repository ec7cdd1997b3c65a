"""Everything that goes wrong: lines, processes, the database, the bell, clocks, receivers."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from core.kernel.errors import DatabaseUnavailable
from tests.simulation.doorbell import Bell
from tests.simulation.engine import Gate
from tests.simulation.loop import OWNER, SimLoop
from tests.simulation.network import Link, Network
from tests.simulation.node import Incarnation, Node, Sky
from tests.simulation.plan import Plan
from tests.simulation.receivers import MOODS, Receiver
from tests.simulation.trace import Trace

_PLACES: Final = (
    "",
    "commit.before.frame",
    "commit.after.frame",
    "commit.before.api",
    "commit.after.api",
    "command",
    "csms.",
    "webhook",
    "replied",
    "socket",
)
"""Parts of the names of fail points, which are picked alike, rare as they may be."""


class Weather:
    """Brings about the troubles of a plan, and in the end a clear sky."""

    def __init__(
        self,
        plan: Plan,
        *,
        loop: SimLoop,
        network: Network,
        bell: Bell,
        sky: Sky,
        rng: random.Random,
        trace: Trace,
    ) -> None:
        self.plan = plan
        self.nodes: Sequence[Node] = ()
        self.receivers: Sequence[Receiver] = ()
        self.is_active = True
        self.wrong: list[str] = []
        self._restarts: list[asyncio.Task[None]] = []
        self._loop = loop
        self._network = network
        self._bell = bell
        self._sky = sky
        self._rng = rng
        self._trace = trace
        self._losing_commits = False
        self._armed: tuple[str, int] | None = None

    def gate(self, node: Node) -> Gate:
        """Return what stands between a process of *node* and the database."""
        return Gate(at_commit=self._at_commit)

    async def work(self) -> None:
        """Let one trouble follow the other until no longer active."""
        while self.is_active and self.plan.troubles:
            await asyncio.sleep(self._rng.expovariate(1 / self.plan.trouble_every_s))
            if self.is_active:
                self._bring(self._rng.choice(self.plan.troubles))

    def clear(self) -> None:
        """Let everything work again."""
        self.is_active = False
        self._losing_commits = False
        self._armed = None
        self._bell.lost = self._bell.doubled = self._bell.late = 0.0
        self._network.blocked.clear()
        self._network.slowness = 1.0
        for link in list(self._network.links):
            if link.is_mute:
                link.cut()
        _shut(self.nodes, is_shut=False)
        for node in self.nodes:
            if node.now is not None:
                node.now.machine.wall_shift_s = 0.0
            node.start()
        for receiver in self.receivers:
            receiver.mood, receiver.moody = "takes", 0.0

    def passed(self, place: str) -> None:
        """Hear of a fail point that code of a node passes; kill the node if it is the one."""
        owner = OWNER.get()
        if self._armed is None or not isinstance(owner, Incarnation) or owner.dead:
            return
        part, left = self._armed
        if part not in place:
            return
        self._armed = (part, left - 1) if left > 1 else None
        if left <= 1:
            self._trace.note("failpoint", who=owner.name, place=place)
            self._kill(next(node for node in self.nodes if node.now is owner))
            raise asyncio.CancelledError(place)

    def _bring(self, trouble: str) -> None:
        self._trace.note("trouble", what=trouble)
        acts: dict[str, Callable[[], None]] = {
            "cut": lambda: self._line("cut"),
            "stall": lambda: self._line("stall"),
            "mute": lambda: self._line("mute"),
            "block": self._block,
            "slow": self._slow_down,
            "kill": lambda: self._kill(self._rng.choice(self.nodes)),
            "failpoint": self._arm,
            "restart": self._restart_one,
            "outage": self._outage,
            "lost_commits": self._lose_commits,
            "wall_clock": self._jump_wall_clock,
            "suspend": self._suspend,
            "receiver": self._upset,
            "bell": self._disturb_bell,
        }
        acts[trouble]()

    def _block(self) -> None:
        node = self._rng.choice(self.nodes).settings
        port = self._rng.choice([node.api_port, node.ocpp_port])
        self._network.blocked.add(port)
        self._later(lambda: self._network.blocked.discard(port))

    def _slow_down(self) -> None:
        self._network.slowness = self._rng.choice([10.0, 100.0])
        self._later(lambda: setattr(self._network, "slowness", 1.0))

    def _arm(self) -> None:
        self._armed = (self._rng.choice(_PLACES), self._rng.randint(1, 6))

    def _restart_one(self) -> None:
        self._restarts.append(self._loop.create_task(self._restart(self._rng.choice(self.nodes))))

    def _outage(self) -> None:
        everybody = self._rng.random() < 0.7
        chosen = list(self.nodes) if everybody else [self._rng.choice(self.nodes)]
        _shut(chosen, is_shut=True)
        self._later(lambda: _shut(chosen, is_shut=False))

    def _lose_commits(self) -> None:
        self._losing_commits = True
        self._later(lambda: setattr(self, "_losing_commits", False))

    def _suspend(self) -> None:
        self._sky.leap_s += self._rng.choice([2.0, 8.0, 40.0])

    def _upset(self) -> None:
        receiver = self._rng.choice(self.receivers)
        receiver.mood = self._rng.choice(MOODS)
        self._later(lambda: setattr(receiver, "mood", "takes"))

    def _disturb_bell(self) -> None:
        for name in ("lost", "doubled", "late"):
            setattr(self._bell, name, self._rng.choice([0.0, 0.2, 0.9]))

    def _later(self, act: Callable[[], None]) -> None:
        self._loop.call_later(self._rng.choice([0.3, 2.0, 5.0, 11.0]), act)

    def _line(self, trouble: str) -> None:
        links = list(self._network.links)
        if not links:
            return
        link: Link = self._rng.choice(links)
        self._trace.note(trouble, link=link.number, port=link.port)
        if trouble == "cut":
            link.cut()
        elif trouble == "stall":
            link.stall(self._rng.choice([0.5, 3.0, 9.0]))
        else:
            link.mute()

    def _at_commit(self) -> bool:
        if not self._losing_commits:
            return False
        chance = self._rng.random()
        if chance < 0.1:
            raise DatabaseUnavailable("the simulated commit failed")
        return chance < 0.25

    def _kill(self, node: Node) -> None:
        back_in_s = self._rng.choice([0.3, 1.0, 4.0, 10.0])
        node.kill(silently=self._rng.random() < 0.3, back_in_s=back_in_s)
        self._loop.call_later(back_in_s, node.start)

    async def _restart(self, node: Node) -> None:
        process = node.now
        try:
            async with asyncio.timeout(60):
                await node.stop()
        except TimeoutError:
            if process is not None and not process.dead:
                self.wrong.append(f"{node.name} did not stop within a minute")
        await asyncio.sleep(self._rng.choice([0.1, 2.0]))
        node.start()

    def _jump_wall_clock(self) -> None:
        for node in self.nodes:
            if node.now is not None:
                node.now.machine.wall_shift_s = self._rng.choice([-3600.0, 3600.0, 0.0])


def _shut(nodes: Sequence[Node], *, is_shut: bool) -> None:
    for node in nodes:
        node.gate.is_shut = is_shut
