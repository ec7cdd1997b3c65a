"""``python -m tests.probe``: generated requests by the ten thousand, with progress and figures."""

import asyncio
import json
import multiprocessing
import random
import tempfile
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from inspect import cleandoc
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from migrations import run as migrations
from tests.partner_api.furnished import Scene, make_file
from tests.probe.campaign import Figures, one_round
from tests.probe.stage import in_memory

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
FINDINGS = Path("probe-findings.json")


@app.command(
    help=cleandoc(
        """Send generated requests to every route of the partner API and judge each answer.

        Good and bad cases are made from the OpenAPI document. Each is sent with a live and with a
        test key, as it was made and about objects that there are: the caller's own, and another
        partner's. No answer may be a 5xx, or one that the document does not describe, or hold
        anything of another partner; after each round, which has a platform of its own, the
        doctor has to find nothing.

        The same seed makes the same rounds. What is found is printed, and written to
        [bold]probe-findings.json[/bold]. Exit code 1 if there is any.

        [bold]Examples[/bold]

          make probe                              a hundred thousand requests

          make probe CASES=5000                   a first look

          make probe ARGS="--seed 42 --first 7"   go on where an earlier run ended
        """
    )
)
def main(
    *,
    cases: Annotated[int, typer.Option(min=1, help="Requests, at least.")] = 100_000,
    seed: Annotated[str | None, typer.Option(help="Any text; a new one if left out.")] = None,
    first: Annotated[int, typer.Option(min=0, help="Number of the first round.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
) -> None:
    console = Console()
    seed = seed or f"{random.SystemRandom().randrange(1 << 32):x}"
    console.print(f"Seed {seed}")
    with tempfile.TemporaryDirectory(prefix="voltgate-probe-", dir=in_memory()) as directory:
        template, scene = _furnish(Path(directory))
        figures, following = _run(
            console, template, scene, seed=seed, count=cases, first=first, workers=workers
        )
    console.print(_summary(figures))
    console.print(f'Go on with [bold]make probe ARGS="--seed {seed} --first {following}"[/bold]')
    for wrong in figures.wrong:
        console.print(f"[red]{escape(wrong['what'])}[/red]")
        for name in ("request", "body", "answer", "round"):
            console.print(f"  {name}: {escape(wrong.get(name, '-'))}")
    if figures.wrong:
        FINDINGS.write_text(json.dumps(figures.wrong, indent=2))
        raise typer.Exit(1)


def _furnish(directory: Path) -> tuple[Path, Scene]:
    empty, template = directory / "empty.db", directory / "furnished.db"
    asyncio.run(migrations.upgrade(f"sqlite:///{empty}"))
    return template, asyncio.run(make_file(empty, template))


def _run(
    console: Console,
    template: Path,
    scene: Scene,
    *,
    seed: str,
    count: int,
    first: int,
    workers: int,
) -> tuple[Figures, int]:
    """Run rounds until there were *count* requests; return figures and the next round."""
    figures, number = Figures(), first
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]} a second"))
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(workers, mp_context=context) as pool,
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
    ):
        task = progress.add_task("", total=count, rate="-")
        under_way: set[Future[Figures]] = set()
        try:
            while True:
                while len(under_way) < workers and figures.requests < count:
                    under_way.add(pool.submit(one_round, template, scene, seed, number))
                    number += 1
                if not under_way:
                    break
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for one in done:
                    figures.add(one.result())
                elapsed_s = progress.tasks[0].elapsed or 0.001
                rate = f"{figures.requests / elapsed_s:,.0f}"
                progress.update(task, completed=min(figures.requests, count), rate=rate)
        except KeyboardInterrupt:  # what was seen so far counts
            pool.shutdown(wait=False, cancel_futures=True)
    return figures, number


def _summary(figures: Figures) -> Table:
    table = Table(title=f"{figures.requests:,} requests")
    table.add_column("Answer")
    table.add_column("Count", justify="right")
    for status, count in sorted(figures.answers.items()):
        table.add_row(str(status), f"{count:,}")
    table.add_row("generated cases", f"{figures.cases:,}")
    table.add_row("operations", str(len(figures.routes)))
    table.add_row("wrong", str(len(figures.wrong)))
    table.add_row("CPU, ms a request", f"{figures.cpu_s / max(1, figures.requests) * 1000:.1f}")
    return table


if __name__ == "__main__":
    app()
