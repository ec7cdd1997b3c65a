"""``python -m benchmarks.storm``: every connector changes many times at once; who hears when.

Chargers on real sockets change every connector several times; partners follow by the status stream
or by webhooks. The storm is over when each partner has the latest state of every connector, which
is compared with ``GET /v1/statuses`` at the end.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from benchmarks import databases, report
from benchmarks.charger import Charger, connected, quiet, together
from benchmarks.databases import Backend
from benchmarks.measuring import peak_rss
from benchmarks.servers import VOLTGATE, Target, serving
from benchmarks.streams import LOOK_S, Heard, all_heard, open_streams, truth
from benchmarks.voltgate import new_event_loop
from benchmarks.wire import ApiClient, receiving

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

PER_CHARGER: Final = 50
SHOWN: Final = ("Preparing", "Charging", "Finishing", "Available")

_PATH: Final = re.compile(rb"POST /webhooks/(\d+) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """How much happens, and who hears of it how."""

    connectors: int
    changes: int
    partners: int
    by_webhook: bool

    @property
    def chargers(self) -> Sequence[str]:
        return [f"STORM-{number}" for number in range(-(-self.connectors // PER_CHARGER))]

    @property
    def per_charger(self) -> int:
        return min(self.connectors, PER_CHARGER)


async def storm(plan: Storm, chosen: Backend, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run one storm on a new database; return its figures."""
    async with AsyncExitStack() as stack:
        tell("the server starts")
        target = await stack.enter_async_context(
            serving(
                VOLTGATE,
                chosen,
                chargers=plan.chargers,
                connectors=plan.per_charger,
                profiles=None,
                partners=plan.partners,
            )
        )
        peak = await stack.enter_async_context(peak_rss(target.process))
        chargers = [
            Charger(target.ready.ocpp_url, identity, target.ready.password)
            for identity in plan.chargers
        ]
        await stack.enter_async_context(connected(chargers))
        tell("chargers boot and report")
        await together(_begin(charger, plan) for charger in chargers)
        await quiet(chargers)
        heard = [Heard() for _ in range(plan.partners)]
        if plan.by_webhook:
            await _make_endpoints(stack, target, heard)
        else:
            await open_streams(stack, target, heard)
            tell("streams begin with every connector")
            await all_heard(await truth(target), heard)
        before = [one.count for one in heard]
        tell("the storm")
        cpu_s, began = await target.cpu_s(), time.perf_counter()
        await together(_change(charger, plan) for charger in chargers)
        changed = time.perf_counter()
        tell("its end is waited for")
        await all_heard(await truth(target), heard)
        ended = time.perf_counter()
        await asyncio.sleep(LOOK_S)  # what was heard is written down a moment later
        answers_s = sorted(one for charger in chargers for one in charger.answers_s)
        statuses = plan.per_charger * len(chargers) * plan.changes
        return {
            **asdict(plan),
            "statuses": statuses,
            "statuses_per_second": statuses / (changed - began),
            "storm_s": changed - began,
            "all_latest_after_s": ended - changed,
            "heard": sum(one.count for one in heard) - sum(before),
            "answer_p99_ms": answers_s[int(len(answers_s) * 0.99)] * 1000,
            "cpu_s": await target.cpu_s() - cpu_s,
            "peak_rss_mib": peak() / 2**20,
            **await databases.counts(target.database_url),
        }


async def _begin(charger: Charger, plan: Storm) -> None:
    await charger.boot()
    for connector in range(1, plan.per_charger + 1):
        await charger.status(connector, "Available")


async def _change(charger: Charger, plan: Storm) -> None:
    for shown in islice(cycle(SHOWN), plan.changes):
        for connector in range(1, plan.per_charger + 1):
            await charger.status(connector, shown)


async def _make_endpoints(stack: AsyncExitStack, target: Target, heard: Sequence[Heard]) -> None:
    def deliver(request: bytes) -> None:
        found = _PATH.match(request)
        if found is not None:
            heard[int(found[1])].hear(request)

    url = await stack.enter_async_context(receiving(deliver))
    for number, key in enumerate(target.ready.api_keys):
        body = {"url": f"{url}/{number}", "event_types": ["connector.status_changed"]}
        async with ApiClient(target.ready.api_url, key) as api:
            await api.must("POST", "/v1/webhook_endpoints", body)


@app.command()
def main(
    *,
    connectors: Annotated[int, typer.Option(min=1, help="Of all chargers.")] = 10_000,
    changes: Annotated[int, typer.Option(min=1, help="Of each connector.")] = 10,
    partners: Annotated[int, typer.Option(min=1, help="Each sees all connectors.")] = 50,
    webhooks: Annotated[
        bool, typer.Option("--webhooks", help="To one endpoint each, instead of by stream.")
    ] = False,
    database: Annotated[
        str, typer.Option("--database", "-d", help="sqlite, postgresql or a postgresql:// URL.")
    ] = "sqlite",
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Record the run under benchmarks/results/.")
    ] = False,
) -> None:
    """Let every connector change at once, and measure when each partner knows the last state."""
    chosen = databases.backend(database)
    machine = report.this_machine()
    plan = Storm(connectors=connectors, changes=changes, partners=partners, by_webhook=webhooks)
    console = Console()

    async def measure() -> dict[str, Any]:
        name = await databases.version(chosen)
        with console.status("") as status:
            return {"database": name, "figures": await storm(plan, chosen, status.update)}

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        found = runner.run(measure())
    for name, value in found["figures"].items():
        console.print(
            f"{name:<22} {value:,.1f}" if isinstance(value, float) else f"{name:<22} {value}"
        )
    document = report.record("status_storm", machine, found)
    for file in (json, report.file_of("storm") if save else None):
        if file is not None:
            report.save([document], file)
            console.print(f"Written: {file}")


if __name__ == "__main__":
    app()
