"""``python -m benchmarks.webhooks``: a million webhooks, bad receivers, a node that is killed.

Chargers begin and end transactions; each is three events, and each event goes to every endpoint of
its partner. The receiver answers some attempts with 500 and some never. The server's process is
killed again and again meanwhile. At the end every event must have been taken by every endpoint,
and hardly any may have been sent again after it had been taken.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks import databases, report
from benchmarks.arrivals import TYPES, Kill, judge, waiting
from benchmarks.budgets import WEBHOOKS, Measured, verdict
from benchmarks.charger import Charger
from benchmarks.databases import Backend
from benchmarks.frames import token_of
from benchmarks.habits import BackOff, Habits
from benchmarks.host import Host, hosting
from benchmarks.ledger import findings
from benchmarks.measuring import Figures
from benchmarks.mix import Fleet, Member
from benchmarks.receipts import Chance, Receiver, Totals
from benchmarks.servers import WITH_FRAMES, Ready, ServerFailed, keep_off_the_servers
from benchmarks.voltgate import new_event_loop
from benchmarks.wire import ApiClient
from core.webhooks.endpoints import MAX_ENDPOINTS
from core.webhooks.schedule import DELAYS, JITTER

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

CHARGERS: Final = 20
AHEAD: Final = 10_000
"""Webhooks that may wait to be taken before chargers go on."""
LOOK_S: Final = 0.05
SLACK_S: Final = 120.0
"""Beyond the longest wait of the schedule: when nothing has come for so long, nothing will."""

WRONG: Final = ("errors", "lost", "undelivered", "transactions_lost", "findings")
"""Figures that fail a run unless they are 0, each with its rows."""

Tell = Callable[[int, str], None]
"""Told how many webhooks have been taken, and what is going on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many webhooks, what goes wrong, and how patient the platform is.

    *rate*: webhooks a second that come into being; ``None``: as fast as they are taken.
    """

    webhooks: int
    endpoints: int
    kills: int
    errors: float
    timeouts: float
    rate: float | None
    webhook_timeout_s: float
    retry_after_s: float
    seed: int

    @property
    def partners(self) -> int:
        """How many it takes: one may have 20 endpoints."""
        return -(-self.endpoints // MAX_ENDPOINTS)

    @property
    def longest_silence_s(self) -> float:
        """For how long there may be no attempt although something waits for one."""
        waits = max(DELAYS) / DELAYS[0] * self.retry_after_s * (1 + JITTER)
        return waits + self.webhook_timeout_s + SLACK_S

    def endpoints_of(self, partner: int) -> Sequence[int]:
        """Return the numbers of a partner's endpoints."""
        return range(partner, self.endpoints, self.partners)

    def moments(self) -> list[int]:
        """Return how many webhooks are taken when the server is killed: one in each equal part."""
        rng = random.Random(self.seed)  # noqa: S311 - moments of a trial, not a secret
        return [
            int((part + rng.random()) * self.webhooks / self.kills) for part in range(self.kills)
        ]


class Source(Member):
    """A charger that does nothing but begin and end transactions."""

    def shows(self, status: str, due_s: float, *, follows: bool = True) -> None:
        """Say nothing: statuses are no part of this."""

    @property
    def is_free(self) -> bool:
        """Whether it is there and all that it said is answered."""
        return self.is_up and not self.waiting

    def charge(self, partner: int) -> None:
        """Begin a transaction of a partner and end it."""
        now_s = time.perf_counter()
        self.token = token_of(partner)
        self.start(now_s)
        self.stop(now_s)


