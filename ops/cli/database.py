"""``migrate`` and ``doctor``."""

import asyncio

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy.exc import SQLAlchemyError

from core.doctor import service as doctor
from migrations import run as migrations
from ops.cli.output import FAILED, err, fail, out, print_json, print_rows, say
from ops.cli.running import Opened, load_settings, quiet_logs, revision_of, run, unreachable


def migrate(*, check: bool) -> None:
    """Apply what is missing; with *check*, exit with code 1 instead."""
    settings = load_settings()
    quiet_logs(settings)
    head = migrations.head()
    if check:
        current = asyncio.run(revision_of(settings))
        if current != head:
            raise fail(
                f"The database is at {current}, this version needs {head}.",
                then="Run: voltgate migrate",
            )
        out().print(f"The database is up to date ({head}).")
        return
    try:
        before, after = asyncio.run(migrations.upgrade(settings.database_url))
    except (SQLAlchemyError, OSError) as exc:
        raise unreachable(settings) from exc
    if before == after:
        out().print(f"The database was up to date ({after}).")
    else:
        out().print(f"The database went from {before or 'nothing'} to {after}.")


def examine(*, json: bool) -> None:
    """Print what breaks an invariant; exit with code 1 if anything does."""

    async def look(opened: Opened) -> list[doctor.Finding]:
        if not err().is_terminal:
            return await doctor.examine_whole(opened.db)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=err(), transient=True) as progress:
            task = progress.add_task("Checks", total=len(doctor.CHECKS))

            def told(title: str, ended: int, count: int) -> None:
                progress.update(task, description=title[:60], completed=ended, total=count)

            return await doctor.examine_whole(opened.db, told=told)

    findings = run(look)
    if json:
        print_json([doctor.finding_view(finding) for finding in findings])
    elif not findings:
        out().print(f"[green]All {len(doctor.CHECKS)} checks hold.[/green]")
    for finding in () if json else findings:
        say(f"[bold red]{finding.invariant}[/bold red] does not hold: {escape(finding.title)}")
        print_rows(finding.invariant, list(finding.rows[0]), finding.rows)
        say(escape(finding.advice))
    if findings:
        raise typer.Exit(FAILED)
