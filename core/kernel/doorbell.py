"""Wake-ups between tasks, processes and nodes.

A doorbell carries no truth: every ring says "look at row KEY", and the row in the database
decides. Losing a ring delays work until the next sweep; a duplicate ring finds the row already
claimed. That is why the in-process bell and the Redis bell are interchangeable.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

from core.kernel import metrics

Rings = asyncio.Queue[str]

RINGS_KEPT: Final = 10_000
"""Rings a slow subscriber may leave unread; further ones are dropped, the sweep finds the rows."""


class Doorbell(Protocol):
    """Best-effort, at-most-once publish and subscribe of short keys."""

    async def ring(self, topic: str, key: str) -> None:
        """Wake every current subscriber of *topic*."""

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[Rings]:
        """Open a queue of the keys rung on *topic* from now on."""


class MemoryDoorbell:
    """The default bell: one process, no service."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, set[Rings]] = defaultdict(set)

    async def ring(self, topic: str, key: str) -> None:
        self.deliver(topic, key)

    def deliver(self, topic: str, key: str) -> None:
        """Put *key* into the queue of every subscriber in this process."""
        for queue in self._queues.get(topic, ()):
            if queue.full():
                metrics.RINGS.labels("unread").inc()
            else:
                queue.put_nowait(key)

    def topics(self) -> frozenset[str]:
        """Return the topics somebody listens to."""
        return frozenset(self._queues)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Rings]:
        queue: Rings = asyncio.Queue(maxsize=RINGS_KEPT)
        self._queues[topic].add(queue)
        try:
            yield queue
        finally:
            self._queues[topic].discard(queue)
            if not self._queues[topic]:
                del self._queues[topic]


async def rung(rings: Rings, *, within_s: float) -> frozenset[str]:
    """Return the keys rung so far; wait for the first at most *within_s*, then return none."""
    keys: set[str] = set()
    try:
        async with asyncio.timeout(within_s):
            keys.add(await rings.get())
    except TimeoutError:
        return frozenset()
    while not rings.empty():
        keys.add(rings.get_nowait())
    return frozenset(keys)
