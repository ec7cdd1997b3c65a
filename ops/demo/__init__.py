"""``voltgate demo``: the whole story in one command, with no configuration and no service."""

import asyncio
import contextlib
import signal
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel

from core.kernel import log
from core.kernel.clock import SystemClock
from ops.demo.narrator import Narrator
from ops.demo.stage import Stage, set_up
from ops.demo.story import tell


def demo_command(
    *,
    exit_: Annotated[
        bool,
        typer.Option("--exit", help="End after the story; exit code 0 only if every step held."),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show boots, heartbeats and statuses, too.")
    ] = False,
) -> None:
    """See it all happen: a partner, chargers of both OCPP versions, signed webhooks.

    Needs no configuration and no service: a temporary SQLite database, simulated chargers and a
    webhook receiver in this process. Afterwards it stays up and prints what to try with curl.
    """
    narrator = Narrator(console=Console(), clock=SystemClock(), verbose=verbose)
    log.configure(level="ERROR", format_="console", bound={})
    held = asyncio.run(_play(narrator, stay=not exit_))
    raise typer.Exit(0 if held else 1)


async def _play(narrator: Narrator, *, stay: bool) -> bool:
    try:
        async with set_up(narrator) as stage:
            await tell(stage, narrator)
            _sum_up(narrator)
            if stay:
                _invite(stage, narrator)
                await _interrupted()
    except TimeoutError:
        narrator.check("every step happened in time", kept=False)
        _sum_up(narrator)
    return not narrator.broken


def _sum_up(narrator: Narrator) -> None:
    narrator.console.print()
    if narrator.broken:
        narrator.console.print(f"[bold red]{len(narrator.broken)} promises were broken:[/]")
        for promise in narrator.broken:
            narrator.console.print(f"  - {promise}")
    else:
        narrator.console.print(f"[bold green]All {narrator.kept} promises were kept.[/]")


def _invite(stage: Stage, narrator: Narrator) -> None:
    running = stage.platform
    connector_id = stage.connectors["SIM-OK"]
    lines = (
        f"Partner API    {running.api_url}",
        f"Operator API   {running.operator_url}",
        f"Chargers       {running.ocpp_url}/<identity>",
        f"Partner key    {stage.acme.key}",
        f"Operator token {stage.operator_token}",
        "",
        "Start a charge:",
        f"  curl -s {running.api_url}/v1/start_charge \\",
        f"    -H 'Authorization: Bearer {stage.acme.key}' \\",
        "    -H 'Content-Type: application/json' \\",
        f'    -d \'{{"request_id": "my-first", "connector_id": "{connector_id}"}}\'',
        "",
        "See what became of it (the webhook shows up above):",
        f"  curl -s '{running.api_url}/v1/operations?request_id=my-first' \\",
        f"    -H 'Authorization: Bearer {stage.acme.key}'",
        "",
        "Ctrl-C ends it and leaves nothing behind.",
    )
    narrator.console.print(Panel.fit("Still running. Try it yourself.", style="bold"))
    for line in lines:
        narrator.console.print(line, soft_wrap=True, highlight=False, markup=False)


async def _interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    await stop.wait()
