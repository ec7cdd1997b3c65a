"""What can happen at a simulated charger. Each act returns why it makes no sense there, if so."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from core.sandbox.models import Errand
from core.sandbox.states import Act
from ops.sandbox.clock import SteppedClock
from simulator import SimulatedCharger

MAX_AHEAD: Final = timedelta(seconds=240)
"""The platform flags a charger's times that are more than five minutes ahead."""

SETTLED_WITHIN_S: Final = 3.0

_Perform = Callable[[SimulatedCharger, SteppedClock, Mapping[str, Any]], Awaitable[str | None]]


async def perform(charger: SimulatedCharger, clock: SteppedClock, errand: Errand) -> str | None:
    """Let something happen, and the charger tell it; return why it could not."""
    refused = await _PERFORM[errand.act](charger, clock, errand.arguments)
    if refused is None and charger.online:
        with contextlib.suppress(TimeoutError):
            await charger.wait_settled(timeout_s=SETTLED_WITHIN_S)
    return refused


async def _plug(
    charger: SimulatedCharger, clock: SteppedClock, arguments: Mapping[str, Any]
) -> str | None:
    if charger.connector().plugged:
        return "A vehicle is plugged in already."
    charger.plug()
    return None


async def _unplug(
    charger: SimulatedCharger, clock: SteppedClock, arguments: Mapping[str, Any]
) -> str | None:
    if not charger.connector().plugged:
        return "No vehicle is plugged in."
    charger.unplug()
    return None


async def _fault(
    charger: SimulatedCharger, clock: SteppedClock, arguments: Mapping[str, Any]
) -> str | None:
    fault = charger.connector().fault
    if fault is not None:
        return f"It is faulted already: {fault}."
    charger.fault(code=arguments["code"])
    return None


async def _clear_fault(
    charger: SimulatedCharger, clock: SteppedClock, arguments: Mapping[str, Any]
) -> str | None:
    if charger.connector().fault is None:
        return "It is not faulted."
    charger.clear_fault()
    return None


async def _disconnect(
    charger: SimulatedCharger, clock: SteppedClock, arguments: Mapping[str, Any]
) -> str | None:
    if not charger.station.wanted.is_set():
        return "It is disconnected already."
    with contextlib.suppress(TimeoutError):
        await charger.go_offline()
    return None


async def _reconnect(
    charger: SimulatedCharger, clock: SteppedClock, arguments: Mapping[str, Any]
) -> str | None:
    try:
        await charger.go_online()
    except TimeoutError:
        return "It has not come back in time."
    return None


async def _advance(
    charger: SimulatedCharger, clock: SteppedClock, arguments: Mapping[str, Any]
) -> str | None:
    by = timedelta(seconds=arguments["seconds"])
    if clock.ahead + by > MAX_AHEAD:
        return (
            f"Its clock may be {MAX_AHEAD.seconds} s ahead at most and is "
            f"{clock.ahead.seconds} s ahead; that ends when it disconnects for being idle."
        )
    clock.advance(by)
    return None


_PERFORM: Final[Mapping[Act, _Perform]] = {
    Act.PLUG: _plug,
    Act.UNPLUG: _unplug,
    Act.FAULT: _fault,
    Act.CLEAR_FAULT: _clear_fault,
    Act.DISCONNECT: _disconnect,
    Act.RECONNECT: _reconnect,
    Act.ADVANCE: _advance,
}
