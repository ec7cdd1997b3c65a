"""Sockets of one charger that replace each other again and again (S7).

Two chargers with one identity, or one with a broken network: each is thrown out by the other.
"""

from collections import OrderedDict, deque
from typing import Final

from core.kernel.clock import Clock

WINDOW_S: Final = 600.0
CHARGERS_KEPT: Final = 20_000


class Flapping:
    """Replacements of the last minutes by charger; memory is bounded."""

    def __init__(self, clock: Clock, *, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._replaced: OrderedDict[str, deque[float]] = OrderedDict()

    def replaced(self, charger_id: str) -> bool:
        """Count a replacement; true when the limit is reached, and then not again for a while."""
        now_s = self._clock.monotonic()
        times = self._replaced.setdefault(charger_id, deque(maxlen=self._limit))
        times.append(now_s)
        self._replaced.move_to_end(charger_id)
        while len(self._replaced) > CHARGERS_KEPT:
            self._replaced.popitem(last=False)
        if len(times) < self._limit or now_s - times[0] > WINDOW_S:
            return False
        times.clear()
        return True
