"""How soon partners hear of a status by the stream, on a platform that has little else to do."""

import asyncio
import secrets
import time
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Final

from benchmarks.measuring import CONNECTORS, Figures, Lab, figures_of, mark, times_of
from benchmarks.partner import ARRIVE_WITHIN_S, booted
from benchmarks.servers import VOLTGATE, serving
from benchmarks.streams import LOOK_S, Heard, all_heard, open_streams, truth

PARTNERS: Final = 50
PER_S: Final = 10
"""Changes, each of another connector. Streams are written at intervals (``status_interval``):
when in one of them a change comes is left to chance."""
_SHOWN: Final = ("Preparing", "Available")


@dataclass(slots=True)
class _Change:
    """When a status was sent, and how long after it each partner heard of it so far."""

    at_s: float
    heard_s: list[float] = field(default_factory=list)


class _Changes:
    """Changes by connector: those not heard by all yet, and those that were."""

    def __init__(self, connectors: list[bytes]) -> None:
        self.free = deque(connectors)
        self.waiting: dict[bytes, _Change] = {}
        self.over: list[_Change] = []

    def begin(self, connector: bytes) -> None:
        """Note that a connector changes now."""
        self.waiting[connector] = _Change(time.perf_counter())

    def heard(self, connector: bytes) -> None:
        """Note that one more partner heard of a connector."""
        change = self.waiting.get(connector)
        if change is None:
            return
        change.heard_s.append(time.perf_counter() - change.at_s)
        if len(change.heard_s) == PARTNERS:
            self.over.append(self.waiting.pop(connector))
            self.free.append(connector)


async def status_fan_out(lab: Lab) -> Figures:
    """Change connectors one after another, each followed by 50 partners' streams.

    The server is one of its own: partners that see everything would be a load in other scenarios.
    """
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(
            serving(
                VOLTGATE,
                lab.backend,
                chargers=lab.chargers,
                connectors=CONNECTORS,
                profiles=None,
                partners=PARTNERS,
            )
        )
        lab = replace(lab, target=target)
        chargers = [lab.charger(identity) for identity in lab.chargers]
        await stack.enter_async_context(booted(chargers, connectors=True))
        places = {
            connector.encode(): (charger, number, cycle(_SHOWN))
            for charger in chargers
            for number, connector in enumerate(target.ready.connectors[charger.identity], start=1)
        }
        changes = _Changes(list(places))
        heard = [Heard(on_status=changes.heard) for _ in range(PARTNERS)]
        await open_streams(stack, target, heard)
        async with asyncio.timeout(ARRIVE_WITHIN_S):
            await all_heard(await truth(target), heard)
        begin = await mark(target)
        count = 0
        while not count or time.perf_counter() - begin.at_s < lab.seconds:
            await asyncio.sleep(2 / PER_S * secrets.randbelow(1000) / 1000)
            if changes.free:
                connector = changes.free.popleft()
                charger, number, shown = places[connector]
                changes.begin(connector)
                await charger.status(number, next(shown))
                count += 1
        async with asyncio.timeout(ARRIVE_WITHIN_S):
            while changes.waiting:  # noqa: ASYNC110 - what arrives rings for nobody
                await asyncio.sleep(LOOK_S)
        end = await mark(target)
    spread = times_of([max(one.heard_s) - min(one.heard_s) for one in changes.over])
    return {
        **figures_of(begin, end, count=count),
        **times_of([heard_s for one in changes.over for heard_s in one.heard_s]),
        **{f"spread_{name}": value for name, value in spread.items()},
    }
