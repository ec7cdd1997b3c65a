"""Transactions that many works share: each is done as if it were alone, all are committed once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from core.kernel import failpoints
from core.kernel.db import Database, Tx
from core.kernel.errors import Collided, DatabaseUnavailable, PlatformError

R = TypeVar("R")
Work = Callable[[Tx], Awaitable[R]]
"""What is done in one transaction; it may be done again if that was not committed."""

AT_ONCE: Final = 64
"""Works of one transaction."""
LANES: Final = 3
"""Transactions at the same time, where the database can do several."""
OVERTAKEN_AFTER_S: Final = 0.05
"""How long works wait for the transaction before theirs to end; then they have one beside it."""
PATIENCE_S: Final = 0.25
"""How long works wait for others of their transaction that do nothing."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Asked:
    keys: Collection[str]
    work: Work[Any]
    context: Context
    done: "asyncio.Future[Any]"
    taken: Callable[[], None] | None


@dataclass(frozen=True, slots=True)
class _Refusal:
    """In place of a result: the work has raised this, and had written nothing."""

    reason: PlatformError


class _Stuck(Exception):
    """A work waits for something, and others wait for it."""


class Joint:
    """Does works of many callers in few transactions.

    A work that comes alone is done at once. What comes while a transaction is under way is the next
    group: on PostgreSQL the same statement of many works costs little more than that of one, and
    on both databases they share the commit. Only if that transaction takes long is there a second
    beside it, and a third: more at once would mean smaller groups, of which each work costs more,
    and waits longer. A lock that one takes holds nobody off who shares its
    transaction: works about the same rows have the same key, and are done one after the other.

    A work that refuses what was asked of it before it has written anything disturbs no other. If
    one fails otherwise, or is in the way of another transaction, all are done again, each alone.
    If one is stuck behind something else, so that no other may wait for it, they are, too; and it
    keeps its key no longer.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lanes = self._free = LANES if db.is_shared else 1
        self._waiting: deque[_Asked] = deque()
        self._ahead: dict[str, int] = {}
        self._keys: set[str] = set()
        self._overtaking: asyncio.TimerHandle | None = None
        self._groups: set[asyncio.Task[None]] = set()

    async def run(
        self,
        about: str | Collection[str],
        work: Work[R],
        *,
        taken: Callable[[], None] | None = None,
    ) -> R:
        """Return what *work* returns, once it is committed.

        Args:
            about: The key of what it is about (a charger), or several.
            taken: Called as a transaction takes the work; until then *about* may grow, by keys of
                which ``has_waiting`` is false.

        Raises:
            DatabaseUnavailable: It was not committed; or its commit was not answered.
            PlatformError: What *work* has raised; nothing of it was committed.
        """
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        keys = (about,) if isinstance(about, str) else about
        self._waiting.append(_Asked(keys, work, copy_context(), done, taken))
        if taken is None:
            for key in keys:
                self._ahead[key] = self._ahead.get(key, 0) + 1
        if self._free == self._lanes:
            self._begin()
        else:
            self._overtake_later()
        return await done

    def has_waiting(self, key: str) -> bool:
        """Tell whether a work about *key* waits that nothing asked after it may overtake."""
        return key in self._ahead

    def _begin(self) -> None:
        """Begin the next group, if there is a lane for it."""
        if self._free and (group := self._next_group()):
            self._free -= 1
            if self._overtaking is not None:  # what is left waits for this one from now on
                self._overtaking.cancel()
                self._overtaking = None
            # in a context of its own: what it logs belongs to no caller
            task = asyncio.create_task(self._serve(group), context=Context())
            self._groups.add(task)
            task.add_done_callback(self._groups.discard)
        self._overtake_later()

    def _overtake_later(self) -> None:
        """Have what waits begun beside what is under way, should that take long."""
        if self._waiting and self._free and self._overtaking is None:
            loop = asyncio.get_running_loop()
            self._overtaking = loop.call_later(OVERTAKEN_AFTER_S, self._overtake)

    def _overtake(self) -> None:
        self._overtaking = None
        self._begin()

    def _next_group(self) -> Sequence[_Asked]:
        """Take the works that are next, none with a key that another has."""
        group: list[_Asked] = []
        later: list[_Asked] = []
        while self._waiting and len(group) < AT_ONCE:
            asked = self._waiting.popleft()
            is_given_up = asked.done.done()
            if not (is_given_up or self._keys.isdisjoint(asked.keys)):
                later.append(asked)
                continue
            self._wait_no_longer(asked)
            if not is_given_up:
                self._keys.update(asked.keys)
                group.append(asked)
        self._waiting.extendleft(reversed(later))
        return group

    def _wait_no_longer(self, asked: _Asked) -> None:
        if asked.taken is not None:
            asked.taken()
            return
        for key in asked.keys:
            if self._ahead[key] == 1:
                del self._ahead[key]
            else:
                self._ahead[key] -= 1

    async def _serve(self, group: Sequence[_Asked]) -> None:
        failpoints.enter_for_others()
        is_held = True

        def let_go() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._free += 1
                self._keys.difference_update(*(asked.keys for asked in group))
                self._begin()

        try:
            await self._commit(group, let_go)
        except BaseException:
            for asked in group:
                asked.done.cancel()
            raise
        finally:
            let_go()

    async def _commit(self, group: Sequence[_Asked], let_go: Callable[[], None]) -> None:
        try:
            async with self._db.transaction() as tx:
                results = await _do_all(tx, group, let_go)
        except Exception as exc:  # noqa: BLE001 - it is the caller's
            is_away = isinstance(exc, DatabaseUnavailable) and not isinstance(exc, Collided)
            if is_away or len(group) == 1:
                _fail(group, exc)
                return
            _log.info("group_split", works=len(group), error=type(exc).__name__)
            if isinstance(exc, _Stuck):
                let_go()
            await asyncio.gather(*(self._commit([asked], let_go) for asked in group))
        else:
            for asked, result in zip(group, results, strict=True):
                if isinstance(result, _Refusal):
                    _fail([asked], result.reason)
                elif not asked.done.done():
                    asked.done.set_result(result)


async def _do_all(tx: Tx, group: Sequence[_Asked], let_go: Callable[[], None]) -> Sequence[Any]:
    one = tx.shared() if len(group) > 1 else lambda: tx
    own = [one() for _ in group]
    tasks = [
        asyncio.create_task(_do(asked.work, tx), context=asked.context)
        for asked, tx in zip(group, own, strict=True)
    ]
    watch = _Watch(tasks, own, let_go)
    try:
        await watch.over
        return [task.result() for task in tasks if task.done()]
    finally:
        if not watch.end():
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Watch:
    """Sees the works of a group to their end; ``asyncio.wait`` does so too, at four times the cost.

    Attributes:
        over: Done when all works are, or one has failed; fails if they are stuck. It is not done
            where a single work waits: that one may, and is let go of.
    """

    __slots__ = ("_before", "_left", "_let_go", "_own", "_timer", "over")

    def __init__(
        self, tasks: "Sequence[asyncio.Task[Any]]", own: Sequence[Tx], let_go: Callable[[], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = loop.create_future()
        self._own = own
        self._let_go = let_go
        self._left = len(tasks)
        self._before = 0
        self._timer = loop.call_later(PATIENCE_S, self._look)
        for task in tasks:
            task.add_done_callback(self._ended)

    def end(self) -> bool:
        """Watch no longer; tells whether all works have ended."""
        self._timer.cancel()
        return not self._left

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._left -= 1
        has_failed = task.cancelled() or task.exception() is not None
        if (has_failed or not self._left) and not self.over.done():
            self.over.set_result(None)

    def _look(self) -> None:
        """See whether the works get on."""
        asked = sum(one.asked for one in self._own)
        if asked != self._before:
            self._before = asked
            self._timer = self.over.get_loop().call_later(PATIENCE_S, self._look)
        elif len(self._own) == 1:
            self._let_go()
        elif not self.over.done():
            self.over.set_exception(_Stuck())


async def _do(work: Work[R], tx: Tx) -> R | _Refusal:
    try:
        return await work(tx)
    except PlatformError as exc:
        if tx.has_written or isinstance(exc, DatabaseUnavailable):
            raise
        return _Refusal(exc)


def _fail(group: Sequence[_Asked], exc: Exception) -> None:
    for asked in group:
        if not asked.done.done():
            asked.done.set_exception(exc)
