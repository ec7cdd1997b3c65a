"""Waiting between the tasks of one connection, without what asyncio's own classes take per socket.

An ``asyncio.Queue`` and two ``asyncio.Event`` are 5 KB, empty. These have one waiter.
"""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Flag:
    """Something that one task waits for until others have set it.

    Attributes:
        is_set: Whether nobody has to wait now.
    """

    __slots__ = ("_waiter", "is_set")

    def __init__(self, *, is_set: bool = False) -> None:
        self.is_set = is_set
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Let through who waits, and whoever comes."""
        self.is_set = True
        _wake(self._waiter)

    def clear(self) -> None:
        """Have whoever comes wait."""
        self.is_set = False

    async def wait(self) -> None:
        """Return as soon as it is set."""
        while not self.is_set:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None


class Mailbox(Generic[T]):
    """Items that are put by whoever has some, and taken by one task, in their order.

    Its length is the number of items that wait.
    """

    __slots__ = ("_getter", "_items")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._getter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add *item*; waits for nothing."""
        self._items.append(item)
        _wake(self._getter)

    async def get(self) -> T:
        """Return the oldest item, as soon as there is one."""
        while not self._items:
            self._getter = asyncio.get_running_loop().create_future()
            try:
                await self._getter
            finally:
                self._getter = None
        return self._items.pop(0)


def _wake(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
