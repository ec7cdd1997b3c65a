"""How many keys that are not good may be tried from one address, in this process.

Whoever shares the address with somebody who tries keys is not locked out: keys that were good
from there lately pass, and others are looked at as often as tokens come back.
"""

import math
from collections import OrderedDict
from typing import Final

from core.kernel.clock import Clock

MAX_REMEMBERED: Final = 10_000
GOOD_FOR_S: Final = 600
_MINUTE_S: Final = 60


class Door:
    """A bucket of failures for each address, full at first; it refuses where it is empty."""

    def __init__(self, clock: Clock, *, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._good: OrderedDict[tuple[str, int], float] = OrderedDict()

    def fail(self, network: str) -> None:
        """Count a key that was not good."""
        self._buckets[network] = (max(0.0, self._tokens(network) - 1), self._clock.monotonic())
        self._buckets.move_to_end(network)
        if len(self._buckets) > MAX_REMEMBERED:
            self._buckets.popitem(last=False)

    def pass_(self, network: str, credentials: bytes) -> None:
        """Remember that *credentials* were good."""
        key = (network, hash(credentials))
        self._good[key] = self._clock.monotonic()
        self._good.move_to_end(key)
        if len(self._good) > MAX_REMEMBERED:
            self._good.popitem(last=False)

    def closed_for_s(self, network: str, credentials: bytes) -> int | None:
        """Return how long calls of *network* are not looked at; ``None``: this one is."""
        if network not in self._buckets:
            return None
        tokens = self._tokens(network)
        if tokens >= 1:
            return None
        good_at = self._good.get((network, hash(credentials)))
        if good_at is not None and self._clock.monotonic() - good_at < GOOD_FOR_S:
            return None
        return max(1, math.ceil((1 - tokens) * _MINUTE_S / self._per_minute))

    def _tokens(self, network: str) -> float:
        tokens, at = self._buckets.get(network, (float(self._per_minute), 0.0))
        back = max(0.0, self._clock.monotonic() - at) * self._per_minute / _MINUTE_S
        return min(float(self._per_minute), tokens + back)
