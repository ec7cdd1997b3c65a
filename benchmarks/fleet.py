"""``python -m benchmarks.fleet``: thousands of chargers for a while, and a node that is killed.

They connect and boot, rest, and then do what chargers do (``habits.py``). The server's process is
killed in the midst of it and started again; the chargers come back by themselves. At the end every
answer that they were given is looked for in the database.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from benchmarks import databases, report
from benchmarks.budgets import FLEET, Measured
from benchmarks.charger import Charger, quiet
from benchmarks.databases import Backend
from benchmarks.habits import BackOff, Habits
from benchmarks.host import Host, hosting
from benchmarks.ledger import findings
from benchmarks.measuring import Figures, peak_rss, times_of
from benchmarks.mix import Fleet, Member, Record
from benchmarks.servers import (
    SPARE_FILES,
    WITH_FRAMES,
    Ready,
    ServerFailed,
    keep_off_the_servers,
    want_files,
)
from benchmarks.voltgate import new_event_loop

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

PER_ADDRESS: Final = 20_000
"""Chargers from one address of this machine: it has some 28,000 ports."""
SHOWN: Final = 10
SETTLE_S: Final = 2.0
LOOK_S: Final = 0.05
AWAY_WITHIN_S: Final = 300.0
WRONG: Final = ("join_errors", "errors", "errors_after", "lost", "doubled", "findings")
"""Figures that fail a run unless they are 0, each with its rows."""
_MB: Final = 1e6
_KB: Final = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many chargers do how much, for how long. *spread_s*: of their return, at random."""

    chargers: int
    minutes: float
    at_once: int
    idle_s: float
    after_s: float
    spread_s: float
    faster: float
    seed: int


async def run(plan: Plan, chosen: Backend, tell: Callable[[str], None]) -> dict[str, Any]:
    """Go through all of it on a new database; return its figures."""
    want_files(plan.chargers + SPARE_FILES)
    keep_off_the_servers()
    async with AsyncExitStack() as stack:
        names = [f"FLEET-{number}" for number in range(plan.chargers)]
        host = await stack.enter_async_context(hosting(WITH_FRAMES, chosen, chargers=names))
        tell(f"{plan.chargers} chargers are registered")
        ready = await host.prepare()
        fleet = make_fleet(plan, ready)
        stack.push_async_callback(fleet.leave)
        await asyncio.sleep(SETTLE_S)
        found = {
            **await _gather(plan, fleet, host, tell),
            **await _day(plan, fleet, host, tell),
            **await _killed(plan, fleet, host, tell),
        }
        tell("what was acknowledged is looked for")
        found |= await fleet.ledger.compare(host.order.database_url)
        tell("the doctor looks")
        wrong = await findings(host.order.database_url)
        said = host.warnings()
    return {**found, "findings": len(wrong), "findings_rows": wrong, "log": said}


def make_fleet(plan: Plan, ready: Ready) -> Fleet:
    """Return a fleet that is not connected yet."""
    fleet = Fleet(
        habits=Habits(faster=plan.faster),
        back_off=BackOff(minimum_s=plan.spread_s / 6, random_range_s=plan.spread_s),
        seed=plan.seed,
    )
    for number, identity in enumerate(ready.connectors):
        address = number // PER_ADDRESS + 1
        charger = Charger(
            ready.ocpp_url,
            identity,
            ready.password,
            address=None if address == 1 else f"127.0.0.{address}",
        )
        fleet.members.append(Member(charger, fleet))
    return fleet


