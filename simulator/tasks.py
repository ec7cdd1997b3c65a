"""An owner for background work."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Runs coroutines until :meth:`close`; what fails in one is raised there."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start *work*; return its task, for those who may have to cancel it."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failures.append(failure)

    @property
    def failures(self) -> list[BaseException]:
        """Return what background work has raised so far."""
        return list(self._failures)

    async def close(self) -> None:
        """Cancel everything, wait for its end, and raise the first failure, if any."""
        while self._running:
            running = list(self._running)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await asyncio.sleep(0)
        if self._failures:
            raise self._failures[0]
