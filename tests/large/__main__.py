"""``python -m tests.large``: ten million rows, and the plan of everything that is run on them."""

import asyncio
import logging
import time
from datetime import timedelta
from inspect import cleandoc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from core.doctor.service import examine_whole
from core.kernel.clock import SystemClock
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import FixedSettings, Settings
from migrations import run as migrations
from tests.large.drive import drive
from tests.large.fill import STEPS, Size, fill
from tests.large.judging import findings
from tests.large.plans import Plans
from tests.large.sizes import Weight, weights

DATABASE = "voltgate_large"
SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(
    help=cleandoc(
        """Fill a PostgreSQL database with ten million rows and take the plan of every statement.

        It makes (anew) the database [bold]voltgate_large[/bold], charges on it in both versions,
        asks every list and object of both APIs with every filter, runs every job, and explains
        each statement where it is run, with its own values. One that reads more than a bounded
        number of rows fails. Then come the doctor, and how large everything is.

        Some 15 minutes and 8 GB for ten million rows on two cores. Exit code 1 if anything was
        found.

        [bold]Examples[/bold]

          make plans                                  ten million rows

          make plans ROWS=1000000                     a first look

          make plans ARGS="--keep --server postgresql://me@db/postgres"
        """
    )
)
def main(
    *,
    rows: Annotated[int, typer.Option(min=10_000, help="Rows, about.")] = 10_000_000,
    server: Annotated[str, typer.Option(help="Where databases may be made.")] = SERVER,
    filled: Annotated[bool, typer.Option(help="Use what an earlier run kept.")] = False,
    keep: Annotated[bool, typer.Option(help="Keep the database.")] = False,
    slowest: Annotated[int, typer.Option(help="Statements to show.")] = 15,
) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console = Console()
    parts = urlsplit(server)
    url = urlunsplit(parts._replace(path=f"/{DATABASE}"))
    failed = False
    try:
        if not filled:
            _fill(console, server, url, Size(rows=rows))
        with TemporaryDirectory(prefix="voltgate-large-") as directory:
            settings = settings_for(url, Path(directory))
            failed = asyncio.run(_plans(console, settings, slowest))
            failed |= asyncio.run(_doctor(console, settings))
        console.print(_table(asyncio.run(weights(url))))
    finally:
        if not (keep or filled):
            asyncio.run(_on_server(server, f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)'))
    raise typer.Exit(1 if failed else 0)


def settings_for(url: str, directory: Path) -> Settings:
    """Return settings under which a platform serves a database to this process alone."""
    return FixedSettings(
        database_url=url,
        database_pool_size=5,
        node_id="node-a",
        api_port=0,
        operator_port=0,
        ocpp_port=0,
        webhook_allow_insecure=True,
        status_interval=timedelta(milliseconds=200),
        document_directory=directory / "documents",
        picture_directory=directory / "pictures",
        requests_per_minute=1_000_000,
    )


def _fill(console: Console, server: str, url: str, size: Size) -> None:
    asyncio.run(_on_server(server, f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)'))
    asyncio.run(_on_server(server, f'CREATE DATABASE "{DATABASE}"'))
    asyncio.run(migrations.upgrade(url))
    began = time.monotonic()
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console) as progress:
        task = progress.add_task("", total=len(STEPS))

        def told(title: str, number: int, count: int) -> None:
            progress.update(task, description=f"{title:28}", completed=number, total=count)

        written = asyncio.run(fill(url, size, told=told))
        progress.update(task, description="filled", completed=len(STEPS))
    console.print(f"{sum(written.values()):,} rows in {time.monotonic() - began:.0f} s")


async def _on_server(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _plans(console: Console, settings: Settings, slowest: int) -> bool:
    plans = Plans()
    wrong = await drive(
        settings, SystemClock(), plans, told=lambda text: console.print(f"  {text}")
    )
    sizes = {weight.table: weight.rows for weight in await weights(settings.database_url)}
    found = list(findings(plans, sizes=sizes))
    console.print(f"{len(plans.worst)} statements, {len(found)} of them read too much")
    table = Table("Slowest", "ms", "rows", "pages")
    mine = [plan for plan in plans.worst.values() if not plan.where.startswith("core.doctor")]
    for plan in sorted(mine, key=lambda plan: -plan.duration_ms)[:slowest]:
        figures = (f"{plan.duration_ms:.1f}", f"{plan.rows:,}", f"{plan.blocks:,}")
        table.add_row(plan.where, *figures)
    console.print(table)
    for plan, what in found:
        console.print(f"[red]{plan.where} {what}[/red] ({plan.blocks:,} pages)", soft_wrap=True)
        console.print(f"  {' '.join(plan.sql.split())[:1500]}", markup=False, soft_wrap=True)
    for text in wrong:
        console.print(text, style="red", markup=False)
    return bool(found or wrong)


async def _doctor(console: Console, settings: Settings) -> bool:
    began = time.monotonic()
    async with Database(
        settings.database_url, doorbell=MemoryDoorbell(), clock=SystemClock()
    ) as db:
        found = await examine_whole(db)
    console.print(f"doctor: {len(found)} findings in {time.monotonic() - began:.1f} s")
    for finding in found:
        console.print(f"{finding.invariant} {finding.title}: {finding.rows[:3]}", markup=False)
    return bool(found)


def _table(found: list[Weight]) -> Table:
    table = Table("Table", "rows", "bytes a row", "of them indexes", "MB in all")
    for weight in found:
        a_row = (f"{weight.bytes_a_row:.0f}", f"{weight.index_bytes_a_row:.0f}")
        table.add_row(weight.table, f"{weight.rows:,}", *a_row, f"{weight.bytes / 1e6:,.1f}")
    return table


if __name__ == "__main__":
    app()
