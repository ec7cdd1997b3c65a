"""How often somebody without an API key may call: by address, in this process."""

import math
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from core.kernel.clock import Clock
from core.kernel.errors import PlatformError

MAX_REMEMBERED: Final = 10_000
"""Addresses; those that called longest ago are forgotten, so that a flood cannot fill memory."""
UPLOADS_AT_ONCE: Final = 8
UPLOADS_OF_ONE: Final = 2
"""Uploads of one address at once: whoever is slow on purpose does not take the others' places."""
_MINUTE_S: Final = 60


class Gate:
    """A token bucket for each address, full at first; and how many uploads go on."""

    def __init__(self, clock: Clock, *, per_minute: int) -> None:
        self._uploads: Counter[str] = Counter()
        self._clock = clock
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, network: str) -> None:
        """Count one request of *network*.

        Raises:
            PlatformError: ``rate_limited``.
        """
        now = self._clock.monotonic()
        per_s = self._per_minute / _MINUTE_S
        tokens, at = self._buckets.pop(network, (float(self._per_minute), now))
        tokens = min(self._per_minute, tokens + max(0.0, now - at) * per_s)
        enough = tokens >= 1
        self._buckets[network] = (tokens - 1 if enough else tokens, now)
        if len(self._buckets) > MAX_REMEMBERED:
            self._buckets.popitem(last=False)
        if not enough:
            raise PlatformError(
                "rate_limited",
                f"At most {self._per_minute} requests a minute without an API key.",
                retry_after=max(1, math.ceil((1 - tokens) / per_s)),
            )

    @contextmanager
    def uploading(self, network: str) -> Iterator[None]:
        """Hold a place for an upload, whose document is in memory meanwhile.

        Raises:
            PlatformError: ``overloaded``.
        """
        if self._uploads.total() >= UPLOADS_AT_ONCE or self._uploads[network] >= UPLOADS_OF_ONE:
            raise PlatformError("overloaded", "Many uploads go on; try again.", retry_after=5)
        self._uploads[network] += 1
        try:
            yield
        finally:
            self._uploads[network] -= 1
            self._uploads += Counter()  # forgets those at zero
