"""The long-running commands: one charger, a fleet, a scenario."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live

from simulator.charger import NotAuthorized, SimulatedCharger
from simulator.config import ChargerConfig
from simulator.display import fleet_table, frame_line, ledger_table, say_frame
from simulator.fleet import Activity, Fleet, Summary
from simulator.ledger import Ledger
from simulator.scenario import PlannedStep, Scenario, play
from simulator.station import Frame
from simulator.wire import Disconnected, NoAnswer, Refused

REFRESH_S = 0.5
KEPT_LINES = 15


async def run_charger(
    config: ChargerConfig,
    *,
    console: Console,
    token: str | None,
    duration_s: float | None,
    quiet: bool,
    ledger: Path | None,
) -> None:
    """Run one charger until interrupted or *duration_s* of real time have passed."""
    charger = SimulatedCharger(config, ready=False, on_frame=_speaker(console, quiet=quiet))
    told = 0

    def tell_refusals() -> None:
        nonlocal told
        for refusal in charger.ledger.refusals[told:]:
            console.print(f"{config.identity} cannot connect to {config.endpoint}: {refusal}")
        told = len(charger.ledger.refusals)

    charger.station.watchers.append(tell_refusals)
    try:
        async with charger, asyncio.TaskGroup() as tasks:
            session = tasks.create_task(_start(charger, token, console))
            await _until_stopped(duration_s)
            session.cancel()
            await charger.wind_down()
    finally:
        console.print(ledger_table(charger.ledger))
        write_ledgers(ledger, [charger.ledger])


async def _start(charger: SimulatedCharger, token: str | None, console: Console) -> None:
    if token is None:
        return
    await charger.wait_until(lambda: charger.online, timeout_s=None, what="online")
    try:
        await charger.start_local(1, token)
    except NotAuthorized as refused:
        console.print(f"{charger.identity}: token not accepted: {refused}")
    except (Disconnected, NoAnswer, Refused) as error:
        console.print(f"{charger.identity}: no session started: {error}")


async def run_fleet(
    configs: Sequence[ChargerConfig],
    *,
    console: Console,
    ramp_per_s: float,
    activity: Activity | None,
    duration_s: float | None,
    quiet: bool,
    ledger: Path | None,
    seed: int | None,
) -> Summary:
    """Run a fleet until interrupted or *duration_s* of real time have passed; return its totals."""
    lines: list[Frame] = []

    def keep(frame: Frame) -> None:
        lines.append(frame)
        del lines[:-KEPT_LINES]

    fleet = Fleet(
        configs,
        ramp_per_s=ramp_per_s,
        activity=activity,
        seed=seed,
        on_frame=None if quiet else keep,
    )

    def picture() -> RenderableType:
        table = fleet_table(fleet.summary(), title="fleet (Ctrl-C ends it)")
        return Group(*(frame_line(frame) for frame in lines), table)

    summary: Summary | None = None
    live = Live(console=console, auto_refresh=False, transient=True)
    try:
        with live:
            async with fleet, asyncio.TaskGroup() as tasks:
                drawing = tasks.create_task(_draw(live, picture))
                await _until_stopped(duration_s)
                await fleet.wind_down()
                drawing.cancel()
                summary = fleet.summary()
    finally:
        summary = summary or fleet.summary()
        console.print(fleet_table(summary, title="fleet"))
        write_ledgers(ledger, [charger.ledger for charger in fleet.chargers])
    return summary


async def _draw(live: Live, picture: Callable[[], RenderableType]) -> None:
    while True:
        live.update(picture(), refresh=live.console.is_terminal)
        await asyncio.sleep(REFRESH_S)


async def run_scenario(
    scenario: Scenario, *, console: Console, quiet: bool, ledger: Path | None
) -> None:
    """Play a scenario; raise ``ScenarioError`` for the first step that does not hold."""

    def tell(step: PlannedStep) -> None:
        members = " ".join(f"{name}={value}" for name, value in step.members.items())
        console.print(f"step {step.number}: {step.charger} {step.do} {members}", style="cyan")

    ledgers = await play(scenario, on_frame=_speaker(console, quiet=quiet), on_step=tell)
    for book in ledgers.values():
        console.print(ledger_table(book))
    write_ledgers(ledger, ledgers.values())


def write_ledgers(path: Path | None, ledgers: Iterable[Ledger]) -> None:
    """Write the ledgers as a JSON list, if a file is named."""
    if path is not None:
        books = [ledger.as_json() for ledger in ledgers]
        path.write_text(json.dumps(books, indent=2) + "\n", encoding="utf-8")


def _speaker(console: Console, *, quiet: bool) -> Callable[[Frame], None] | None:
    return None if quiet else lambda frame: say_frame(console, frame)


async def _until_stopped(duration_s: float | None) -> None:
    """Return after *duration_s*, or at SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    handled = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises instead
            loop.add_signal_handler(number, stop.set)
            handled.append(number)
    try:
        async with asyncio.timeout(duration_s):
            await stop.wait()
    except TimeoutError:
        return
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
