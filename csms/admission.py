"""How many logins go on at a time, and how many wait for their turn when all chargers come at once.

A handshake that waits too long is cut off without an answer, after it has taken a socket, memory
and a place in the queue; then it comes again. So whoever could not be served in time is told at
once when to come back, each at another time.
"""

import asyncio
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.kernel.clock import Clock

ALWAYS_WAIT: Final = 500
"""So many may wait, however slow we are."""
SMOOTHED_OVER: Final = 100
"""Over how many logins it is measured how long one takes."""
SOONEST_S: Final = 5.0


class Crowded(Exception):
    """There are too many who wait.

    Attributes:
        retry_after_s: When to come back.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many logins; again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Admission:
    """The queue of logins of one port.

    Args:
        at_once: How many go on at a time.
        within_s: How long one may wait, by what logins take at the moment.
    """

    def __init__(self, clock: Clock, rng: random.Random, *, at_once: int, within_s: float) -> None:
        self._clock = clock
        self._rng = rng
        self._at_once = at_once
        self._within_s = within_s
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._takes_s = 0.0

    @property
    def has_queue(self) -> bool:
        """Whether somebody waits for a place."""
        return self._waiting > 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it until the block is left.

        Raises:
            Crowded: It would come too late.
        """
        wait_s = self._waiting / self._at_once * self._takes_s
        if self._waiting >= ALWAYS_WAIT and wait_s > self._within_s:
            # those who wait are served first, and not all who are sent away come back at once
            soonest_s = max(wait_s, SOONEST_S)
            raise Crowded(math.ceil(self._rng.uniform(soonest_s, 2 * soonest_s)))
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        began_s = self._clock.monotonic()
        try:
            yield
        finally:
            self._places.release()
            took_s = self._clock.monotonic() - began_s
            self._takes_s += (took_s - self._takes_s) / SMOOTHED_OVER
