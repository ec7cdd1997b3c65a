import asyncio

import pytest
from structlog.testing import capture_logs

from core.kernel.clock import SystemClock
from core.kernel.metrics import BACKGROUND_FAILURES
from core.kernel.tasks import AGAIN_S, kept_up, side_by_side


class Impatient(SystemClock):
    """Notes how long it was to sleep, and does not."""

    def __init__(self) -> None:
        self.slept_s: list[float] = []

    async def sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)


async def test_background_work_that_fails_is_begun_again_and_told_of() -> None:
    clock, failures = Impatient(), iter([ValueError("odd row"), KeyError("another")])

    async def work() -> None:
        for failure in failures:
            raise failure

    before = BACKGROUND_FAILURES.labels("test")._value.get()
    with capture_logs() as logs:
        await kept_up("test", work, clock)

    assert clock.slept_s == [AGAIN_S, AGAIN_S]
    assert BACKGROUND_FAILURES.labels("test")._value.get() - before == 2
    told = [entry for entry in logs if entry["event"] == "background_work_failed"]
    assert [(entry["work"], entry["log_level"]) for entry in told] == [("test", "error")] * 2


async def test_background_work_that_is_cancelled_is_not_begun_again() -> None:
    begun = 0
    is_begun = asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        is_begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(kept_up("test", work, Impatient()))
    await is_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert begun == 1


async def test_works_side_by_side_return_in_their_order() -> None:
    later = asyncio.Event()

    async def first() -> str:
        await later.wait()
        return "first"

    async def second() -> str:
        later.set()
        return "second"

    assert await side_by_side([first(), second()]) == ["first", "second"]
    assert await side_by_side(()) == []


async def test_one_that_fails_ends_no_other_and_leaves_no_cancellation_behind() -> None:
    has_failed, done = asyncio.Event(), []

    async def fail() -> None:
        has_failed.set()
        raise KeyError("odd")

    async def work() -> None:
        await has_failed.wait()
        await asyncio.sleep(0)
        done.append("work")

    with pytest.raises(KeyError, match="odd"):
        await side_by_side([fail(), work()])
    assert done == ["work"]
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_works_side_by_side_are_cancelled_together_and_waited_for() -> None:
    begun, ended = [asyncio.Event(), asyncio.Event()], []

    async def work(number: int) -> None:
        begun[number].set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    task = asyncio.create_task(side_by_side([work(0), work(1)]))
    for one in begun:
        await one.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1]
