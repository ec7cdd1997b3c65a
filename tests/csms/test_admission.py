"""All chargers at once: who would wait too long for its login is told when to come back."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from core.kernel.clock import ShiftedClock
from csms.admission import ALWAYS_WAIT, SMOOTHED_OVER, Admission, Crowded


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


def admission(clock: ShiftedClock, *, at_once: int = 2) -> Admission:
    return Admission(clock, random.Random(1), at_once=at_once, within_s=30)  # noqa: S311 - no secret


async def learn(door: Admission, clock: ShiftedClock, *, takes_s: float) -> None:
    """Let so many log in that it is known what a login takes."""
    for _ in range(SMOOTHED_OVER * 5):
        async with door.turn():
            clock.advance(takes_s)


@asynccontextmanager
async def full(door: Admission, *, places: int, waiting: int) -> AsyncIterator[None]:
    """Take all places, and let others wait for them."""
    left = asyncio.Event()

    async def come() -> None:
        async with door.turn():
            await left.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(places + waiting):
            tasks.create_task(come())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            left.set()


async def test_who_would_wait_too_long_is_told_when_to_come_back(clock: ShiftedClock) -> None:
    door = admission(clock)
    await learn(door, clock, takes_s=1)
    async with full(door, places=2, waiting=ALWAYS_WAIT):  # 250 s
        told = []
        for _ in range(50):
            with pytest.raises(Crowded) as refused:
                async with door.turn():
                    raise AssertionError("let in")
            told.append(refused.value.retry_after_s)
    assert all(240 <= one <= 505 for one in told)
    assert len(set(told)) > 20  # not all of them at the same moment
    async with door.turn():
        pass


async def test_a_long_queue_that_moves_fast_refuses_nobody(clock: ShiftedClock) -> None:
    door = admission(clock)
    await learn(door, clock, takes_s=0.01)
    async with full(door, places=2, waiting=ALWAYS_WAIT), AsyncExitStack() as stack:
        coming = asyncio.ensure_future(stack.enter_async_context(door.turn()))
        await asyncio.sleep(0)
        assert not coming.done()
        coming.cancel()


async def test_a_short_queue_waits_however_slow_it_is(clock: ShiftedClock) -> None:
    door = admission(clock)
    await learn(door, clock, takes_s=100)
    async with full(door, places=2, waiting=ALWAYS_WAIT - 1), AsyncExitStack() as stack:
        coming = asyncio.ensure_future(stack.enter_async_context(door.turn()))
        await asyncio.sleep(0)
        assert not coming.done()
        coming.cancel()


async def test_who_gives_up_waiting_makes_room(clock: ShiftedClock) -> None:
    door = admission(clock)
    await learn(door, clock, takes_s=1)

    async def come() -> None:
        async with door.turn():
            raise AssertionError("let in")

    async with full(door, places=2, waiting=0):
        waiting = [asyncio.create_task(come()) for _ in range(ALWAYS_WAIT)]
        await asyncio.sleep(0)
        with pytest.raises(Crowded):
            await come()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        later = asyncio.create_task(come())
        await asyncio.sleep(0)
        assert not later.done()
        later.cancel()
        await asyncio.gather(later, return_exceptions=True)
