"""The clock of a simulated charger: real, and ahead by what it was advanced."""

import asyncio
from datetime import UTC, datetime, timedelta

from ops.sandbox.clock import SteppedClock


async def test_an_advance_wakes_whom_it_passes_and_nobody_else() -> None:
    clock = SteppedClock()
    soon, late = (asyncio.create_task(clock.sleep(seconds)) for seconds in (60, 600))
    await asyncio.sleep(0)

    clock.advance(timedelta(seconds=61))
    await soon

    assert not late.done()
    late.cancel()
    assert timedelta(seconds=60) < clock.now() - datetime.now(UTC) <= timedelta(seconds=61)


async def test_no_time_at_all_is_not_waited_for() -> None:
    await SteppedClock().sleep(0)
