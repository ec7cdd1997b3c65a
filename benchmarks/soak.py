"""``python -m benchmarks.soak``: a fleet and a partner for hours, and what grows meanwhile."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from benchmarks import databases, report
from benchmarks.charger import Charger, quiet
from benchmarks.databases import Backend
from benchmarks.habits import BackOff, Habits
from benchmarks.ledger import findings
from benchmarks.mix import Fleet, Member
from benchmarks.servers import (
    WITH_FRAMES,
    Order,
    Ready,
    Server,
    ServerFailed,
    cores,
    keep_off_the_servers,
    log_file,
)
from benchmarks.slopes import Slope, slopes
from benchmarks.voltgate import new_event_loop
from benchmarks.wire import ApiClient, receiving

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

EVERY: Final = 4
"""One charger of so many belongs to the partner: it starts and stops there by the API."""
AT_ONCE: Final = 50
SAMPLES: Final = 240
SETTLE_WITHIN_S: Final = 120.0
_ACCEPT: Final = '{"status":"Accepted"}'
_ACCEPTED: Final = 202
_MB: Final = 1e6
_DEAD: Final = "SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables"
_SIZES: Final = (
    "SELECT coalesce(sum(pg_table_size(relid)), 0)::bigint, "
    "coalesce(sum(pg_indexes_size(relid)), 0)::bigint FROM pg_stat_user_tables"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many chargers, for how long, how much faster than a real fleet."""

    chargers: int
    minutes: float
    faster: float
    seed: int


class Guest(Member):
    """A charger whose transactions the partner begins and ends."""

    api: ApiClient
    turn: asyncio.Lock
    connector: str
    asked: str | None = None

    def serve(self, api: ApiClient, turn: asyncio.Lock, connector: str) -> None:
        """Do what the partner asks for."""
        self.api, self.turn, self.connector = api, turn, connector
        self.charger.answers = {
            "GetConfiguration": '{"configurationKey":[],"unknownKey":[]}',
            "RemoteStartTransaction": _ACCEPT,
        }
        self.charger.on_call = self._called

    def begin(self, due_s: float, for_s: float) -> None:
        """Let the partner start; it stops *for_s* seconds later."""
        self.fleet.own(self._start())
        self.fleet.later(due_s + for_s, self.unplug)

    def unplug(self, due_s: float) -> None:
        """Let the partner stop."""
        if self.asked is not None:
            self.fleet.own(self._stop(self.asked))

    async def _start(self) -> None:
        request = secrets.token_hex(16)
        body = {"request_id": request, "connector_id": self.connector}
        async with self.turn:
            status, answer = await self.api.request("POST", "/v1/start_charge", body)
        if status == _ACCEPTED:
            self.asked = request
        else:
            self.fleet.record.wrong.append(f"start_charge: {status} {answer['code']}")

    async def _stop(self, request: str) -> None:
        body = {"request_id": secrets.token_hex(16), "start_request_id": request}
        self.asked = None
        async with self.turn:
            status, answer = await self.api.request("POST", "/v1/stop_charge", body)
        if status != _ACCEPTED:
            self.fleet.record.wrong.append(f"stop_charge: {status} {answer['code']}")

    def _called(self, action: str, payload: Any) -> None:
        now_s = time.perf_counter()
        if action == "RemoteStartTransaction":
            self.token = payload["idTag"]
            self.shows("Preparing", now_s, follows=False)
            self.start(now_s)
        elif action == "RemoteStopTransaction":
            self.stop(now_s)


async def run(plan: Plan, chosen: Backend, tell: Callable[[float, str], None]) -> dict[str, Any]:
    """Soak on a new database; return samples, slopes and what went wrong.

    *tell* is told which part of the time has passed.
    """
    keep_off_the_servers()
    heard = 0

    def deliver(_: bytes) -> None:
        nonlocal heard
        heard += 1

    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(databases.temporary_database(chosen))
        log = stack.enter_context(log_file(chosen, WITH_FRAMES))
        server = await stack.enter_async_context(Server(WITH_FRAMES))
        tell(0, "chargers are registered")
        ready = await server.start(
            Order(
                database_url=url,
                chargers=[f"SOAK-{number}" for number in range(plan.chargers)],
                connectors=1,
                frame_log=True,
                log=log,
                core=cores()[0],
            )
        )
        receiver = await stack.enter_async_context(receiving(deliver))
        fleet = await stack.enter_async_context(_living(plan, ready, receiver))
        samples = []
        began_s, lasts_s = time.perf_counter(), plan.minutes * 60
        while (at_s := time.perf_counter() - began_s) < lasts_s:
            tell(at_s / lasts_s, f"{len(fleet.ledger.starts)} transactions, {heard} webhooks")
            samples.append({"at_s": at_s, **await _sample(server, url, chosen)})
            await asyncio.sleep(lasts_s / SAMPLES)
        tell(1, "all come to rest")
        fleet.rest()
        async with asyncio.timeout(SETTLE_WITHIN_S):
            await fleet.settled()
        found = await fleet.ledger.compare(url)
        wrong = await findings(url)
    return {
        **found,
        "webhooks": heard,
        "errors": len(fleet.record.wrong),
        "errors_rows": sorted(set(fleet.record.wrong)),
        "findings": len(wrong),
        "findings_rows": wrong,
        "samples": samples,
    }


