"""How many streams a partner keeps open at a time, in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from core.kernel import metrics
from core.kernel.errors import PlatformError

_LIMIT: Final = "open_streams"
_RETRY_S: Final = 5


class Streams:
    """The open streams of each partner: each of them looks at the database again and again."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def following(self, partner_id: str, *, at_most: int) -> Iterator[None]:
        """Hold a place for a stream of a partner until the block is left.

        Raises:
            PlatformError: ``rate_limited``: as many are open as it may have.
        """
        if self._open[partner_id] >= at_most:
            metrics.REQUESTS_LIMITED.labels(_LIMIT).inc()
            raise PlatformError(
                "rate_limited",
                f"At most {at_most} open streams; close one.",
                retry_after=_RETRY_S,
                limit=_LIMIT,
            )
        self._open[partner_id] += 1
        try:
            yield
        finally:
            self._open[partner_id] -= 1
            self._open += Counter()  # forgets those at zero
