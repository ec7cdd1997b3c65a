"""How fast a charger may send: above that it is read more slowly, and nothing is dropped (S6)."""

from core.kernel.clock import Clock


class Pace:
    """A bucket of one second's allowance; whoever finds it empty waits."""

    def __init__(self, clock: Clock, *, per_second: float) -> None:
        self._clock = clock
        self._per_second = per_second
        self._left = per_second
        self._at_s = clock.monotonic()

    async def keep(self, cost: float) -> None:
        """Take *cost* frames from the allowance; wait until it is there."""
        now_s = self._clock.monotonic()
        gained = max(now_s - self._at_s, 0.0) * self._per_second
        self._left = min(self._left + gained, self._per_second) - cost
        self._at_s = now_s
        if self._left < 0:
            await self._clock.sleep(-self._left / self._per_second)
