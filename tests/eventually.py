"""Waiting in tests: for a condition, never for a duration."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_AGAIN_S = 0.01


async def eventually(probe: Callable[[], Awaitable[T | None]], *, within_s: float = 30) -> T:
    """Return the first truthy result of *probe*; fail after *within_s* seconds."""
    async with asyncio.timeout(within_s):
        while not (found := await probe()):  # noqa: ASYNC110 - a database rings for nobody
            await asyncio.sleep(LOOK_AGAIN_S)
    return found
