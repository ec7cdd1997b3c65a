"""A thread for what may have to wait for the disk."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Aside(Protocol):
    """Does work one after the other while the event loop goes on."""

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what *work* returns; a cancellation takes effect only at its end."""

    def close(self) -> None:
        """Do what was asked for, and nothing after it."""


class Thread:
    """A thread of our own, begun with the first work.

    A round trip takes a quarter of what it takes through ``ThreadPoolExecutor``, and each
    transaction that writes to SQLite makes one (ADR 0031).
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what *work* returns; a cancellation takes effect only at its end."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        asked = _Asked(asyncio.get_running_loop(), work, arguments)
        self._asked.put(asked)
        result: T = await asked.answer()
        return result

    def close(self) -> None:
        """Do what was asked for, and nothing after it."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        while (asked := self._asked.get()) is not None:
            asked.do()


class _Asked:
    """A work, and who waits for it."""

    __slots__ = ("_arguments", "_error", "_is_over", "_loop", "_over", "_result", "_work")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, work: Callable[..., Any], arguments: Sequence[Any]
    ) -> None:
        self._loop = loop
        self._work = work
        self._arguments = arguments
        self._over: asyncio.Future[None] = loop.create_future()
        self._is_over = False
        self._result: Any = None
        self._error: BaseException | None = None

    def do(self) -> None:
        """Do the work, in the thread."""
        try:
            self._result = self._work(*self._arguments)
        except BaseException as exc:  # noqa: BLE001 - it is the caller's
            self._error = exc
        if not self._loop.is_closed():  # else nobody waits any more
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_over = True
        if not self._over.done():
            self._over.set_result(None)

    async def answer(self) -> Any:
        """Wait for the end of the work, whatever happens to who waits."""
        cancelled: asyncio.CancelledError | None = None
        while not self._is_over:
            try:
                await self._over
            except asyncio.CancelledError as exc:
                cancelled = exc
                self._over = self._loop.create_future()
        if cancelled is not None:
            raise cancelled
        if self._error is not None:
            raise self._error
        return self._result
