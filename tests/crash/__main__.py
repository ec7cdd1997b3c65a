"""``python -m tests.crash``: a node is killed hundreds of times; nothing is lost."""

import asyncio
import contextlib
import json
import logging
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Final, Literal

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks import report
from migrations import run as migrations
from tests.crash import private
from tests.crash.campaign import Figures, Killed, chosen, play
from tests.crash.points import POINTS, Point
from tests.fuzz.campaign import in_memory

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
Backend = Literal["sqlite", "postgresql"]
KEPT: Final = Path("crash-evidence")


@app.command(
    help=cleandoc(
        """Kill a node at every fail point, again and again, and judge what is left.

        Simulated chargers of both OCPP versions charge all the time, a partner starts and stops
        them and repeats what is not answered, a receiver verifies webhooks. The node, a process of
        its own, dies at a fail point or at random and is started again. At the end of each round
        everything comes to rest and is compared: the ledgers of the chargers, what the partner was
        answered, what the receiver heard, and [bold]voltgate doctor[/bold].

        Each round kills once at every point, in a new order and over a new database. What does not
        hold is printed, and kept with logs and ledgers in [bold]crash-evidence[/bold]; exit code 1.

        [bold]Examples[/bold]

          make crash                          25 rounds over SQLite

          make crash KILLS=1                  a first look

          make crash ARGS="--point webhook --database postgresql"

          make crash ARGS="--list"            the catalogue
        """
    )
)
def main(
    *,
    kills: Annotated[int, typer.Option(min=1, help="Rounds: kills at each point.")] = 25,
    point: Annotated[
        list[str] | None, typer.Option(help="A part of names of points; again for more.")
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Any text; a new one if left out.")] = None,
    database: Annotated[Backend, typer.Option("--database", "-d")] = "sqlite",
    save: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the points and end.")] = False,
) -> None:
    console = Console()
    be_quiet()
    if show_list:
        console.print(_catalogue())
        return
    try:
        points = chosen(point or [])
    except LookupError as exc:
        raise typer.BadParameter(f"no point is named so: {exc}", param_hint="--point") from exc
    seed = seed or f"{random.SystemRandom().randrange(1 << 32):x}"
    console.print(f"Seed {seed}: {kills} rounds of {len(points)} points on {database}")
    figures = _run(console, points, kills, seed, database)
    console.print(_summary(figures))
    if save is not None:
        save.write_text(json.dumps(_document(figures, seed, kills, database), indent=2) + "\n")
    for line in figures.wrong:
        console.print(line, style="red", markup=False)
    if figures.wrong or figures.unreached:
        raise typer.Exit(1)


def _run(
    console: Console, points: list[Point], kills: int, seed: str, database: Backend
) -> Figures:
    figures = Figures()
    rng = random.Random(seed)  # noqa: S311 - the same seed, the same order
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}"),
    )
    with _databases(database) as new_database, Progress(*columns, console=console) as progress:
        bar = progress.add_task("kills", total=kills * len(points), last="")

        def tell(killed: Killed) -> None:
            progress.update(bar, advance=1, last=killed.point)
            if not killed.reached:
                console.print(f"not reached: {killed.point}", markup=False)

        for _ in range(kills):
            order = rng.sample(points, len(points))
            with _directory() as directory, contextlib.suppress(KeyboardInterrupt):
                url = new_database(directory)
                before = len(figures.wrong)
                asyncio.run(play(url, directory, order, rng, figures, tell=tell))
                if len(figures.wrong) > before:
                    keep(directory, figures.wrong[before:])
                continue
            break
    return figures


def be_quiet() -> None:
    """Keep the logs of what plays here, receivers and tools, off the progress bar."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="voltgate-crash-", dir=in_memory()) as directory:
        yield Path(directory)


@contextlib.contextmanager
def _databases(database: Backend) -> Iterator[private.NewDatabase]:
    """Yield what makes a database with every table and no rows."""
    if database == "postgresql":
        with private.servers() as servers:
            yield lambda _: private.new_postgres(servers.postgres())
        return
    with _directory() as directory:
        template = directory / "empty.db"
        asyncio.run(migrations.upgrade(f"sqlite:///{template}"))

        def copy(into: Path) -> str:
            shutil.copy(template, into / "voltgate.db")
            return f"sqlite:///{into / 'voltgate.db'}"

        yield copy


def keep(directory: Path, wrong: Sequence[str]) -> None:
    """Copy what a node left, its log and its SQLite file, to where somebody can look at it."""
    target = KEPT / f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    shutil.copytree(directory, target, ignore=shutil.ignore_patterns("disk"))
    (target / "violations.txt").write_text("\n".join(wrong) + "\n")


def _catalogue() -> Table:
    table = Table(title=f"{len(POINTS)} fail points")
    table.add_column("VOLTGATE_FAILPOINT")
    table.add_column("what leads there")
    for one in POINTS:
        table.add_row(one.name, one.act.replace("_", " ") or "daily work")
    return table


def _summary(figures: Figures) -> Table:
    table = Table(title="What it came to", show_header=False)
    for name, value in figures.as_json().items():
        text = str(len(value)) if name == "violations" else str(value)
        table.add_row(name.replace("_", " "), text)
    return table


def _document(figures: Figures, seed: str, kills: int, database: Backend) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scenario": "crash",
        "machine": report.this_machine(),
        "database": database,
        "seed": seed,
        "rounds": kills,
        "figures": figures.as_json(),
        "kills_by_point": dict(sorted(figures.kills.items())),
    }


if __name__ == "__main__":
    app()
