"""``python -m tests.fuzz``: odd frames at both versions, with progress and figures."""

import asyncio
import json
import multiprocessing
import queue
import random
import tempfile
from inspect import cleandoc
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from csms.codes import Version
from migrations import run as migrations
from tests.fuzz.campaign import Figures, Wrong, in_memory
from tests.fuzz.worker import work

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
VERSIONS: tuple[Version, ...] = ("1.6", "2.0.1")
MAX_GROWTH = 0.05


@app.command(
    help=cleandoc(
        """Send odd frames to a real server and judge every answer.

        Valid payloads made from the official schemas are changed in their members, their texts in
        shape; answers to the server's own calls are nonsense, too. Nine chunks of ten go to the
        server's functions, one over its socket. Each readable CALL has to get one answer with its
        id and a right code; no error may be logged; a second charger has to be served as ever;
        the invariants have to hold, and PostgreSQL has to be able to store all that was; resident
        memory may grow by 5 % after the first 100,000 frames.

        The same seed makes the same frames. What is found is printed with the smallest frame that
        still shows it, and written to [bold]fuzz-findings.json[/bold]. Exit code 1 if there is any.

        [bold]Examples[/bold]

          make fuzz                          a million frames of each version

          make fuzz FRAMES=50000             a first look

          make fuzz ARGS="--only 1.6 --seed 42"
        """
    )
)
def main(
    *,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each version.")] = 1_000_000,
    seed: Annotated[str | None, typer.Option(help="Any text; a new one if left out.")] = None,
    only: Annotated[str | None, typer.Option(help="One version: 1.6 or 2.0.1.")] = None,
) -> None:
    console = Console()
    if only not in (None, *VERSIONS):
        raise typer.BadParameter("1.6 or 2.0.1", param_hint="--only")
    versions = VERSIONS if only is None else (only,)
    seed = seed or f"{random.SystemRandom().randrange(1 << 32):x}"
    console.print(f"Seed {seed}")
    with tempfile.TemporaryDirectory(prefix="voltgate-fuzz-", dir=in_memory()) as directory:
        template = Path(directory) / "empty.db"
        asyncio.run(migrations.upgrade(f"sqlite:///{template}"))
        figures = _run(console, template, versions, seed=seed, count=frames)
    console.print(_summary(figures))
    if not _is_good(console, figures):
        raise typer.Exit(1)


def _run(
    console: Console, template: Path, versions: tuple[Version, ...], *, seed: str, count: int
) -> dict[Version, Figures]:
    """Run each version in a process of its own; return their figures."""
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[tuple[Version, Figures]] = context.Queue()
    found: dict[Version, Figures] = {}
    workers = [
        context.Process(target=work, args=(template, version, seed, count, told), daemon=True)
        for version in versions
    ]
    columns = (
        TextColumn("OCPP {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} frames/s"),
        TimeRemainingColumn(),
    )
    for worker in workers:
        worker.start()
    with Progress(*columns, console=console) as progress:
        tasks = {one: progress.add_task(one, total=count, rate="-") for one in versions}
        while any(worker.is_alive() for worker in workers) or not told.empty():
            try:
                version, figures = told.get(timeout=0.5)
            except queue.Empty:
                continue
            except KeyboardInterrupt:  # what was seen so far counts
                break
            found[version] = figures
            rate = f"{figures.frames / max(figures.seconds, 0.001):,.0f}"
            progress.update(tasks[version], completed=figures.frames, rate=rate)
    for version, worker in zip(versions, workers, strict=True):
        if worker.exitcode:
            why = f"its process ended with exit code {worker.exitcode}"
            found.setdefault(version, Figures()).wrong.append(Wrong(version, seed, "", why))
    return {version: found.get(version, Figures()) for version in versions}


def _summary(found: dict[Version, Figures]) -> Table:
    table = Table(title="Answers")
    table.add_column("")
    names = sorted({name for figures in found.values() for name in figures.answers})
    for version in found:
        table.add_column(f"OCPP {version}", justify="right")
    for name in names:
        table.add_row(name, *(f"{one.answers[name]:,}" for one in found.values()))
    table.add_section()
    table.add_row("frames", *(f"{one.frames:,}" for one in found.values()))
    rates = [f"{one.frames / max(one.seconds, 0.001):,.0f}" for one in found.values()]
    table.add_row("frames/s", *rates)
    table.add_row("memory when warm, MiB", *(f"{one.warm_mib or 0:.1f}" for one in found.values()))
    table.add_row("memory at most, MiB", *(f"{one.most_mib:.1f}" for one in found.values()))
    return table


def _is_good(console: Console, found: dict[Version, Figures]) -> bool:
    wrong = [one for figures in found.values() for one in figures.wrong]
    for one in wrong:
        console.print(f"[red]{escape(str(one))}[/red]")
    if wrong:
        findings = [[one.version, one.where, one.why, str(one.text)] for one in wrong]
        Path("fuzz-findings.json").write_text(json.dumps(findings, indent=1))
    grown = [version for version, figures in found.items() if figures.growth > MAX_GROWTH]
    for version in grown:
        console.print(f"[red]OCPP {version}: memory grew by {found[version].growth:.1%}.[/red]")
    return not wrong and not grown


if __name__ == "__main__":
    app()
