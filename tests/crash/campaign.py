"""Kill a node again and again, at one point after the other; then judge what is left."""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.crash.acts import ACTS
from tests.crash.points import POINTS, Point
from tests.crash.stage import Stage, stage
from tests.crash.workload import working

REACHED_WITHIN_S: Final = 75.0
"""What is counted of a partner is written when a minute is over."""
ACT_AGAIN_S: Final = 0.3
LONGEST_LIFE_S: Final = 2.0
MOST_PASSES: Final = 3
AT_RANDOM: Final = Point(name="at random")
"""``kill -9`` from outside, at any instant."""

Tell = Callable[["Killed"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """One life of the node: where it was to end, and whether it came there."""

    point: str
    reached: bool
    seconds: float


@dataclass(slots=True)
class Figures:
    """What a campaign came to."""

    kills: Counter[str] = field(default_factory=Counter)
    unreached: Counter[str] = field(default_factory=Counter)
    charges: int = 0
    operations: int = 0
    events: int = 0
    repeated_webhooks: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def take(self, killed: Killed) -> None:
        (self.kills if killed.reached else self.unreached)[killed.point] += 1

    def as_json(self) -> dict[str, Any]:
        return {
            "kills": self.kills.total(),
            "points": len(self.kills),
            "fewest_kills_of_a_point": min(self.kills.values(), default=0),
            "unreached": dict(self.unreached),
            "charges": self.charges,
            "operations": self.operations,
            "events": self.events,
            "repeated_webhooks": self.repeated_webhooks,
            "seconds": round(self.seconds, 1),
            "violations": self.wrong,
        }


async def play(
    database_url: str,
    directory: Path,
    points: Sequence[Point],
    rng: random.Random,
    figures: Figures,
    *,
    tell: Tell = lambda _: None,
    settings: dict[str, str] | None = None,
) -> None:
    """Kill the node once at each of *points*, in one world, and add to *figures* what came of it.

    Args:
        database_url: Of a database with every table and no rows.
    """
    began = time.monotonic()
    async with stage(database_url, directory, settings=settings) as on:
        async with working(on, rng) as workload:
            for point in points:
                await on.node.kill()
                killed = await _kill_at(on, point, rng)
                figures.take(killed)
                tell(killed)
            await on.node.kill()
            await on.node.start()
            workload.end()
        await on.at_rest()
        found = await on.violations()
        figures.charges += workload.charges
        figures.operations += len(on.promises.accepted)
        figures.events += len(on.receiver.events)
        figures.repeated_webhooks += len(on.receiver.attempts) - len(on.receiver.events)
        if found:
            figures.wrong += found
            _keep_evidence(on, directory, found)
    figures.seconds += time.monotonic() - began


async def _kill_at(on: Stage, point: Point, rng: random.Random) -> Killed:
    """Let the node live until it comes to *point*."""
    began = time.monotonic()
    if point is AT_RANDOM:
        await on.node.start(may_die=True)
        await asyncio.sleep(rng.uniform(0.0, LONGEST_LIFE_S))
        await on.node.kill()
        return Killed(point=point.name, reached=True, seconds=time.monotonic() - began)
    passes = rng.randint(1, MOST_PASSES) if not point.act else 1
    reached = await _dies_at(on, point, passes=passes)
    if not reached and passes > 1:  # it came there less often than it was to
        await on.node.kill()
        reached = await _dies_at(on, point, passes=1)
    return Killed(point=point.name, reached=reached, seconds=time.monotonic() - began)


async def _dies_at(on: Stage, point: Point, *, passes: int) -> bool:
    """Tell whether the node came to *point* so often, and died there."""
    async with _acting(on, point.act):
        await on.node.start(f"{point.name}:{passes}", may_die=True)
        return await on.node.dies(within_s=REACHED_WITHIN_S)


@asynccontextmanager
async def _acting(on: Stage, name: str) -> AsyncIterator[None]:
    """Do an act again and again; it is of no use any more when the node is dead."""
    if not name:
        yield
        return

    async def again() -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await ACTS[name](on)
            await asyncio.sleep(ACT_AGAIN_S)

    acting = asyncio.create_task(again(), name=name)
    try:
        yield
    finally:
        acting.cancel()
        result = (await asyncio.gather(acting, return_exceptions=True))[0]
        on.receiver.status = 204
        if isinstance(result, Exception):
            raise result


def _keep_evidence(on: Stage, directory: Path, found: Sequence[str]) -> None:
    """Write down beside the node's log what a look at the failure needs."""
    document = {
        "violations": found,
        "accepted": on.promises.accepted,
        "events": on.receiver.events,
        "ledgers": [charger.ledger.as_json() for charger in on.chargers.values()],
    }
    (directory / "evidence.json").write_text(json.dumps(document, indent=1, default=str))


def chosen(names: Sequence[str]) -> list[Point]:
    """Return the points whose name contains one of *names*; all of them and one at random: none.

    Raises:
        LookupError: A name fits nothing.
    """
    every = [*POINTS, AT_RANDOM]
    for name in names:
        if not any(name in point.name for point in every):
            raise LookupError(name)
    return [p for p in every if not names or any(name in p.name for name in names)]