@asynccontextmanager
async def _living(plan: Plan, ready: Ready, receiver: str) -> AsyncIterator[Fleet]:
    """Let chargers and their partner live until the block is left."""
    habits = Habits(faster=plan.faster)
    fleet = Fleet(habits=habits, back_off=BackOff(), seed=plan.seed)
    async with ApiClient(ready.api_url, ready.api_key) as api:
        turn = asyncio.Lock()
        body = {"url": receiver, "event_types": ["*"]}
        await api.must("POST", "/v1/webhook_endpoints", body)
        for number, (identity, (connector,)) in enumerate(ready.connectors.items()):
            charger = Charger(ready.ocpp_url, identity, ready.password)
            if number % EVERY:
                fleet.members.append(Member(charger, fleet))
            else:
                guest = Guest(charger, fleet)
                guest.serve(api, turn, connector)
                fleet.members.append(guest)
        try:
            await fleet.join(AT_ONCE)
            await fleet.settled()
            await quiet([member.charger for member in fleet.members])
            fleet.begin()
            fleet.own(fleet.run())
            yield fleet
        finally:
            await fleet.leave()


async def _sample(server: Server, url: str, chosen: Backend) -> dict[str, float]:
    """Look at the server and its database."""
    process = server.process
    sample = {
        "rss_mb": process.memory_info().rss / _MB,
        "tasks": float(await server.tasks()),
        "descriptors": float(process.num_fds()),
    }
    if chosen.is_postgres:
        [(dead,)] = await databases.rows(url, _DEAD)
        [(tables, indexes)] = await databases.rows(url, _SIZES)
        return sample | {
            "dead_rows": float(dead),
            "tables_mb": tables / _MB,
            "indexes_mb": indexes / _MB,
        }
    return sample | _of_file(Path(urlsplit(url).path.removeprefix("/")))


def _of_file(file: Path) -> dict[str, float]:
    wal = file.with_name(f"{file.name}-wal")
    return {
        "file_mb": file.stat().st_size / _MB,
        "wal_mb": (wal.stat().st_size if wal.exists() else 0) / _MB,
    }


@app.command()
def main(
    *,
    hours: Annotated[float, typer.Option(min=0, help="How long.")] = 1,
    minutes: Annotated[float | None, typer.Option(min=0, help="Instead of hours.")] = None,
    chargers: Annotated[int, typer.Option(min=1, help="A quarter is the partner's.")] = 200,
    faster: Annotated[float, typer.Option(min=1, help="Than a real fleet.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the chargers' chance.")] = 1,
    database: Annotated[
        str, typer.Option("--database", "-d", help="sqlite, postgresql or a postgresql:// URL.")
    ] = "sqlite",
    file: Annotated[
        Path | None, typer.Option("--json", help="Write samples and slopes to this file.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Record the run under benchmarks/results/.")
    ] = False,
) -> None:
    """Let a fleet and a partner live for hours; fail if memory, tasks or descriptors grow."""
    chosen = databases.backend(database)
    machine = report.this_machine()
    lasts = hours * 60 if minutes is None else minutes
    plan = Plan(chargers=chargers, minutes=lasts, faster=faster, seed=seed)
    console = Console()

    async def measure() -> dict[str, Any]:
        name = await databases.version(chosen)
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("soak", total=1.0)
            figures = await run(
                plan,
                chosen,
                lambda part, what: progress.update(task, completed=part, description=what),
            )
        return {"database": name, "settings": asdict(plan), "figures": figures}

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            found = runner.run(measure())
    except ServerFailed as exc:
        console.print(f"[red]The server did not start.[/red] {escape(str(exc))}")
        raise typer.Exit(1) from exc
    figures = found["figures"]
    grown = slopes(figures["samples"])
    _show(console, found["database"], figures, grown)
    found["slopes"] = [
        {"figure": one.bound.figure, "per_hour": one.per_hour, "leaks": one.leaks} for one in grown
    ]
    document = report.record("soak", machine, found)
    for written in (file, report.file_of("soak") if save else None):
        if written is not None:
            report.save([document], written)
            console.print(f"Written: {written}")
    is_wrong = any(figures[kind] for kind in ("errors", "lost", "doubled", "findings"))
    if is_wrong or any(one.leaks for one in grown):
        raise typer.Exit(1)


def _show(console: Console, database: str, figures: dict[str, Any], grown: list[Slope]) -> None:
    console.print(
        f"{database}: {figures['starts']} starts, {figures['stops']} stops, "
        f"{figures['readings']} readings, {figures['webhooks']} webhooks"
    )
    for one in grown:
        colour, verdict = ("red", "grows") if one.leaks else ("green", "holds")
        console.print(
            f"[{colour}]{one.bound.label:<34} {one.per_hour:>+12,.1f} an hour, "
            f"{one.bound.per_hour:,.0f} allowed: {verdict}[/{colour}]"
        )
    last = figures["samples"][-1] if figures["samples"] else {}
    console.print(", ".join(f"{name} {value:,.1f}" for name, value in last.items()))
    for kind in ("errors", "lost", "doubled", "findings"):
        for line in figures[f"{kind}_rows"]:
            console.print(f"[red]{kind}: {escape(line)}[/red]")


if __name__ == "__main__":
    app()