class Campaign:
    """What goes on between the chargers, the server and the receiver."""

    def __init__(
        self, plan: Plan, host: Host, sources: Sequence[Source], fleet: Fleet, receiver: Receiver
    ) -> None:
        self._plan = plan
        self._host = host
        self._sources = sources
        self._fleet = fleet
        self._receiver = receiver
        self._began_s = time.monotonic()
        self._transactions = 0
        self._made = 0
        self.kills: list[Kill] = []
        self.wrong: list[str] = []

    async def run(self, tell: Tell) -> Totals:
        """Go on until all is taken and written down, or nothing comes any more."""
        plan, moments = self._plan, self._plan.moments()
        heard, heard_s = 0, time.monotonic()
        while True:
            totals = await self._receiver.totals()
            tell(totals.taken, f"kill {len(self.kills)} of {plan.kills}")
            if totals.attempts > heard:
                heard, heard_s = totals.attempts, time.monotonic()
            self._feed(totals.taken)
            if not self._fleet.away:
                self._fleet.is_killed = False
            if len(self.kills) < plan.kills and totals.taken >= moments[len(self.kills)]:
                await self._kill(totals.taken)
            elif self._made >= plan.webhooks and totals.taken >= self._made:
                if not await waiting(self._host.order.database_url):
                    return await self._receiver.totals()
            elif time.monotonic() - heard_s > plan.longest_silence_s:
                self.wrong.append(f"no attempt for {plan.longest_silence_s:.0f} s: given up")
                return totals
            await asyncio.sleep(LOOK_S)

    def _feed(self, taken: int) -> None:
        """Let chargers that are free begin, while not too much waits."""
        limit = min(taken + AHEAD, self._plan.webhooks)
        if self._plan.rate is not None:
            limit = min(limit, int(self._plan.rate * (time.monotonic() - self._began_s)))
        for source in self._sources:
            if self._made >= limit:
                return
            if source.is_free:
                partner = self._transactions % self._plan.partners
                source.charge(partner)
                self._transactions += 1
                self._made += len(TYPES) * len(self._plan.endpoints_of(partner))

    async def _kill(self, taken: int) -> None:
        self._fleet.is_killed = True
        at_s = time.monotonic()
        await self._host.restart()
        self.kills.append(Kill(taken=taken, at_s=at_s, served_s=time.monotonic()))


async def run(plan: Plan, chosen: Backend, tell: Tell) -> dict[str, Any]:
    """Go through all of it on a new database; return its figures."""
    keep_off_the_servers()
    chance = Chance(seed=plan.seed, errors_percent=plan.errors, timeouts_percent=plan.timeouts)
    patience = {
        "webhook_timeout": timedelta(seconds=plan.webhook_timeout_s),
        "webhook_retry_after": timedelta(seconds=plan.retry_after_s),
    }
    async with AsyncExitStack() as stack:
        tell(0, "the server starts")
        host = await stack.enter_async_context(
            hosting(
                WITH_FRAMES,
                chosen,
                chargers=[f"SOURCE-{number}" for number in range(CHARGERS)],
                partners=plan.partners,
                settings=patience,
            )
        )
        ready = await host.prepare()
        receiver = await stack.enter_async_context(
            Receiver(plan.endpoints, chance, partners=plan.partners)
        )
        await _subscribe(plan, ready, receiver.url)
        fleet = Fleet(
            habits=Habits(),
            back_off=BackOff(minimum_s=0.5, random_range_s=0.5),
            seed=plan.seed,
        )
        stack.push_async_callback(fleet.leave)
        fleet.rest()  # they do only what they are told
        sources = [
            Source(Charger(ready.ocpp_url, identity, ready.password), fleet)
            for identity in ready.connectors
        ]
        fleet.members.extend(sources)
        await fleet.join(CHARGERS)
        campaign = Campaign(plan, host, sources, fleet, receiver)
        began_s = time.monotonic()
        totals = await campaign.run(tell)
        took_s = time.monotonic() - began_s
        tell(totals.taken, "what came is compared")
        url = host.order.database_url
        ledger = await fleet.ledger.compare(url)
        found = await judge(url, fleet.ledger, await receiver.heard(), campaign.kills)
        tell(totals.taken, "the doctor looks")
        wrong = await findings(url)
        errors = campaign.wrong + fleet.record.wrong
        said = host.warnings()
    return {
        **found,
        **asdict(totals),
        "took_s": took_s,
        "per_second": totals.taken / took_s,
        "transactions": ledger["starts"],
        "transactions_lost": ledger["lost"] + ledger["doubled"],
        "transactions_lost_rows": ledger["lost_rows"] + ledger["doubled_rows"],
        "kills": [
            {"taken": kill.taken, "at_s": kill.at_s - began_s, "away_s": kill.served_s - kill.at_s}
            for kill in campaign.kills
        ],
        "errors": len(errors),
        "errors_rows": errors,
        "findings": len(wrong),
        "findings_rows": wrong,
        "log": said,
    }


async def _subscribe(plan: Plan, ready: Ready, url: str) -> None:
    """Make every partner's endpoints."""
    for partner, key in enumerate(ready.api_keys):
        async with ApiClient(ready.api_url, key) as api:
            for number in plan.endpoints_of(partner):
                body = {"url": f"{url}/{number}", "event_types": list(TYPES)}
                await api.must("POST", "/v1/webhook_endpoints", body)