async def _gather(
    plan: Plan, fleet: Fleet, host: Host, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Let all connect and boot, and rest."""
    tell("chargers connect and boot")
    before = host.rss()
    began = await host.clocks()
    await fleet.join(plan.at_once)
    ended = await host.clocks()
    tell("they report their connectors, and rest")
    await fleet.settled()
    await quiet([member.charger for member in fleet.members], for_s=1.0)
    settled_s = time.perf_counter() - began.at_s
    await asyncio.sleep(plan.idle_s)
    idle = host.rss()
    took_s = ended.at_s - began.at_s
    return {
        "booted_s": took_s,
        "booted_per_second": plan.chargers / took_s,
        "boot_cpu_ms": (ended.server_s - began.server_s + ended.database_s - began.database_s)
        / plan.chargers
        * 1000,
        "boot_generator_percent": (ended.own_s - began.own_s) / took_s * 100,
        "settled_s": settled_s,
        "empty_rss_mb": before / _MB,
        "idle_rss_mb": idle / _MB,
        "idle_kb": (idle - before) / plan.chargers / _KB,
        "join_errors": len(fleet.record.wrong),
        "join_errors_rows": _counted(fleet.record.wrong),
    }


async def _day(plan: Plan, fleet: Fleet, host: Host, tell: Callable[[str], None]) -> dict[str, Any]:
    """Let them live, and measure once a fifth of them charges. They live on afterwards."""
    fleet.record = Record(time.perf_counter())
    fleet.begin()
    fleet.own(fleet.run())
    tell("a fifth begins to charge")
    await asyncio.sleep(fleet.habits.ramp_s(plan.chargers) + SETTLE_S)
    tell(f"a day of {plan.minutes:g} minutes")
    before = fleet.record.wrong
    began = await host.clocks()
    fleet.record = Record(began.at_s)
    async with peak_rss(host.server.process) as peak:
        await asyncio.sleep(plan.minutes * 60)
    ended = await host.clocks()
    record, took_s = fleet.record, ended.at_s - began.at_s
    late_s = record.late_s + fleet.unanswered()
    wrong = before + record.wrong
    return {
        "messages": len(record.late_s),
        "per_second": len(record.late_s) / took_s,
        **times_of(late_s, percents=(50, 99, 99.9)),
        "max_ms": max(late_s, default=0.0) * 1000,
        "errors": len(wrong),
        "errors_rows": _counted(wrong),
        "server_percent": (ended.server_s - began.server_s) / took_s * 100,
        "database_percent": (ended.database_s - began.database_s) / took_s * 100,
        "generator_percent": (ended.own_s - began.own_s) / took_s * 100,
        "peak_rss_mb": peak() / _MB,
        "end_rss_mb": host.rss() / _MB,
    }


async def _killed(
    plan: Plan, fleet: Fleet, host: Host, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Kill the server while messages are on their way; wait until all is as it should be."""
    tell("the server is killed; the chargers come back")
    back = await kill(fleet, host)
    tell("they live on")
    async with peak_rss(host.server.process) as peak:
        await asyncio.sleep(plan.after_s)
    tell("they come to rest")
    fleet.rest()
    async with asyncio.timeout(AWAY_WITHIN_S):
        await fleet.settled()
    return {
        **back,
        "back_peak_rss_mb": peak() / _MB,
        "errors_after": len(fleet.record.wrong),
        "errors_after_rows": _counted(fleet.record.wrong),
    }


async def kill(fleet: Fleet, host: Host) -> Figures:
    """Kill the server and start it again at once; wait until it serves and everybody is back.

    What goes wrong from then on is in a new record of the fleet.
    """
    fleet.is_killed = True
    fleet.record = Record(time.perf_counter())
    fleet.tries = 0
    began_s, own_s = time.perf_counter(), time.process_time()
    outstanding = len(fleet.unanswered())
    await host.restart()
    serves_s = time.perf_counter() - began_s
    try:
        async with asyncio.timeout(AWAY_WITHIN_S):
            while fleet.away:  # noqa: ASYNC110 - nobody rings when the last one is back
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        fleet.record.wrong.append(f"{len(fleet.away)} chargers did not come back")
    back_s = time.perf_counter() - began_s
    own_percent = (time.process_time() - own_s) / back_s * 100
    fleet.is_killed = False
    return {
        "killed_with_unanswered": outstanding,
        "serves_s": serves_s,
        "back_s": back_s,
        "tries": fleet.tries,
        "back_generator_percent": own_percent,
    }


def _counted(wrong: Sequence[str]) -> list[str]:
    """Return what went wrong most often, and how often."""
    return [f"{times} x {what}" for what, times in Counter(wrong).most_common(SHOWN)]


@app.command()
def main(
    *,
    chargers: Annotated[int, typer.Option(min=1, help="Of OCPP 1.6, one connector each.")] = 10_000,
    minutes: Annotated[float, typer.Option(min=0, help="Of the measured mix.")] = 30,
    at_once: Annotated[int, typer.Option(min=1, help="Connect and boot at a time.")] = 500,
    idle: Annotated[float, typer.Option(min=0, help="Seconds of rest before the mix.")] = 10,
    after: Annotated[float, typer.Option(min=0, help="Seconds of mix once all are back.")] = 20,
    spread: Annotated[
        float, typer.Option(min=0, help="Seconds over which they come back; 0: all at once.")
    ] = 30,
    faster: Annotated[float, typer.Option(min=1, help="Everything so many times as often.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the chargers' chance.")] = 1,
    database: Annotated[
        str, typer.Option("--database", "-d", help="sqlite, postgresql or a postgresql:// URL.")
    ] = "sqlite",
    file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Record the run under benchmarks/results/.")
    ] = False,
) -> None:
    """Hold a fleet for a while, kill the server under it, and look whether anything is lost."""
    chosen = databases.backend(database)
    machine = report.this_machine()
    console = Console()
    plan = Plan(
        chargers=chargers,
        minutes=minutes,
        at_once=at_once,
        idle_s=idle,
        after_s=after,
        spread_s=spread,
        faster=faster,
        seed=seed,
    )

    async def measure() -> dict[str, Any]:
        name = await databases.version(chosen)
        with console.status("") as status:
            figures = await run(plan, chosen, status.update)
        return {"database": name, "settings": asdict(plan), "figures": figures}

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            found = runner.run(measure())
    except ServerFailed as exc:
        console.print(f"[red]The server did not start.[/red] {escape(str(exc))}")
        raise typer.Exit(1) from exc
    document = report.record("fleet", machine, found)
    _show(console, plan, document)
    for written in (file, report.file_of("fleet") if save else None):
        if written is not None:
            report.save([document], written)
            console.print(f"Written: {written}")
    if any(found["figures"][kind] for kind in WRONG):
        raise typer.Exit(1)


def _show(console: Console, plan: Plan, document: dict[str, Any]) -> None:
    figures = document["figures"]
    last = report.last_of("fleet", document, alike=("chargers", "minutes", "faster", "spread_s"))
    measured: dict[tuple[str, str], Figures] = {("fleet", "voltgate"): figures}
    if last is not None:
        measured["fleet", "reference"] = last["figures"]
    title = f"{document['database']}, {plan.chargers} chargers, {plan.minutes:g} minutes of mix"
    shown: Measured = measured
    console.print(report.table(title, shown, rows=FLEET, beside="last recorded"))
    console.print(
        f"{figures['acknowledged']} acknowledged: {figures['starts']} starts, "
        f"{figures['stops']} stops, {figures['readings']} readings"
    )
    for event, times in figures["log"].items():
        console.print(f"[yellow]the server's log: {times} x {event}[/yellow]")
    for kind in WRONG:
        for line in figures[f"{kind}_rows"]:
            console.print(f"[red]{kind}: {escape(line)}[/red]")


if __name__ == "__main__":
    app()
