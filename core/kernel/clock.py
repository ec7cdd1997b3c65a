"""The clock of a process, injected wherever time passes, so that tests can move it."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Elapsed time and waiting. Instants come from the database: ``Database.now``."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point; never goes back."""

    def unix(self) -> float:
        """Return this machine's wall clock as Unix seconds; only for what leaves the platform."""

    async def sleep(self, delay_s: float) -> None:
        """Wait *delay_s* seconds."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def unix(self) -> float:
        return time.time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


class ShiftedClock(SystemClock):
    """The machine's clock plus a shift that can be advanced: time travel for tests.

    Sleeping is not shortened by ``advance``; loops that wait for a deadline look at the database
    time again at every pass.
    """

    def __init__(self) -> None:
        self._shift_s = 0.0

    def advance(self, shift_s: float) -> None:
        """Move time forward by *shift_s* seconds (back, if negative)."""
        self._shift_s += shift_s

    def monotonic(self) -> float:
        return super().monotonic() + self._shift_s

    def unix(self) -> float:
        return super().unix() + self._shift_s
