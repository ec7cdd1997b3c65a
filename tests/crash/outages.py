"""PostgreSQL and Redis that die, fall silent or are cut off while chargers charge."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.crash import private
from tests.crash.private import Service
from tests.crash.proxy import FaultProxy, proxied
from tests.crash.stage import Stage, stage
from tests.crash.workload import Workload, working

Kind = Literal["postgres", "redis"]

SHORTEST_S: Final = 0.05
LONGEST_S: Final = 2.0
RECOVERS_WITHIN_S: Final = 60.0
STATEMENT_BYTES: Final = 4_000
"""About what a transaction sends: a connection is reset somewhere in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A service, and the proxy through which the node reaches it."""

    service: Service
    proxy: FaultProxy


Fault = Callable[[Reach, random.Random], Awaitable[None]]


def _pause(rng: random.Random) -> Awaitable[None]:
    return asyncio.sleep(rng.uniform(SHORTEST_S, LONGEST_S))


async def kill(reach: Reach, rng: random.Random) -> None:
    """``kill -9``, and after a while it is started again."""
    await asyncio.to_thread(reach.service.kill)
    await _pause(rng)
    await asyncio.to_thread(reach.service.start)


async def pause(reach: Reach, rng: random.Random) -> None:
    """``SIGSTOP``, and after a while ``SIGCONT``: a machine that hangs."""
    reach.service.pause()
    try:
        await _pause(rng)
    finally:
        reach.service.go_on()


async def cut(reach: Reach, _: random.Random) -> None:
    """Every connection is reset at once."""
    reach.proxy.cut()


async def refuse(reach: Reach, rng: random.Random) -> None:
    """Nothing can be connected for a while."""
    reach.proxy.refuse()
    await _pause(rng)
    reach.proxy.go_on()


async def stall(reach: Reach, rng: random.Random) -> None:
    """Connections stay open, and nothing passes for a while."""
    reach.proxy.stall()
    await _pause(rng)
    reach.proxy.go_on()


async def reset_in_mid_statement(reach: Reach, rng: random.Random) -> None:
    """A connection is reset when half of what it sends has passed."""
    reach.proxy.cut_after(rng.randrange(STATEMENT_BYTES))
    await _pause(rng)
    reach.proxy.go_on()


async def delay(reach: Reach, rng: random.Random) -> None:
    """Everything is late for a while."""
    reach.proxy.delay_s = rng.uniform(0.01, 0.1)
    await _pause(rng)
    reach.proxy.go_on()


FAULTS: Final[dict[str, Fault]] = {
    "kill": kill,
    "pause": pause,
    "cut": cut,
    "refuse": refuse,
    "stall": stall,
    "reset in mid statement": reset_in_mid_statement,
    "delay": delay,
}


@asynccontextmanager
async def suffering(directory: Path) -> AsyncIterator[tuple[Stage, dict[Kind, Reach]]]:
    """A stage whose node reaches PostgreSQL and Redis through proxies; all of it is its own."""
    async with AsyncExitStack() as stack:
        servers = await asyncio.to_thread(stack.enter_context, private.servers())
        reaches: dict[Kind, Reach] = {}
        kinds: tuple[Kind, ...] = ("postgres", "redis")
        for kind in kinds:
            service = await asyncio.to_thread(servers.service, kind)
            proxy = await stack.enter_async_context(proxied(service.socket))
            reaches[kind] = Reach(service=service, proxy=proxy)
        url = await private.create_postgres(servers.postgres())
        at = f"127.0.0.1:{reaches['postgres'].proxy.port}"
        through = f"postgresql+asyncpg://postgres@{at}{_path(url)}"
        redis_url = f"redis://127.0.0.1:{reaches['redis'].proxy.port}/0"
        on = await stack.enter_async_context(
            stage(
                url,
                directory,
                settings={"database_url": through, "redis_url": redis_url},
                others=False,
            )
        )
        yield on, reaches


def _path(url: str) -> str:
    return "/" + url.split("?", 1)[0].rsplit("/", 1)[1]


async def suffer(
    on: Stage,
    reach: Reach,
    faults: list[str],
    rng: random.Random,
    *,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Let each of *faults* happen while chargers charge, and see that it goes on after each.

    The node has to live through all of them. Then nothing may be under way, and nothing wrong.
    """
    async with working(on, rng) as workload:
        for name in faults:
            await FAULTS[name](reach, rng)
            await goes_on(on, workload, after=name)
            tell(name)
    await on.at_rest()


async def goes_on(on: Stage, workload: Workload, *, after: str) -> None:
    """Wait until a charge that began later has ended; what does not go on is written down."""
    enough = workload.charges + 2
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RECOVERS_WITHIN_S):
            while workload.charges < enough and not on.node.is_dead:  # noqa: ASYNC110 - nobody rings
                await asyncio.sleep(SHORTEST_S)
    if on.node.is_dead:
        on.wrong.append(f"the node did not live through: {after}")
        await on.node.start()
    elif workload.charges < enough:
        on.wrong.append(f"no charge in {RECOVERS_WITHIN_S:.0f} s after: {after}")
