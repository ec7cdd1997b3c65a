from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from csms.pace import Pace
from tests.csms.live import charger, running


class SleepyClock(ShiftedClock):
    """Sleeping takes no time but is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.slept_s = 0.0

    async def sleep(self, delay_s: float) -> None:
        self.slept_s += delay_s
        self.advance(delay_s)


async def test_one_second_of_frames_passes_at_once_and_then_the_rate_holds() -> None:
    clock = SleepyClock()
    pace = Pace(clock, per_second=50)
    for _ in range(50):
        await pace.keep(1)
    assert clock.slept_s == 0
    for _ in range(50):
        await pace.keep(1)
    assert 0.9 < clock.slept_s <= 1.0


async def test_what_may_come_now_is_what_would_not_have_to_wait() -> None:
    clock = SleepyClock()
    pace = Pace(clock, per_second=10)
    taken = 0
    while pace.is_kept:
        pace.take(1)
        taken += 1
    assert taken == 10
    clock.advance(0.11)
    await pace.keep(1)
    assert clock.slept_s == 0
    assert not pace.is_kept


async def test_an_idle_charger_gathers_no_more_than_one_second() -> None:
    clock = SleepyClock()
    pace = Pace(clock, per_second=10)
    clock.advance(3600)
    for _ in range(20):
        await pace.keep(1)
    assert 0.9 < clock.slept_s <= 1.0


async def test_s6_a_charger_that_sends_too_fast_is_slowed_down_and_loses_nothing(
    db: Database, settings: Settings, vault: Vault
) -> None:
    slow = settings.model_copy(update={"frames_per_second": 200})
    async with running(db, slow, vault) as server:
        await server.add_charger()
        async with charger(server) as cp:
            await cp.boot()
            for number in range(300):
                await cp.send([2, f"b{number}", "Heartbeat", {}])
            await cp.until(lambda: len(cp.answers) == 301)
            assert [frame[1] for frame in cp.answers[1:]] == [f"b{number}" for number in range(300)]
