"""How fast a charger may send: above that it is read more slowly, and nothing is dropped (S6)."""

from core.kernel.clock import Clock


class Pace:
    """A bucket of one second's allowance; whoever finds it empty waits."""

    def __init__(self, clock: Clock, *, per_second: float) -> None:
        self._clock = clock
        self._per_second = per_second
        self._left = per_second
        self._at_s = clock.monotonic()
        self._over_since_s: float | None = None

    @property
    def over_s(self) -> float:
        """For how many seconds the allowance has been used up without a pause."""
        if self._over_since_s is None:
            return 0.0
        return self._clock.monotonic() - self._over_since_s

    @property
    def is_kept(self) -> bool:
        """Whether another frame may come now, without waiting."""
        self._gain(self._clock.monotonic())
        return self._left >= 1

    def take(self, cost: float) -> None:
        """Take *cost* frames from an allowance that ``is_kept`` says is there."""
        self._left -= cost
        self._over_since_s = None

    async def keep(self, cost: float) -> None:
        """Take *cost* frames from the allowance; wait until it is there."""
        now_s = self._clock.monotonic()
        self._gain(now_s)
        self._left -= cost
        if self._left >= 0:
            self._over_since_s = None
        else:
            if self._over_since_s is None:
                self._over_since_s = now_s
            await self._clock.sleep(-self._left / self._per_second)

    def _gain(self, now_s: float) -> None:
        gained = max(now_s - self._at_s, 0.0) * self._per_second
        self._left = min(self._left + gained, self._per_second)
        self._at_s = now_s
