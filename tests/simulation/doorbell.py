"""One doorbell for all nodes, whose rings may come late, twice or never."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from core.kernel.doorbell import RINGS_KEPT, Rings


@dataclass(slots=True)
class Bell:
    """The bell between the nodes.

    Attributes:
        lost: The share of rings that nobody hears.
        doubled: The share that is heard twice.
        late: The share that comes up to some seconds late.
    """

    rng: random.Random
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    _queues: dict[str, dict[int, Rings]] = field(default_factory=dict)
    _count: int = 0

    async def ring(self, topic: str, key: str) -> None:
        """Wake whoever listens, or not."""
        for number in list(self._queues.get(topic, ())):
            chance = self.rng.random()
            if chance < self.lost:
                continue
            times = 2 if self.rng.random() < self.doubled else 1
            for _ in range(times):
                is_late = self.rng.random() < self.late
                delay_s = self.rng.uniform(0.05, 3.0) if is_late else self.rng.uniform(0, 0.002)
                self._later(delay_s, partial(self._deliver, topic, number, key))

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(delay_s, act)

    def _deliver(self, topic: str, number: int, key: str) -> None:
        queue = self._queues.get(topic, {}).get(number)
        if queue is not None and not queue.full():
            queue.put_nowait(key)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Rings]:
        """Open a queue of the keys rung on *topic* from now on."""
        self._count += 1
        number = self._count
        queue: Rings = asyncio.Queue(maxsize=RINGS_KEPT)
        self._queues.setdefault(topic, {})[number] = queue
        try:
            yield queue
        finally:
            self._queues[topic].pop(number, None)
