"""Many facts of one kind: what many callers have to store is written by the same statements."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Group(Generic[F, R]):
    """Facts that are written together, who waits for each, and what they are about."""

    facts: "list[tuple[F, asyncio.Future[R]]]" = field(default_factory=list)
    about: set[str] = field(default_factory=set)


class Gathering(Generic[F, R]):
    """Writes facts in groups: each is a work of all that came before a transaction took it.

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
        self._open: _Group[F, R] | None = None
        self._writing: set[asyncio.Task[None]] = set()

    async def add(self, fact: F) -> R:
        """Return the result of *fact*, once it is committed.

        Raises:
            DatabaseUnavailable: It was not written; or its commit was not answered.
        """
        written: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        key = self._about(fact)
        group = self._group_for(key)
        group.facts.append((fact, written))
        group.about.add(key)
        return await written

    def _group_for(self, key: str) -> _Group[F, R]:
        """Return the group that is next; a new one for what must not overtake another work."""
        is_behind = self._joint.has_waiting(key)
        if self._open is not None and len(self._open.facts) < AT_ONCE and not is_behind:
            return self._open
        group: _Group[F, R] = _Group()
        if not is_behind:
            self._open = group
        # in a context of its own: what it logs belongs to no caller
        task = asyncio.create_task(self._run(group), context=Context())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return group

    async def _run(self, group: _Group[F, R]) -> None:
        failpoints.enter(*self._kind)
        try:
            if self._within_s:
                await self._clock.sleep(self._within_s)
            await self._store(group)
        finally:
            self._close(group)
            for _, written in group.facts:
                written.cancel()  # does nothing to those that were answered

    async def _store(self, group: _Group[F, R]) -> None:
        try:
            await self._commit(group)
        except DatabaseUnavailable as exc:
            _fail(group, exc)
        except Exception as exc:  # noqa: BLE001 - it is the caller's
            if len(group.facts) == 1:
                _fail(group, exc)
                return
            _log.warning("group_split", facts=len(group.facts), error=type(exc).__name__)
            for one in group.facts:
                await self._store(_Group([one], {self._about(one[0])}))

    async def _commit(self, group: _Group[F, R]) -> None:
        def close() -> None:
            self._close(group)
            group.facts = [one for one in group.facts if not one[1].done()]  # else it was given up

        async def work(tx: Tx) -> Sequence[R]:
            facts = [fact for fact, _ in group.facts]
            return await self._write(tx, facts) if facts else ()

        results = await self._joint.run(group.about, work, taken=close)
        for (_, written), result in zip(group.facts, results, strict=True):
            if not written.done():
                written.set_result(result)

    def _close(self, group: _Group[F, R]) -> None:
        if self._open is group:
            self._open = None


def _fail(group: _Group[F, R], exc: Exception) -> None:
    for _, written in group.facts:
        if not written.done():
            written.set_exception(exc)
