"""``python -m tests.simulation``: many seeds, or one with its trace."""

import contextlib
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.fuzz.campaign import in_memory
from tests.simulation.report import report
from tests.simulation.run import run
from tests.simulation.template import make
from tests.simulation.worker import Short, one, prepare

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
REPORTS_SHOWN = 3
CHUNK = 5


@app.command(
    help=cleandoc(
        """Run the platform in a simulated world, once for each seed.

        A seed decides everything: how many nodes there are, what chargers, drivers and partners
        do, what breaks and when. Time is a number and the network is memory, so a run of half a
        minute takes less than a second, and the same seed does the same again, in every process.
        After each run the invariants are checked. Exit code 1 if a seed fails; 130 if stopped
        by Ctrl-C, with what was counted until then.

        [bold]Examples[/bold]

          make simulate                      a thousand seeds

          make simulate SEEDS=10000          more of them

          make simulate SEED=4711            one again, with everything that happens

          make simulate ARGS="--first 5000 --workers 8"
        """
    )
)
def main(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    first: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Only this one, with its trace.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    console = Console()
    if seed is not None:
        _replay(seed)
        return
    started_s = time.monotonic()
    figures: Counter[str] = Counter()
    failed: list[tuple[int, str]] = []
    virtual_s = 0.0
    columns = (
        TextColumn("seeds"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeRemainingColumn(),
    )
    done = 0
    with contextlib.suppress(KeyboardInterrupt), Progress(*columns, console=console) as progress:
        task = progress.add_task("seeds", total=seeds, failed=0)
        for number, told, counted, lasted_s in _all(range(first, first + seeds), workers):
            figures.update(counted)
            virtual_s += lasted_s
            if told is not None:
                failed.append((number, told))
                if len(failed) <= REPORTS_SHOWN:
                    console.print(escape(told), highlight=False)
            done += 1
            progress.update(task, advance=1, failed=len(failed))
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(figures.items()))
    took_s = time.monotonic() - started_s
    console.print(
        f"{done - len(failed):,} of {done:,} seeds passed in {took_s:,.0f} s "
        f"({virtual_s / 3600:,.1f} simulated hours): {counts}"
    )
    if failed:
        numbers = " ".join(str(number) for number, _ in sorted(failed))
        console.print(f"[red]Failed: {numbers}[/red]")
        raise typer.Exit(1)
    if done < seeds:
        console.print(f"Stopped; {seeds - done:,} seeds were not run.")
        raise typer.Exit(130)


def _replay(seed: int) -> None:
    """Run one seed and print each line of its trace as it happens."""
    with tempfile.TemporaryDirectory(prefix="voltgate-simulation-", dir=in_memory()) as directory:
        template = make(Path(directory))
        verdict = run(seed, template, directory=Path(directory), on_line=print)
    print()  # noqa: T201 - a command
    if verdict.violations:
        print(report(verdict, lines=0))  # noqa: T201
        raise typer.Exit(1)
    print(f"Seed {seed} passed. Digest of its trace: {verdict.trace.digest()}")  # noqa: T201


def _all(seeds: range, workers: int) -> Iterator[Short]:
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="voltgate-simulation-", dir=in_memory()) as directory,
        context.Pool(workers, initializer=prepare, initargs=(directory,)) as pool,
    ):
        yield from pool.imap_unordered(one, seeds, chunksize=CHUNK)


if __name__ == "__main__":
    app()
