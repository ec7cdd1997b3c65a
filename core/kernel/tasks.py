"""Work that goes on in the background, and work that must not be left half way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from core.kernel import metrics
from core.kernel.clock import Clock

T = TypeVar("T")

AGAIN_S: Final = 1.0
"""After a bug, until background work is begun again."""

log = structlog.get_logger()


async def kept_up(name: str, work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Do *work* until it ends by itself; whatever it raises is logged, and it is begun again.

    A process whose limits or logs stopped because of one odd row would go on for months so, and
    nobody would know.
    """
    while True:
        try:
            await work()
        except Exception:  # a bug in one pass must not end the work for good
            metrics.BACKGROUND_FAILURES.labels(name).inc()
            log.exception("background_work_failed", work=name)
        else:
            return
        await clock.sleep(AGAIN_S)


async def finished(work: Awaitable[T]) -> T:
    """Return what *work* returns; a cancellation takes effect only at its end."""
    running = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled is not None:
        if not running.cancelled():
            running.exception()  # nobody is interested in it any more
        raise cancelled
    return running.result()
