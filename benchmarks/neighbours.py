"""Scenarios with two partners: what one feels of the other, which calls far beyond its limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.measuring import Figures, Lab, figures_of, mark, times_of
from benchmarks.wire import ApiClient

NOISY_PER_MINUTE: Final = 600
"""The limit of the partner that makes noise."""

NOISE_PER_S: Final = 10 * NOISY_PER_MINUTE / 60
STEADY_PER_S: Final = 25
SLICES: Final = 8
"""Times with noise and without take turns, so that what else happens on the machine hits both."""
SLICE_S: Final = 2.0
"""No slice is longer (there are more then): a server ends a connection that rests for some time."""

_CONNECTIONS: Final = 10
_PATH: Final = "/v1/sessions?limit=1"
_GOOD: Final = 200
_REFUSED: Final = 429
_MINUTE_S: Final = 60


_noisy: Final[dict[str, "Calls"]] = {}
"""By key: a limit is one for all rounds."""


@dataclass(slots=True)
class Calls:
    """What one partner was answered: when each call was accepted, how long it took."""

    accepted_at_s: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    refused: int = 0

    async def make(self, client: ApiClient, due_s: float | None = None) -> None:
        """Call once; the time counts from when the call was due, if that is given."""
        began_s = time.perf_counter() if due_s is None else due_s
        status, answer = await client.request("GET", _PATH)
        now_s = time.perf_counter()
        if status == _GOOD:
            self.accepted_at_s.append(now_s)
        elif status == _REFUSED:
            self.refused += 1
        else:
            raise RuntimeError(f"GET {_PATH}: {status} {answer}")
        self.took_s.append(now_s - began_s)


async def noisy_neighbour(lab: Lab) -> Figures:
    """Call steadily as one partner, now and then beside one that calls at ten times its limit."""
    noisy = _noisy.setdefault(lab.target.ready.noisy_key, Calls())
    quiet, loud = Calls(), Calls()
    wanted_s = max(lab.seconds, 0.1) / 2
    slice_s = min(wanted_s, SLICE_S)
    async with AsyncExitStack() as stack:
        noisy_clients = [await _client(stack, lab, noisy=True) for _ in range(_CONNECTIONS)]
        steady_clients = [await _client(stack, lab, noisy=False) for _ in range(_CONNECTIONS)]
        refused_us = await _spend(lab, noisy, noisy_clients, slice_s)
        accepted_us = await _cpu_us(lab, lambda: Calls().make(steady_clients[0]), slice_s)
        for _ in range(round(SLICES * wanted_s / slice_s)):
            await _steadily(quiet, steady_clients, STEADY_PER_S, slice_s)
            async with _noise(noisy, noisy_clients):
                await _steadily(loud, steady_clients, STEADY_PER_S, slice_s)
    without, beside = times_of(quiet.took_s), times_of(loud.took_s)
    total = len(noisy.accepted_at_s) + noisy.refused
    return {
        "count": len(quiet.took_s) + len(loud.took_s),
        "p50_ms": without["p50_ms"],
        "p99_ms": without["p99_ms"],
        "beside_p50_ms": beside["p50_ms"],
        "beside_p99_ms": beside["p99_ms"],
        "p99_moved_percent": (beside["p99_ms"] / without["p99_ms"] - 1) * 100,
        "passed_percent": most_in_a_minute(noisy.accepted_at_s) / NOISY_PER_MINUTE * 100,
        "share_passed_percent": len(noisy.accepted_at_s) / total * 100,
        "refused_us": refused_us,
        "accepted_us": accepted_us,
    }


def most_in_a_minute(at_s: list[float]) -> int:
    """Return how many of some instants, in their order, lie within a minute at most."""
    most = first = 0
    for last, instant in enumerate(at_s):
        while instant - at_s[first] > _MINUTE_S:
            first += 1
        most = max(most, last - first + 1)
    return most


async def _spend(lab: Lab, noisy: Calls, clients: list[ApiClient], slice_s: float) -> float:
    """Use up the limit of the noisy partner, then return what a refusal costs, in CPU us."""
    before = -1
    while noisy.refused != before or not noisy.refused:  # until a whole round is refused
        before = noisy.refused + len(clients)
        await asyncio.gather(*(noisy.make(client) for client in clients))
    return await _cpu_us(lab, lambda: noisy.make(clients[0]), slice_s)


async def _cpu_us(lab: Lab, call: Callable[[], Awaitable[None]], for_s: float) -> float:
    """Return the CPU of the server and its database for each of calls one after another."""
    begin = await mark(lab.target)
    count = 0
    while time.perf_counter() - begin.at_s < for_s:
        await call()
        count += 1
    return figures_of(begin, await mark(lab.target), count=count)["cpu_us"]


async def _steadily(calls: Calls, clients: list[ApiClient], per_s: float, for_s: float) -> None:
    """Call by the clock, and not by the answers, for so long; then wait for the answers."""
    free: asyncio.Queue[ApiClient] = asyncio.Queue()
    for client in clients:
        free.put_nowait(client)

    async def once(due_s: float) -> None:
        client = await free.get()
        await calls.make(client, due_s)
        free.put_nowait(client)

    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(max(1, round(for_s * per_s))):
            due_s = began_s + number / per_s
            await asyncio.sleep(max(due_s - time.perf_counter(), 0))
            tasks.create_task(once(due_s))


@asynccontextmanager
async def _noise(calls: Calls, clients: list[ApiClient]) -> AsyncIterator[None]:
    """Call far beyond the limit until the block is left."""
    is_over = False

    async def make_it() -> None:
        while not is_over:
            await _steadily(calls, clients, NOISE_PER_S, 1 / NOISE_PER_S * _CONNECTIONS)

    task = asyncio.create_task(make_it())
    try:
        yield
    finally:
        is_over = True
        await task


async def _client(stack: AsyncExitStack, lab: Lab, *, noisy: bool) -> ApiClient:
    ready = lab.target.ready
    key = ready.noisy_key if noisy else ready.api_key
    return await stack.enter_async_context(ApiClient(ready.api_url, key))
