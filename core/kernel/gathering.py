"""Many facts of one kind: what many callers have to store is written by the same statements."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Generic, TypeVar

import structlog

from core.kernel import failpoints
from core.kernel.clock import Clock
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable
from core.kernel.joint import Joint

F = TypeVar("F")
R = TypeVar("R")

AT_ONCE: Final = 500
"""Facts of one transaction."""

_log = structlog.get_logger()


class Gathering(Generic[F, R]):
    """Writes facts in groups: each is a work of all that came during the last one.

    So a lone fact is written at once, and the more there are the less each costs. A caller waits
    until its fact is durable (I17), which also bounds what can wait here.

    Args:
        joint: Whose transactions they are written in, with what else is to be done.
        write: Stores facts and returns a result for each, in their order. If it fails for a
            group, each of its facts is written alone, so that none is lost with another.
        about: Tells what a fact is about, as a key of *joint* (a charger).
        kind: What its transactions are called where they may be watched (``failpoints.enter``).
        within_s: How long to wait for more before a group is written.
    """

    def __init__(
        self,
        joint: Joint,
        clock: Clock,
        write: Callable[[Tx, Sequence[F]], Awaitable[Sequence[R]]],
        *,
        about: Callable[[F], str],
        kind: tuple[str, str],
        within_s: float = 0.0,
    ) -> None:
        self._kind = kind
        self._joint = joint
        self._about = about
        self._clock = clock
        self._write = write
        self._within_s = within_s
        self._waiting: deque[tuple[F, asyncio.Future[R]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Return how many facts wait for the next group."""
        return len(self._waiting)

    async def add(self, fact: F) -> R:
        """Return the result of *fact*, once it is committed.

        Raises:
            DatabaseUnavailable: It was not written; or its commit was not answered.
        """
        written: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((fact, written))
        if self._writing is None:
            # in a context of its own: what it logs belongs to no caller
            self._writing = asyncio.create_task(self._run(), context=Context())
        return await written

    async def _run(self) -> None:
        failpoints.enter(*self._kind)
        try:
            while self._waiting:
                if self._within_s and len(self._waiting) < AT_ONCE:
                    await self._clock.sleep(self._within_s)
                count = min(len(self._waiting), AT_ONCE)
                group = [self._waiting.popleft() for _ in range(count)]
                await self._store([one for one in group if not one[1].done()])
        finally:
            self._writing = None
            while self._waiting:
                self._waiting.popleft()[1].cancel()

    async def _store(self, group: Sequence[tuple[F, asyncio.Future[R]]]) -> None:
        try:
            await self._commit(group)
        except DatabaseUnavailable as exc:
            _fail(group, exc)
        except Exception as exc:  # noqa: BLE001 - it is the caller's
            if len(group) == 1:
                _fail(group, exc)
                return
            _log.warning("group_split", facts=len(group), error=type(exc).__name__)
            for one in group:
                await self._store([one])
        except BaseException:
            for _, written in group:
                written.cancel()
            raise

    async def _commit(self, group: Sequence[tuple[F, asyncio.Future[R]]]) -> None:
        if not group:
            return
        facts = [fact for fact, _ in group]
        about = {self._about(fact) for fact in facts}
        results = await self._joint.run(about, lambda tx: self._write(tx, facts))
        for (_, written), result in zip(group, results, strict=True):
            if not written.done():
                written.set_result(result)


def _fail(group: Sequence[tuple[F, asyncio.Future[R]]], exc: Exception) -> None:
    for _, written in group:
        if not written.done():
            written.set_exception(exc)
