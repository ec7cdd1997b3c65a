"""Chargers and what people do to them: cars come, cards are shown, power fails."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from simulator import Behaviour, ChargerConfig, SimulatedCharger, Timing
from simulator.charger import NotAuthorized
from simulator.station import Frame
from simulator.wire import Disconnected, NoAnswer, Refused
from tests.simulation.loop import SimLoop
from tests.simulation.node import EPOCH_UNIX_S
from tests.simulation.template import CARD, MACHINES
from tests.simulation.trace import Trace
from tests.world import PASSWORD

TIMING: Final = Timing(
    start_delay_s=0.1,
    auto_plug_s=0.4,
    auto_unplug_s=0.8,
    late_s=9.0,
    slow_s=4.5,
    drop_offline_s=3.0,
    fault_after_s=5.0,
    fault_clear_s=3.0,
    reboot_s=1.0,
)
ANSWER_DELAYS_S: Final = (0.0, 0.0, 0.0, 0.0, 0.5, 4.0)
"""How long a charger takes to answer us; the last is longer than we wait."""
BEHAVIOURS: Final = (
    *[Behaviour.OK] * 6,
    Behaviour.REJECT,
    Behaviour.NOCAR,
    Behaviour.LATE,
    Behaviour.SLOW,
    Behaviour.DROP,
    Behaviour.FAULT,
    Behaviour.DUP,
)


class ChargerClock:
    """A charger's own clock, which may be wrong by *skew_s*."""

    def __init__(self, loop: SimLoop, skew_s: float) -> None:
        self._loop = loop
        self.skew_s = skew_s

    def now(self) -> datetime:
        unix_s = EPOCH_UNIX_S + self._loop.time() + self.skew_s
        whole = datetime.fromtimestamp(int(unix_s), UTC)
        return whole + timedelta(milliseconds=round((unix_s % 1) * 1000))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class Site:
    """One charger and the people around it."""

    def __init__(
        self,
        identity: str,
        *,
        port: Callable[[], int],
        loop: SimLoop,
        rng: random.Random,
        trace: Trace,
        skew_s: float,
    ) -> None:
        version, connectors = MACHINES[identity]
        self.identity = identity
        self._port = port
        self._rng = rng
        self._trace = trace
        self.is_active = True
        self.clock = ChargerClock(loop, skew_s)
        self.charger = SimulatedCharger(
            ChargerConfig(
                identity=identity,
                version=version,  # type: ignore[arg-type]
                url=f"ws://127.0.0.1:{port()}/ocpp",
                password=PASSWORD,
                connectors=connectors,
                behaviour=rng.choice(BEHAVIOURS),
                timing=replace(TIMING, answer_delay_s=rng.choice(ANSWER_DELAYS_S)),
                seed=rng.getrandbits(32),
                meter_interval_s=rng.choice([2.0, 5.0, 10.0]),
                connection_timeout_s=rng.choice([4.0, 10.0]),
                session_s=rng.choice([None, None, 8.0]),
                heartbeat_s=rng.choice([None, 4.0]),
                start_at_plug=version == "2.0.1" and rng.random() < 0.3,
                resend_same_id=rng.random() < 0.3,
                boot_on_reconnect=rng.random() < 0.2,
                response_timeout_s=rng.choice([6.0, 15.0]),
                reconnect_min_s=0.5,
                reconnect_max_s=4.0,
                validate=False,
            ),
            clock=self.clock,
            network=ChargerClock(loop, 0.0),
            ready=False,
            on_frame=self._saw,
        )

    async def work(self, *, pause_s: float) -> None:
        """Let things happen, one after the other, until no longer active."""
        while self._goes_on():
            await asyncio.sleep(self._rng.expovariate(1 / pause_s))
            if not self._goes_on():
                return
            self.charger.station.base_url = f"ws://127.0.0.1:{self._port()}/ocpp"
            await self._something()

    def _goes_on(self) -> bool:
        return self.is_active

    async def _something(self) -> None:
        charger, rng = self.charger, self._rng
        number = rng.randrange(len(charger.station.connectors)) + 1
        act = rng.choice(ACTS)
        self._trace.note(act, who=self.identity, connector=number)
        match act:
            case "plug":
                charger.plug(number)
            case "unplug":
                charger.unplug(number)
            case "card":
                await self._card(number)
            case "stop":
                charger.stop_local(number)
            case "fault":
                charger.fault(number)
                charger.station.after(2.0, lambda: charger.clear_fault(number))
            case "drop":
                charger.drop(away_s=rng.choice([0.0, 1.0, 5.0]))
            case "away":
                await self._away(rng.uniform(1.0, 10.0), abort=rng.random() < 0.5)
            case "reboot" | "power":
                lose = act == "power" and rng.random() < 0.3
                await charger.reboot(hard=act == "power", lose_transactions=lose, wait=False)
            case "replay":
                await self._replay()

    async def _card(self, number: int) -> None:
        token = CARD if self._rng.random() < 0.8 else "UNKNOWN"
        try:
            await self.charger.start_local(number, token)
        except (NotAuthorized, Disconnected, NoAnswer, Refused) as exc:
            self._trace.note("card_refused", who=self.identity, why=repr(exc))

    async def _away(self, seconds: float, *, abort: bool) -> None:
        station = self.charger.station
        station.wanted.clear()
        station.online = False
        if station.wire is not None:
            await station.wire.hang_up(abort=abort)
        await asyncio.sleep(seconds)
        shuffle = station.config.version == "2.0.1" and self._rng.random() < 0.3
        await self.charger.go_online(shuffle=shuffle, wait=False)

    async def _replay(self) -> None:
        """Say some old things again, with new message ids."""
        try:
            await self.charger.replay()
        except (Disconnected, NoAnswer, Refused, LookupError) as exc:
            self._trace.note("replay_ended", who=self.identity, why=repr(exc))

    def wind_down(self) -> None:
        """End what goes on, be online, say everything."""
        self.is_active = False
        charger = self.charger
        charger.station.wanted.set()
        for number in charger.station.connectors:
            charger.clear_fault(number)
            charger.station.connectors[number].authorization = None
            charger.stop_local(number)

    @property
    def is_quiet(self) -> bool:
        """Whether it has nothing left to say."""
        running = any(one.transaction for one in self.charger.station.connectors.values())
        return self.charger.online and not self.charger.queued and not running

    def _saw(self, frame: Frame) -> None:
        facts: dict[str, Any] = {"action": frame.action, "id": frame.message_id}
        way = "->" if frame.sent else "<-"
        self._trace.note(f"{way} {frame.type}", who=self.identity, **facts, payload=frame.payload)


ACTS: Final = (
    *["plug"] * 2,
    *["unplug"] * 2,
    *["card"] * 3,
    *["stop"] * 2,
    "fault",
    "drop",
    "away",
    "reboot",
    "power",
    "replay",
)
