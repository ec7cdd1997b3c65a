"""One connection for several works at the same time: what they ask alike is sent in one piece."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core.kernel.engine import Connection, Rows

_Asked = tuple[str, str]
"""What is to be done with a statement, and the statement."""


@dataclass(slots=True)
class _Question:
    """Every work that waits for an answer, and with which arguments it asked."""

    each: list[Sequence[Any]] = field(default_factory=list)
    answers: "list[asyncio.Future[Any]]" = field(default_factory=list)


class Together:
    """A connection within a transaction that several works share.

    The works take turns on the event loop; whatever they ask before it comes round again is one
    flush: statements in the order in which they were first asked, each sent once for all who ask
    it, and all answered at its end. So works that do the same keep step with each other.
    """

    is_far: Final = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: defaultdict[_Asked, _Question] = defaultdict(_Question)
        self._flushing: asyncio.Task[None] | None = None
        self._waiting = 0

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> Rows:
        """Run a statement and return its rows."""
        rows: Rows = await self._ask("fetch", sql, arguments)
        return rows

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        """Run a statement; return how many rows it touched."""
        count: int = await self._ask("execute", sql, arguments)
        return count

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each of *rows*."""
        await self._ask("execute_many", sql, rows)

    async def fetch_each(self, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[Rows]:
        """Run a statement with each of some arguments; return the rows of each run."""
        return await asyncio.gather(*(self.fetch(sql, arguments) for arguments in each))

    async def execute_each(self, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[int]:
        """Run a statement with each of some arguments; return how many rows each run touched."""
        return await asyncio.gather(*(self.execute(sql, arguments) for arguments in each))

    async def _ask(self, how: str, sql: str, what: Sequence[Any]) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        question = self._asked[how, sql]
        question.each.append(what)
        question.answers.append(answer)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        self._waiting += 1
        try:
            return await answer
        except asyncio.CancelledError:
            if self._waiting == 1:
                await self._give_up()
            raise
        finally:
            self._waiting -= 1

    async def _give_up(self) -> None:
        """Stop what nobody waits for any more: it may hold locks, or wait for some, for long."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.wait([self._flushing])

    async def _flush(self) -> None:
        try:
            while self._asked:
                asked = list(self._asked.items())
                self._asked.clear()
                await self._answer(asked)
        finally:
            self._flushing = None

    async def _answer(self, asked: Sequence[tuple[_Asked, _Question]]) -> None:
        found: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            for (how, sql), question in asked:
                answers = await self._run(how, sql, question.each)
                found += zip(question.answers, answers, strict=True)
        except Exception as exc:  # noqa: BLE001 - it is whose who asked
            for _, question in asked:
                for answer in question.answers:
                    if not answer.done():
                        answer.set_exception(exc)
            return
        for answer, rows in found:
            if not answer.done():
                answer.set_result(rows)

    async def _run(self, how: str, sql: str, each: Sequence[Sequence[Any]]) -> Sequence[Any]:
        if how == "fetch":
            return await self._connection.fetch_each(sql, each)
        if how == "execute":
            return await self._connection.execute_each(sql, each)
        await self._connection.execute_many(sql, [row for rows in each for row in rows])
        return [None] * len(each)
