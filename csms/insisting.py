"""Work that waits for a database that is away, up to a limit."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from core.kernel.clock import Clock
from core.kernel.errors import DatabaseUnavailable

T = TypeVar("T")

DATABASE_AWAY_S: Final = 10.0
FIRST_RETRY_S: Final = 0.05
LAST_RETRY_S: Final = 1.0


async def insist(
    work: Callable[[], Awaitable[T]], clock: Clock, *, is_over: Callable[[], bool]
) -> T:
    """Return what *work* returns, however long the database takes, up to a limit.

    Raises:
        DatabaseUnavailable: It was away for too long, or *is_over* came true meanwhile.
    """
    until_s = clock.monotonic() + DATABASE_AWAY_S
    delay_s = FIRST_RETRY_S
    while True:
        try:
            return await work()
        except DatabaseUnavailable:
            if is_over() or clock.monotonic() >= until_s:
                raise
        await clock.sleep(delay_s)
        delay_s = min(delay_s * 2, LAST_RETRY_S)
