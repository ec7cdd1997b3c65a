"""Work that goes on in the background, and work that must not be left half way."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

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


async def side_by_side(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do *works* at the same time; return what each returns, in their order.

    One that fails ends no other: each is done to its end, then the first failure is raised, as it
    is. A TaskGroup cancels the others, raises them in a group, which no caller here looks into, and
    before Python 3.13 may leave its own request to cancel behind, which the next timeout of Python
    3.11.2 (Debian 12) takes for the end of the task. Cancelled, it cancels all of them.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        if tasks:
            await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]


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
