"""Limits of connections, frames and replacements (S6, S7)."""

import asyncio

from core.alerts import handling as alerts
from core.alerts.kinds import AlertKind
from core.chargers import security_events
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.page import Page
from core.kernel.settings import Settings
from csms.flapping import Flapping
from csms.pace import Pace
from tests.csms.live import Running, charger, closed, running
from tests.csms.secure import PASSWORD, outcome, reasons
from tests.eventually import eventually


async def event_types(server: Running) -> list[str]:
    async with server.db.transaction() as tx:
        return [event.type for event in await security_events.newest(tx)]


async def test_s6_an_address_that_dials_too_often_has_to_wait(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    few = settings.model_copy(update={"connections_per_address": 3})
    async with running(db, few, vault) as server:
        await server.add_charger()
        codes = [await outcome(server, None, password=PASSWORD) for _ in range(4)]
        assert codes == [101, 101, 101, 429]
        assert await reasons(server) == ["too_many_connections"]
        clock.advance(61)
        assert await outcome(server, None, password=PASSWORD) == 101


async def test_s7_sockets_that_replace_each_other_raise_one_alert(
    db: Database, settings: Settings, vault: Vault
) -> None:
    nervous = settings.model_copy(update={"flapping_replacements": 3})
    async with running(db, nervous, vault) as server:
        await server.add_charger()
        async with charger(server) as one, charger(server) as two:
            assert await closed(one) == 1008
            async with charger(server):
                assert await closed(two) == 1008
                assert await event_types(server) == []
                async with charger(server):
                    await eventually(lambda: is_flapping(server))
    async with db.transaction() as tx:
        (alert,) = (await alerts.list_alerts(tx, Page())).rows
    assert alert.kind is AlertKind.CHARGER_FLAPPING
    assert alert.facts["replaced"] == 3


async def is_flapping(server: Running) -> bool:
    return await event_types(server) == ["SocketFlapping"]


def test_s7_replacements_far_apart_are_no_alert() -> None:
    clock = ShiftedClock()
    flapping = Flapping(clock, limit=2)
    assert not flapping.replaced("cp_1")
    clock.advance(601)
    assert not flapping.replaced("cp_1")
    assert not flapping.replaced("cp_2")
    assert flapping.replaced("cp_1")
    assert not flapping.replaced("cp_1")


class QuickClock(ShiftedClock):
    """Sleeping moves the time and takes none."""

    async def sleep(self, delay_s: float) -> None:
        self.advance(delay_s)
        await asyncio.sleep(0)


async def test_s6_the_time_above_the_limit_counts_until_a_pause() -> None:
    clock = QuickClock()
    pace = Pace(clock, per_second=10)
    for _ in range(10):
        await pace.keep(1)
    assert pace.over_s == 0
    for _ in range(100):
        await pace.keep(1)
    assert 9 < pace.over_s < 11
    clock.advance(1)
    await pace.keep(1)
    assert pace.over_s == 0


async def test_s6_a_flood_is_slowed_down_and_then_ended_with_1008(
    db: Database, settings: Settings, vault: Vault
) -> None:
    strict = settings.model_copy(update={"frames_per_second": 5, "flood_tolerance": _NONE})
    async with running(db, strict, vault) as server:
        await server.add_charger()
        async with charger(server) as cp:
            for number in range(8):
                await cp.send([2, f"h{number}", "Heartbeat", {}])
            assert await closed(cp) == 1008
        assert await event_types(server) == ["FrameFlood"]


_NONE = Settings.model_fields["flood_tolerance"].default * 0