@app.command()
def main(
    *,
    webhooks: Annotated[
        int, typer.Option(min=1, help="Events times the endpoints that get them; a few more.")
    ] = 1_000_000,
    kills: Annotated[
        int, typer.Option(min=0, help="Deaths of the server (SIGKILL), spread by chance.")
    ] = 20,
    errors: Annotated[
        float, typer.Option(min=0, max=50, help="Percent of attempts that are answered with 500.")
    ] = 10,
    timeouts: Annotated[
        float, typer.Option(min=0, max=50, help="Percent of attempts that are never answered.")
    ] = 5,
    endpoints: Annotated[
        int, typer.Option(min=1, help="Of all partners; a partner has 20 at most.")
    ] = 100,
    rate: Annotated[
        float | None,
        typer.Option(min=1, help="Webhooks a second that come into being.  [default: no limit]"),
    ] = None,
    webhook_timeout: Annotated[
        float, typer.Option(min=0.1, max=30, help="Seconds of an attempt.")
    ] = 2,
    retry_after: Annotated[
        float,
        typer.Option(
            min=0.01, max=60, help="Seconds until a second attempt; later ones in proportion."
        ),
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Of faults and kills.")] = 1,
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
    """Deliver webhooks to bad receivers from a node that is killed; none may be lost.

    Exit code 1: one was lost, over 0.01 % came again after a 2xx, or the doctor found something.

    \b
    Examples:
      a first look:   python -m benchmarks.webhooks --webhooks 5000 --kills 2
      a million:      python -m benchmarks.webhooks -d postgresql --save
      less to do:     python -m benchmarks.webhooks --rate 300 --kills 5
      no faults:      python -m benchmarks.webhooks --errors 0 --timeouts 0
    """  # noqa: D301 - \b keeps the lines of the examples
    chosen = databases.backend(database)
    machine = report.this_machine()
    console = Console()
    plan = Plan(
        webhooks=webhooks,
        endpoints=endpoints,
        kills=kills,
        errors=errors,
        timeouts=timeouts,
        rate=rate,
        webhook_timeout_s=webhook_timeout,
        retry_after_s=retry_after,
        seed=seed,
    )

    async def measure() -> dict[str, Any]:
        name = await databases.version(chosen)
        with _progress(console) as progress:
            task = progress.add_task("", total=plan.webhooks)
            figures = await run(
                plan,
                chosen,
                lambda taken, what: progress.update(task, completed=taken, description=what),
            )
        return {"database": name, "settings": asdict(plan), "figures": figures}

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            found = runner.run(measure())
    except ServerFailed as exc:
        console.print(f"[red]The server did not start.[/red] {escape(str(exc))}")
        raise typer.Exit(1) from exc
    document = report.record("webhooks", machine, found)
    is_good = _show(console, plan, document)
    for written in (file, report.file_of("webhooks") if save else None):
        if written is not None:
            report.save([document], written)
            console.print(f"Written: {written}")
    if not is_good:
        raise typer.Exit(1)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _show(console: Console, plan: Plan, document: dict[str, Any]) -> bool:
    """Print what came of it; tell whether it is within its limits."""
    figures = document["figures"]
    alike = [name for name in document["settings"] if name != "seed"]
    last = report.last_of("webhooks", document, alike=alike)
    measured: dict[tuple[str, str], Figures] = {("webhooks", "voltgate"): figures}
    if last is not None:
        measured["webhooks", "reference"] = last["figures"]
    title = (
        f"{document['database']}, {figures['webhooks']} webhooks to {plan.endpoints} endpoints, "
        f"{plan.errors:g} % errors, {plan.timeouts:g} % timeouts, {len(figures['kills'])} kills"
    )
    shown: Measured = measured
    console.print(report.table(title, shown, rows=WEBHOOKS, beside="last recorded"))
    if figures["kills"]:
        console.print(f"doubled by kill: {figures['doubled_by_kill']}")
    for event, times in figures["log"].items():
        console.print(f"[yellow]the server's log: {times} x {event}[/yellow]")
    for kind in WRONG:
        for line in figures[f"{kind}_rows"]:
            console.print(f"[red]{kind}: {escape(line)}[/red]")
    missed = [row for row in WEBHOOKS if verdict(row, figures[row.figure]) == "missed"]
    return not missed and not any(figures[kind] for kind in WRONG)


if __name__ == "__main__":
    app()
