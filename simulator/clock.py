"""Time as a simulated charger sees it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What a simulated charger needs to know about time."""

    def now(self) -> datetime:
        """Return the current instant, aware UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after *seconds* of this clock."""
        ...


class ScaledClock:
    """Starts at the real now and runs *speed* times as fast.

    ``speed=60`` lets one simulated minute pass in every real second.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        self._speed = speed
        self._origin = datetime.now(UTC)

    def now(self) -> datetime:
        return self._origin + (datetime.now(UTC) - self._origin) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._speed)


class ManualClock:
    """Stands still until :meth:`advance` is called; for tests that own the time."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        due = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), due))
        await due

    def advance(self, seconds: float) -> None:
        """Move time forward and wake who was due."""
        self._now += timedelta(seconds=seconds)
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._now]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._now]
        for _, future in sorted(due, key=lambda sleeper: sleeper[0]):
            if not future.done():
                future.set_result(None)


def timestamp(at: datetime) -> str:
    """Return *at* as RFC 3339 UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    """Return the instant of *text*; without a zone it is UTC."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
