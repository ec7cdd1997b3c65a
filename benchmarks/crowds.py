"""Scenarios of many chargers that do something at the same instant."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from benchmarks.charger import CallRefused, Charger, connected, quiet, together
from benchmarks.measuring import Figures, Lab, figures_of, mark, times_of
from benchmarks.partner import booted

PAUSE_S: Final = 0.1
"""Between two bursts, so that one is over before the next."""
BACK_WITHIN_S: Final = 120.0
"""Longer than any wait that a refused handshake asks for."""
RETRY_S: Final = (0.1, 1.0)
"""Between these, by chance, a charger waits for its next try."""
_SHOWN: Final = ("Preparing", "Available")
_TRIED: Final = (OSError, InvalidHandshake, TimeoutError, ConnectionClosed)


async def connect_boot(lab: Lab) -> Figures:
    """Connect all at once; each boots and answers what the server asks it then."""
    crowd = [lab.charger(identity) for identity in lab.crowd]
    begin = await mark(lab.target)
    async with connected(crowd):
        await together(charger.boot() for charger in crowd)
        booted_s = time.perf_counter() - begin.at_s
        await quiet(crowd)
        end = await mark(lab.target)
    figures = figures_of(begin, end, count=len(crowd))
    return {**figures, "per_second": len(crowd) / booted_s, "cpu_ms": figures["cpu_us"] / 1000}


async def statuses_at_once(lab: Lab) -> Figures:
    """Let each report another status at the same instant, again and again.

    A time is that of a burst: from its first call to its last answer. A burst with an error is
    the last one.
    """
    crowd = [lab.charger(identity) for identity in lab.crowd]
    measured_s: list[float] = []
    shown = cycle(_SHOWN)
    async with booted(crowd):
        begin = await mark(lab.target)
        while not measured_s or (not lab.wrong and time.perf_counter() - begin.at_s < lab.seconds):
            await asyncio.sleep(PAUSE_S)
            began = time.perf_counter()
            now = next(shown)
            lab.wrong.extend(await _errors(charger.status(1, now) for charger in crowd))
            measured_s.append(time.perf_counter() - began)
        end = await mark(lab.target)
    return {
        **figures_of(begin, end, count=len(crowd) * len(measured_s)),
        **times_of(measured_s, percents=(50, 100)),
        "bursts": len(measured_s),
        "errors": len(lab.wrong),
    }


async def reconnect_at_once(lab: Lab) -> Figures:
    """Drop every socket at the same instant; each charger connects again and reports its status.

    None boots: only the line was lost (OCPP-J 1.6, 5.3). Of what chargers say then a changed
    status is the dearest: it goes to partners.
    """
    crowd = [lab.charger(identity) for identity in lab.crowd]
    tally = _Tally()
    async with booted(crowd):
        begin = await mark(lab.target)
        for charger in crowd:
            charger.drop()
        given_up = await _errors(_come_back(charger, tally) for charger in crowd)
        back_s = time.perf_counter() - begin.at_s
        end = await mark(lab.target)
    lab.wrong.extend([*tally.wrong, *given_up])
    figures = figures_of(begin, end, count=len(crowd))
    return {
        **figures,
        "back_s": back_s,
        "cpu_ms": figures["cpu_us"] / 1000,
        "retries": tally.retries,
        "errors": len(lab.wrong),
    }


@dataclass(slots=True)
class _Tally:
    """How often a charger was told to come later, and what went wrong."""

    retries: int = 0
    wrong: list[str] = field(default_factory=list)


async def _come_back(charger: Charger, tally: _Tally) -> None:
    """Connect and report, again and again until there is an answer.

    Raises:
        CallRefused: The answer is a CALLERROR.
        TimeoutError: There is none in time.
    """
    until_s = time.perf_counter() + BACK_WITHIN_S
    while (wait_s := await _try(charger, tally)) is not None:
        if time.perf_counter() + wait_s > until_s:
            raise TimeoutError(f"{charger.identity} was not back within {BACK_WITHIN_S:g} s")
        tally.retries += 1
        await asyncio.sleep(wait_s)


async def _try(charger: Charger, tally: _Tally) -> float | None:
    """Return the seconds to wait for the next try; ``None`` once the charger is back.

    A refusal that says when to come again is none of the errors.
    """
    lowest_s, highest_s = RETRY_S
    wait_s = lowest_s + (highest_s - lowest_s) * secrets.randbelow(1000) / 1000
    try:
        await charger.__aexit__()
        await charger.__aenter__()
        await charger.status(1, _SHOWN[0])
    except InvalidStatus as exc:
        if (told_s := exc.response.headers.get("Retry-After")) is not None:
            return wait_s + float(told_s)
        tally.wrong.append(repr(exc))
    except _TRIED as exc:
        tally.wrong.append(repr(exc))
    else:
        return None
    return wait_s


async def _errors(work: Iterable[Awaitable[None]]) -> list[str]:
    """Do all of *work* at once; return how a server failed it."""
    results = await asyncio.gather(*work, return_exceptions=True)
    failed = [one for one in results if isinstance(one, BaseException)]
    for one in failed:
        if not isinstance(one, (*_TRIED, CallRefused)):
            raise one
    return [repr(one) for one in failed]
