"""``python -m tests.crash.faults``: services, disk, descriptors and clock fail again and again."""

import asyncio
import json
import random
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from inspect import cleandoc
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from benchmarks import report
from migrations import run as migrations
from tests.crash import crowd, machine, outages
from tests.crash.__main__ import be_quiet, keep
from tests.crash.node import Faults
from tests.crash.stage import Stage, stage
from tests.fuzz.campaign import in_memory

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
Tell = Callable[[str], None]


@asynccontextmanager
async def _temporary(disk: Path | None = None, **more: Any) -> AsyncIterator[Stage]:
    """A stage over a new SQLite file in a directory of its own, or on *disk*."""
    with tempfile.TemporaryDirectory(prefix="voltgate-crash-", dir=in_memory()) as name:
        directory = Path(name) if disk is None else disk
        url = f"sqlite:///{directory / 'voltgate.db'}"
        await migrations.upgrade(url)
        async with stage(url, Path(name), others=False, **more) as on:
            yield on


async def _services(kind: outages.Kind, times: int, rng: random.Random, tell: Tell) -> Any:
    with tempfile.TemporaryDirectory(prefix="voltgate-crash-") as name:
        async with outages.suffering(Path(name)) as (on, reaches):
            faults = list(islice(cycle(outages.FAULTS), times * len(outages.FAULTS)))
            rng.shuffle(faults)
            await outages.suffer(on, reaches[kind], faults, rng, tell=tell)
            return await _outcome(on, faults=len(faults), connections=reaches[kind].proxy.accepted)


async def postgres(times: int, rng: random.Random, tell: Tell) -> Any:
    """PostgreSQL is killed, paused, cut off, reset in mid statement, late."""
    return await _services("postgres", times, rng, tell)


async def redis(times: int, rng: random.Random, tell: Tell) -> Any:
    """Redis is."""
    return await _services("redis", times, rng, tell)


async def disk(times: int, rng: random.Random, tell: Tell) -> Any:
    """The disk with the database and the pictures is full."""
    with (
        tempfile.TemporaryDirectory(prefix="voltgate-crash-") as name,
        machine.small_disk(Path(name) / "disk") as small,
    ):
        settings = {
            "picture_directory": str(small / "pictures"),
            "document_directory": str(small / "documents"),
        }
        async with _temporary(small, settings=settings) as on:
            refused = await machine.fill_again_and_again(on, small, rng, times=times, tell=tell)
            return await _outcome(on, rounds=times, pictures_refused=refused)


async def descriptors(times: int, rng: random.Random, tell: Tell) -> Any:
    """The node has no file descriptors left."""
    async with _temporary(faults=Faults(descriptors=machine.DESCRIPTORS)) as on:
        untaken = await machine.exhaust_descriptors(on, rng, times=times, tell=tell)
        return await _outcome(on, rounds=times, connections_not_taken=untaken)


async def clock(times: int, rng: random.Random, tell: Tell) -> Any:
    """The wall clock of the node is set by an hour, back or forth."""
    with tempfile.TemporaryDirectory(prefix="voltgate-crash-") as name:
        shift = Path(name) / "shift"
        shift.write_text("0")
        async with _temporary(faults=Faults(clock_shift=shift)) as on:
            await machine.set_the_clock(on, shift, rng, times=times, tell=tell)
            return await _outcome(on, jumps=times * 2)


async def partners(times: int, rng: random.Random, tell: Tell) -> Any:
    """Partners send without end and read nothing; receivers hang and answer without end."""
    async with _temporary() as on:
        for _ in range(times):
            await crowd.bear_rude_partners(on, rng, tell=tell)
        await on.at_rest()
        return await _outcome(on, rounds=times)


async def stampede(times: int, rng: random.Random, tell: Tell) -> Any:
    """2,000 chargers reconnect at once after the node was killed."""
    settings = {"handshakes_at_once": "200"}
    async with _temporary(settings=settings) as on:
        names = list(await crowd.register_herd(on, HERD))
        rng.shuffle(names)
        found = []
        for _ in range(times):
            one = await crowd.stampede(on, names)
            tell(f"first {one.first_s:.1f} s, back {one.back_s:.1f} s, {one.tries} tries")
            found.append(round(one.back_s, 2))
        await on.at_rest()
        return await _outcome(on, chargers=HERD, back_s=found)


HERD: Final = 2_000
SCENARIOS: Final = {
    work.__name__: work for work in (postgres, redis, disk, descriptors, clock, partners, stampede)
}
TIMES: Final = {"postgres": 100, "redis": 30, "clock": 50, "disk": 20, "descriptors": 10}
"""As often as is worth it; the others once. Services: each of their seven faults."""


async def _outcome(on: Stage, **figures: Any) -> dict[str, Any]:
    found = await on.violations()
    if found:
        keep(on.node.directory, found)
    return {
        **figures,
        "operations": len(on.promises.accepted),
        "events": len(on.receiver.events),
        "violations": found,
    }


@app.command(
    help=cleandoc(
        """Let everything around a node fail while chargers charge, and judge what is left.

        Names of scenarios: """
        + ", ".join(SCENARIOS)
        + """; none: all of them. What does not hold is printed, exit code 1.

        [bold]Examples[/bold]

          make faults

          make faults ARGS="postgres redis --times 3"
        """
    )
)
def main(
    *,
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios.")] = None,
    times: Annotated[int | None, typer.Option(min=1, help="How often each fault.")] = None,
    seed: Annotated[str | None, typer.Option(help="Any text; a new one if left out.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
) -> None:
    console = Console()
    be_quiet()
    unknown = set(names or []) - SCENARIOS.keys()
    if unknown:
        raise typer.BadParameter(f"not one of {', '.join(SCENARIOS)}: {', '.join(unknown)}")
    seed = seed or f"{random.SystemRandom().randrange(1 << 32):x}"
    console.print(f"Seed {seed}")
    found: dict[str, Any] = {}
    for name in names or SCENARIOS:
        count = times or TIMES.get(name, 1)
        rng = random.Random(f"{seed} {name}")  # noqa: S311 - the same seed, the same faults
        with console.status(name) as status:
            found[name] = asyncio.run(
                SCENARIOS[name](count, rng, lambda text: status.update(f"{name}: {text}"))  # noqa: B023
            )
        console.print(name, found[name], markup=False)
    if save is not None:
        document = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "scenario": "faults",
            "machine": report.this_machine(),
            "seed": seed,
            "figures": found,
        }
        save.write_text(json.dumps(document, indent=2) + "\n")
    if any(one["violations"] for one in found.values()):
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
