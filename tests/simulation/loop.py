"""An event loop whose time is a number: nothing is waited for, and every run is the same."""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, Final, Protocol

from tests.simulation.network import Network

OWNER: Final[ContextVar["Owner | None"]] = ContextVar("simulated_owner", default=None)
"""Whose code runs: a node between its start and its death, a charger, a partner."""


class Owner(Protocol):
    """A process that can die.

    Attributes:
        tasks: What it runs, in order of creation; kept by the loop.
    """

    name: str
    tasks: dict["SimTask", None]

    def is_dead(self) -> bool: ...

    def blocking(self, work: Callable[[], Any]) -> tuple[float, Any]:
        """Do what would run in a thread; return how long it takes, and what came of it."""


class Deadlock(Exception):
    """Everybody waits for everybody."""


_serials: Final = itertools.count(1)


class SimTask(asyncio.Task[Any]):
    """A task with a number for a hash, so that sets of tasks have the same order in every run."""

    def __init__(self, coro: Any, *, serial: int, owner: Owner | None, **more: Any) -> None:
        self._serial = serial
        self.owner = owner
        super().__init__(coro, **more)

    def __hash__(self) -> int:
        return self._serial


class SimFuture(asyncio.Future[Any]):
    """A future with a number for a hash."""

    def __init__(self, *, serial: int, loop: asyncio.AbstractEventLoop) -> None:
        self._serial = serial
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._serial


class _Jump:
    """What stands for the selector: instead of waiting for sockets, time is moved on."""

    def __init__(self, loop: "SimLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is left that could happen")
        if timeout > 0:
            self._loop.jump()
        return []


class SimLoop(asyncio.BaseEventLoop):
    """Runs callbacks in virtual time; sockets are those of *network*."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self._now_s = 0.0
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9
        self._serial = itertools.count(1)
        network.loop = self
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._now_s

    def owner(self) -> Owner | None:
        """Return whose code runs now."""
        return OWNER.get()

    def jump(self) -> None:
        """Move time to the next timer."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        while scheduled and scheduled[0].cancelled():
            handle = heapq.heappop(scheduled)
            handle._scheduled = False  # type: ignore[attr-defined]
            self._timer_cancelled_count: int = max(0, self._timer_cancelled_count - 1)
        if scheduled:
            self._now_s = max(self._now_s, scheduled[0].when())

    def create_future(self) -> asyncio.Future[Any]:
        return SimFuture(serial=next(self._serial), loop=self)

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, Any],
        *,
        context: Context | None = None,
        **more: Any,
    ) -> SimTask:
        owner = OWNER.get()
        if context is not None:
            if OWNER in context:
                owner = context[OWNER]
            else:
                context.run(OWNER.set, owner)
        serial = next(self._serial)
        task = SimTask(coro, serial=serial, owner=owner, loop=loop, context=context, **more)
        if owner is not None:
            owner.tasks[task] = None
            task.add_done_callback(owner.tasks.pop)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run *func* at once; its result is there when its owner says."""
        future = self.create_future()
        owner = OWNER.get()

        def work() -> Any:
            return func(*args)

        try:
            delay_s, result = (0.0, work()) if owner is None else owner.blocking(work)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it belongs to who waits
            self.call_soon(_fail, future, exc)
        else:
            self.call_later(delay_s, _resolve, future, result)
        return future

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        return [(2, 1, 6, "", (host, port))]

    async def create_server(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any
    ) -> Any:
        return self.network.listen(protocol_factory, host, port, **more)

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any
    ) -> Any:
        return await self.network.connect(protocol_factory, str(host), int(port))

    async def shutdown_default_executor(self, *_: Any) -> None:
        pass

    def _process_events(self, event_list: Any) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def _resolve(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], exc: Exception) -> None:
    if not future.done():
        future.set_exception(exc)
