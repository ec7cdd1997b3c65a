"""One simulated charger of a sandbox: from its connection until it is let go."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from core.kernel.settings import Settings
from core.sandbox.cast import CAST
from core.sandbox.hosting import Role
from core.sandbox.models import Errand
from core.sandbox.service import VENDOR
from ops.sandbox.acts import perform
from ops.sandbox.clock import SteppedClock
from simulator import Behaviour, ChargerConfig, SimulatedCharger, Timing

ONLINE_WITHIN_S: Final = 10.0
SESSION_S: Final = 3600.0
"""The driver of a session that nobody stops goes away after an hour."""

_CONTRACT_S: Final = 60.0
"""The deadline for which the contract gives the times of the named chargers."""

_METER_EVERY_S: Final = 10.0
_METER_WH_PER_S: Final = 7
_METER_SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)

Report = Callable[[Errand, str | None], Awaitable[None]]
"""Tells that an errand is over, and why it was refused if it was."""


class Guest:
    """A charger that runs, and the errands that wait for it."""

    def __init__(self, role: Role, settings: Settings, *, url: str, report: Report) -> None:
        self.role = role
        self._clock = SteppedClock()
        self._charger = SimulatedCharger(
            config_of(role, settings, url=url, now=self._clock.now()),
            clock=self._clock,
            ready=False,
        )
        self._report = report
        self._errands: asyncio.Queue[Errand | None] = asyncio.Queue()

    def give(self, errand: Errand) -> None:
        """Let it do something, after what it was given before."""
        self._errands.put_nowait(errand)

    def dismiss(self) -> None:
        """Let it end its sessions and leave, after what it was given before."""
        self._errands.put_nowait(None)

    async def live(self) -> None:
        """Connect, and do what is given, until dismissed."""
        async with self._charger as charger:
            with contextlib.suppress(TimeoutError):
                await charger.wait_online(timeout_s=ONLINE_WITHIN_S)
            while (errand := await self._errands.get()) is not None:
                refused = await perform(charger, self._clock, errand)
                await self._report(errand, refused)
            await charger.wind_down()


def config_of(role: Role, settings: Settings, *, url: str, now: datetime) -> ChargerConfig:
    """Return what is simulated.

    The times of SIM-LATE and SIM-SLOW are parts of the platform's deadline: 75 s and 55 s where it
    is 60 s. With a shorter one everything else that takes time is shortened, too.
    """
    scale = settings.confirm_within.total_seconds() / _CONTRACT_S
    quick = min(1.0, scale)
    timing = Timing(
        late_s=75 * scale,
        slow_s=55 * scale,
        auto_plug_s=3 * quick,
        start_delay_s=quick,
        auto_unplug_s=10 * quick,
        drop_offline_s=20 * quick,
        fault_after_s=120 * quick,
        fault_clear_s=60 * quick,
    )
    since_s = max(0, int((now - _METER_SINCE).total_seconds()))
    return ChargerConfig(
        identity=role.identity,
        version="1.6",
        url=url,
        password=role.password,
        connectors=1,
        behaviour=Behaviour(CAST[role.name].behaviour),
        timing=timing,
        session_s=SESSION_S,
        meter_interval_s=_METER_EVERY_S * quick,
        meter_wh=since_s * _METER_WH_PER_S,  # never less than what it showed when it left
        connection_timeout_s=_CONTRACT_S * scale,
        vendor=VENDOR,
        model=role.name,
        validate=False,
    )
