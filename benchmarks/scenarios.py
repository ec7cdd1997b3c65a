"""Every scenario by name, and what chargers alone can do to a server."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Final

from benchmarks import crowds, fan_out, neighbours, partner, recovery
from benchmarks.charger import Charger, together
from benchmarks.measuring import Figures, Lab, Step, under_load

_SHOWN: Final = ("Preparing", "Available")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Something to measure.

    Attributes:
        on: The kinds of servers that it makes sense on.
        crowd: How many chargers it needs besides those that send all the time.
    """

    name: str
    tells: str
    run: Callable[[Lab], Awaitable[Figures]]
    on: Sequence[str] = ("voltgate",)
    crowd: int = 0


async def heartbeat(lab: Lab) -> Figures:
    """Send heartbeats."""
    async with _booted(lab) as chargers:
        return await under_load(lab, chargers, [charger.heartbeat for charger in chargers])


async def status(lab: Lab) -> Figures:
    """Report a connector's status, another one each time."""

    def step(charger: Charger) -> Step:
        shown = cycle(_SHOWN)

        async def report() -> None:
            await charger.status(1, next(shown))

        return report

    async with _booted(lab) as chargers:
        return await under_load(lab, chargers, [step(charger) for charger in chargers])


async def meter_values(lab: Lab) -> Figures:
    """Send readings of eight samples of a running transaction."""
    async with _booted(lab) as chargers:
        running = await together(charger.start(1) for charger in chargers)
        steps = [
            partial(charger.meter_values, 1, transaction)
            for charger, transaction in zip(chargers, running, strict=True)
        ]
        figures = await under_load(lab, chargers, steps)
        for charger, transaction in zip(chargers, running, strict=True):
            await charger.stop(transaction)
    return figures


async def transaction_cycle(lab: Lab) -> Figures:
    """Go through whole transactions: card, plug, start, reading, stop, and back; 8 messages."""

    async def once(charger: Charger) -> None:
        await charger.authorize()
        await charger.status(1, "Preparing")
        transaction = await charger.start(1)
        await charger.status(1, "Charging")
        await charger.meter_values(1, transaction)
        await charger.stop(transaction)
        await charger.status(1, "Finishing")
        await charger.status(1, "Available")

    async with _booted(lab) as chargers:
        return await under_load(lab, chargers, [partial(once, charger) for charger in chargers])


@asynccontextmanager
async def _booted(lab: Lab) -> AsyncIterator[list[Charger]]:
    chargers = [lab.charger(identity) for identity in lab.chargers]
    async with partner.booted(chargers):
        yield chargers


_EVERYWHERE: Final = ("voltgate", "frames", "reference")

SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="heartbeat", tells="Heartbeat", run=heartbeat, on=_EVERYWHERE),
        Scenario(
            name="status",
            tells="StatusNotification, another status each time",
            run=status,
            on=("voltgate", "frames"),
        ),
        Scenario(
            name="meter_values",
            tells="MeterValues of 8 samples, stored",
            run=meter_values,
            on=_EVERYWHERE,
        ),
        Scenario(
            name="transaction_cycle",
            tells="whole transactions of 8 messages",
            run=transaction_cycle,
            on=_EVERYWHERE,
        ),
        Scenario(
            name="connect_boot",
            tells="200 chargers connect and boot at once",
            run=crowds.connect_boot,
            on=("voltgate", "reference"),
            crowd=200,
        ),
        Scenario(
            name="statuses_at_once",
            tells="50 chargers report at the same instant",
            run=crowds.statuses_at_once,
            crowd=50,
        ),
        Scenario(
            name="reconnect_at_once",
            tells="1,000 chargers are cut off at once, and come back",
            run=crowds.reconnect_at_once,
            crowd=1000,
        ),
        Scenario(
            name="start_latency",
            tells="start_charge to RemoteStartTransaction at the charger",
            run=partner.start_latency,
        ),
        Scenario(
            name="start_latency_loaded",
            tells="the same with 120 MeterValues/s behind it",
            run=partner.start_latency_loaded,
        ),
        Scenario(
            name="start_charge_rate",
            tells="start_charge by 8 clients",
            run=partner.start_charge_rate,
        ),
        Scenario(
            name="webhook_latency",
            tells="StartTransaction to session.started at the receiver",
            run=partner.webhook_latency,
        ),
        Scenario(
            name="webhook_rate",
            tells="webhooks to 8 endpoints, one worker",
            run=partner.webhook_rate,
        ),
        Scenario(
            name="noisy_neighbour",
            tells="a partner's calls beside one at ten times its limit",
            run=neighbours.noisy_neighbour,
        ),
        Scenario(
            name="status_fan_out",
            tells="StatusNotification to the streams of 50 partners",
            run=fan_out.status_fan_out,
        ),
        Scenario(
            name="recovery",
            tells="killed while 200 charge and webhooks wait, started again",
            run=recovery.recovery,
            crowd=200,
        ),
    )
}
