import asyncio

import pytest
from structlog.testing import capture_logs

from core.kernel.clock import SystemClock
from core.kernel.metrics import BACKGROUND_FAILURES
from core.kernel.tasks import AGAIN_S, kept_up


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
