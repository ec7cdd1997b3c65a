"""Named places where a test may kill the process, to prove that nothing is lost there.

``VOLTGATE_FAILPOINT=webhooks.posted`` (or ``webhooks.posted:2`` for the second pass) makes the
process exit at once, without any clean-up, as ``kill -9`` would. Production refuses the variable.

Every transaction that wrote something has two such places, ``commit.before.KIND`` and
``commit.after.KIND``; whoever begins a piece of work says of what kind it is (``enter``): a frame,
a job, a route. ``replied.KIND`` is behind the answer to it; what is sent has places of its own
(``hit``). ``make crash ARGS=--list`` shows them all.

A test that runs many nodes in one process is told of every pass instead (``told``).
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from core.kernel.engine import Connection, Rows

_VARIABLE: Final = "VOLTGATE_FAILPOINT"
_EXIT_CODE: Final = 137
_WRITES: Final = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|WITH\b.*\b(INSERT|UPDATE|DELETE)\b)", re.IGNORECASE | re.DOTALL
)

_UNNAMED: Final = "unnamed"
NOBODY: Final = "nobody"
"""The kind of what is written only for others, who are seen themselves."""
_kind: Final[ContextVar[str]] = ContextVar("kind_of_transaction", default=_UNNAMED)
"""Of a task and of those that it begins."""


class _Armed:
    """The place, and how many passes are left before the exit."""

    def __init__(self) -> None:
        name, _, count = os.environ.get(_VARIABLE, "").partition(":")
        self.name = name
        self.left = int(count or 1)


_armed = _Armed()
_told: list[Callable[[str], None]] = []


def armed() -> bool:
    """Tell whether a fail point is set in the environment."""
    return bool(_armed.name)


@contextmanager
def told(handler: Callable[[str], None]) -> Iterator[None]:
    """Call *handler* with the name of each place that is passed, until the block is left.

    What it raises is raised there: an exception that nobody catches ends what was under way.
    """
    _told.append(handler)
    try:
        yield
    finally:
        _told.remove(handler)


def hit(place: str, *more: str) -> None:
    """Exit the process if the fail point *place* is armed; else do nothing.

    Its name is *place* and what is *more* of it, with dots between.
    """
    if not (_armed.name or _told):
        return
    name = ".".join((place, *more))
    for handler in _told:
        handler(name)
    if name != _armed.name:
        return
    _armed.left -= 1
    if _armed.left <= 0:
        os._exit(_EXIT_CODE)


def enter(area: str, what: str) -> None:
    """Say what the transactions are for that this task, or one that it begins, opens from now on.

    It holds until the next ``enter`` of the same task.
    """
    if _armed.name or _told:
        _kind.set(f"{area}.{what}")


def enter_for_others() -> None:
    """Say that the transactions of this task only carry the works of others."""
    if _armed.name or _told:
        _kind.set(NOBODY)


def replied() -> None:
    """Pass the place where what is under way has been answered: ``replied.KIND``."""
    if _armed.name or _told:
        hit("replied", _kind.get())


def witness(connection: "Connection") -> "Witness | None":
    """Return *connection* with somebody who sees what it writes; ``None`` if nobody asks."""
    return Witness(connection) if _armed.name or _told else None


class Witness:
    """A connection for one transaction that has places before and after its commit.

    One that wrote nothing has none: to be killed there would prove nothing. One that does several
    works has those of each that wrote.

    Attributes:
        connection: What does the work.
    """

    def __init__(self, connection: "Connection", kinds: dict[str, None] | None = None) -> None:
        self.connection = connection
        self._kinds = {} if kinds is None else kinds

    @property
    def is_far(self) -> bool:
        """Whether the database is another process."""
        return self.connection.is_far

    def also(self, connection: "Connection") -> "Witness":
        """Return *connection*, another way into this transaction, with the same witness."""
        return Witness(connection, self._kinds)

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> "Rows":
        """Run a statement and return its rows."""
        rows = await self.connection.fetch(sql, arguments)
        self._saw(sql, len(rows[0]))
        return rows

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        """Run a statement; return how many rows it touched."""
        count = await self.connection.execute(sql, arguments)
        self._saw(sql, count)
        return count

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each of *rows*."""
        await self.connection.execute_many(sql, rows)
        self._saw(sql, len(rows))

    async def fetch_each(self, sql: str, each: Sequence[Sequence[Any]]) -> "Sequence[Rows]":
        """Run a statement with each of some arguments; return the rows of each run."""
        found = await self.connection.fetch_each(sql, each)
        self._saw(sql, sum(len(rows) for rows, _ in found))
        return found

    async def execute_each(self, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[int]:
        """Run a statement with each of some arguments; return how many rows each run touched."""
        counts = await self.connection.execute_each(sql, each)
        self._saw(sql, sum(counts))
        return counts

    def pass_by(self, when: str) -> None:
        """Be at the place *when*: ``before`` or ``after``."""
        for kind in self._kinds:
            hit("commit", when, kind)

    def _saw(self, sql: str, rows: int) -> None:
        kind = _kind.get()
        if kind != NOBODY and rows != 0 and _WRITES.match(sql) is not None:
            self._kinds[kind] = None
