"""Many chargers at once."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from simulator.behaviours import Behaviour
from simulator.charger import NotAuthorized, SimulatedCharger
from simulator.config import ChargerConfig
from simulator.station import Frame
from simulator.tasks import Tasks
from simulator.wire import Disconnected, NoAnswer, Refused


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What drivers do at a fleet; simulated seconds."""

    pause_s: float = 60.0
    """Mean time between two drivers at one charger."""
    session_s: float = 300.0
    tokens: tuple[str, ...] = ("FLEET-TOKEN",)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Totals of a fleet."""

    chargers: int
    online: int
    connections: int
    transactions: int
    finished: int
    energy_wh: int
    frames: int
    unacknowledged: int
    errors: Counter[str]
    refusals: Counter[str]


class Fleet:
    """Chargers that connect one after the other, *ramp_per_s* in a real second.

    ``async with Fleet(configs) as fleet`` returns at once; ``wait_online`` waits for all that
    connect at all.
    """

    def __init__(
        self,
        configs: Sequence[ChargerConfig],
        *,
        ramp_per_s: float = 50.0,
        activity: Activity | None = None,
        seed: int | None = None,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        self.chargers = [
            SimulatedCharger(config, ready=False, on_frame=on_frame) for config in configs
        ]
        self._ramp_per_s = ramp_per_s
        self._activity = activity
        self._rng = random.Random(seed)  # noqa: S311 - drivers, not secrets
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.spawn(self._open())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect everything; raise the first thing that failed in the background."""
        tasks = self._tasks.close()
        outcomes = await asyncio.gather(
            tasks, *(charger.close() for charger in self.chargers), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def wind_down(self, *, timeout_s: float = 5.0) -> None:
        """Send the drivers home, end running transactions and wait a while for the answers."""
        await self._tasks.close()
        await asyncio.gather(*(c.wind_down(timeout_s=timeout_s) for c in self.chargers))

    async def _open(self) -> None:
        for charger in self.chargers:
            await charger.open()
            if self._activity is not None and charger.station.plan.connects:
                rng = random.Random(self._rng.random())  # noqa: S311 - drivers, not secrets
                self._tasks.spawn(keep_busy(charger, self._activity, rng))
            await asyncio.sleep(1 / self._ramp_per_s)

    async def wait_online(self, *, timeout_s: float = 60.0) -> None:
        """Return when every charger that connects at all is online."""
        async with asyncio.timeout(timeout_s):
            for charger in self.chargers:
                if charger.station.plan.connects:
                    await charger.wait_online(timeout_s=timeout_s)

    def summary(self) -> Summary:
        """Return the totals as of now."""
        ledgers = [charger.ledger for charger in self.chargers]
        transactions = [t for ledger in ledgers for t in ledger.transactions()]
        errors, refusals = Counter[str](), Counter[str]()
        for ledger in ledgers:
            errors.update(ledger.errors)
            refusals.update(ledger.refusals)
        return Summary(
            chargers=len(ledgers),
            online=sum(1 for charger in self.chargers if charger.online),
            connections=sum(ledger.connections for ledger in ledgers),
            transactions=len(transactions),
            finished=sum(1 for t in transactions if t.ended_at is not None),
            energy_wh=sum(t.energy_wh or 0 for t in transactions),
            frames=sum(sum(led.sent.values()) + len(led.received) for led in ledgers),
            unacknowledged=sum(len(ledger.unacknowledged()) for ledger in ledgers),
            errors=errors,
            refusals=refusals,
        )


def station_of_behaviours(
    config: ChargerConfig, *, passwords: Mapping[str, str] | None = None
) -> list[ChargerConfig]:
    """Return one charger per named behaviour, ``SIM-OK`` to ``SIM-METERGAP``, all else as *config*.

    *passwords* by identity win over the common one.
    """
    return [
        replace(
            config,
            identity=identity,
            behaviour=behaviour,
            password=(passwords or {}).get(identity, config.password),
        )
        for behaviour in Behaviour
        for identity in [f"SIM-{behaviour.name}"]
    ]


async def keep_busy(charger: SimulatedCharger, activity: Activity, rng: random.Random) -> None:
    """Let drivers come, charge and leave, until cancelled."""
    clock = charger.station.clock
    while True:
        await clock.sleep(rng.expovariate(1 / activity.pause_s))
        number = rng.choice(list(charger.station.connectors))
        if not charger.online or not charger.connector(number).free:
            continue
        try:
            transaction = await charger.start_local(number, rng.choice(activity.tokens))
        except (NotAuthorized, Disconnected, NoAnswer, Refused):
            continue
        await clock.sleep(activity.session_s * rng.uniform(0.5, 1.5))
        if charger.connector(number).transaction is transaction:
            charger.stop_local(number)
        charger.unplug(number)
