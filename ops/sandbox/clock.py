"""The clock of a simulated charger that its developer may set forward."""

import asyncio
from datetime import UTC, datetime, timedelta


class SteppedClock:
    """Runs as the real one does, and ahead of it by as much as it was advanced.

    Who sleeps is woken when an advance goes past the end of the sleep.
    """

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._stepped = asyncio.Event()

    @property
    def ahead(self) -> timedelta:
        """Return how much it was advanced."""
        return self._ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    async def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while (left_s := (until - self.now()).total_seconds()) > 0:
            stepped = self._stepped
            try:
                async with asyncio.timeout(left_s):
                    await stepped.wait()
            except TimeoutError:
                continue

    def advance(self, by: timedelta) -> None:
        """Set the clock forward."""
        self._ahead += by
        stepped, self._stepped = self._stepped, asyncio.Event()
        stepped.set()
