"""Saying things that wait for the connection: status trains, reports, triggered messages."""

import asyncio
from typing import Any

from simulator.outbox import ask
from simulator.station import Station
from simulator.wire import Disconnected, NoAnswer, Refused, payload_of

PENDING = "Pending"


async def may_speak(station: Station, *, answering: bool = False) -> None:
    """Return when the charger is online; *answering*: a Pending boot is enough (2.0.1 B02)."""
    changed = asyncio.Event()
    station.watchers.append(changed.set)
    try:
        while not _speaks(station, answering=answering):
            changed.clear()
            await changed.wait()
    finally:
        station.watchers.remove(changed.set)


def _speaks(station: Station, *, answering: bool) -> bool:
    pending = answering and station.registration == PENDING
    return station.wire is not None and (station.online or pending)


async def tell(station: Station, request: Any, *, answering: bool = False) -> bool:
    """Send a request as soon as possible, over a lost connection too; tell whether it arrived."""
    while True:
        await may_speak(station, answering=answering)
        try:
            await ask(station, *payload_of(request))
        except Disconnected:
            await asyncio.sleep(0)
            continue
        except (NoAnswer, Refused):
            return False
        station.touch()
        return True


def tell_after(station: Station, *requests: Any) -> None:
    """Send what the central system asked for, in order, once its answer is out."""

    async def work() -> None:
        for request in requests:
            await tell(station, request, answering=True)

    if requests:
        station.then(lambda: station.spawn(work()))
