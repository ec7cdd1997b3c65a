"""``voltgate fleet``: one command for many chargers, with its progress."""

import json as json_module
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from core.audit.service import CLI, Actor
from core.fleet import service as fleet
from core.fleet.models import FleetCommand
from core.fleet.states import TargetStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.ids import new_id
from ops.cli.output import MISUSED, Json, err, fail, print_facts, print_json, print_rows, say
from ops.cli.running import Opened, run, transact
from ops.operator_api.desired_views import fleet_view, target_view
from ops.operator_api.fleet_orders import FleetIn, order_of

app = typer.Typer()

LOOK_AGAIN_S: Final = 0.5

Chosen = Annotated[
    list[str] | None, typer.Option("--charger", help="cp_..., as often as you like.")
]
Station = Annotated[str | None, typer.Option(help="Chargers of this station: st_...")]
Vendor = Annotated[str | None, typer.Option(help="Chargers of this vendor.")]
Model = Annotated[str | None, typer.Option(help="Chargers of this model.")]
Firmware = Annotated[str | None, typer.Option(help="Chargers with this firmware version.")]
Everyone = Annotated[bool, typer.Option("--all", help="Every charger there is.")]
AtATime = Annotated[int, typer.Option(min=1, max=1000, help="Chargers asked at a time.")]
StopAfter = Annotated[
    int | None, typer.Option(min=1, help="So many failures stop it until you resume it.")
]
WaitOffline = Annotated[
    bool, typer.Option("--wait", help="Wait for chargers that are away, until the deadline.")
]
Hours = Annotated[float, typer.Option(min=0.01, max=2160, help="Hours until the deadline.")]
Watch = Annotated[bool, typer.Option("--watch/--no-watch", help="Show the progress until the end.")]
FleetId = Annotated[str, typer.Argument(metavar="FLEET", help="flt_...")]


def _begin(what: dict[str, Any], options: dict[str, Any]) -> None:
    """Begin a fleet command and, if wanted, watch it."""
    names = {"station": "station_id", "firmware": "firmware_version", "charger": "charger_ids"}
    chosen = {
        names.get(name, name): options[name]
        for name in ("charger", "station", "vendor", "model", "firmware")
        if options[name]
    }
    if options["everyone"]:
        chosen["all"] = True
    body = {
        "request_id": new_id("cli"),
        "chargers": chosen,
        "concurrency": options["at_a_time"],
        "stop_after_failures": options["stop_after"],
        "offline": "wait" if options["wait"] else "skip",
        **what,
    }
    try:
        asked = FleetIn.model_validate(body)
    except ValidationError as exc:
        wrong = "; ".join(one["msg"].removeprefix("Value error, ") for one in exc.errors())
        raise fail(wrong, then="voltgate fleet --help", code=MISUSED) from exc

    async def work(tx: Tx, _: Opened) -> FleetCommand:
        deadline_at = tx.now + timedelta(hours=options["hours"])
        begun, _replayed = await fleet.begin(tx, CLI, order_of(asked, deadline_at=deadline_at))
        return begun

    begun = transact(work)
    say(f"[green]Begun[/green] as {begun.id}.")
    _follow(begun.id, watch=options["watch"], json=options["json"])


@app.command()
def reset(
    *,
    type_: Annotated[
        str, typer.Option("--type", help="immediate; 1.6 knows soft, too, 2.x on_idle.")
    ] = "immediate",
    charger: Chosen = None,
    station: Station = None,
    vendor: Vendor = None,
    model: Model = None,
    firmware: Firmware = None,
    everyone: Everyone = False,
    at_a_time: AtATime = 10,
    stop_after: StopAfter = None,
    wait: WaitOffline = False,
    hours: Hours = 1,
    watch: Watch = True,
    json: Json = False,
) -> None:
    """Restart many chargers.

    Examples:
        voltgate fleet reset --station st_01jd... --type immediate

        voltgate fleet reset --all --at-a-time 5 --stop-after 3
    """
    options = locals()
    _begin({"act": {"kind": "reset", "arguments": {"type": type_}}}, options)


@app.command("set")
def set_(
    name: str,
    value: str,
    *,
    charger: Chosen = None,
    station: Station = None,
    vendor: Vendor = None,
    model: Model = None,
    firmware: Firmware = None,
    everyone: Everyone = False,
    at_a_time: AtATime = 10,
    stop_after: StopAfter = None,
    wait: WaitOffline = False,
    hours: Hours = 24,
    watch: Watch = True,
    json: Json = False,
) -> None:
    """Want a value of a configuration key (1.6) or variable (2.x) of many chargers.

    Each charger keeps the wish: it is told again if it later reports another value.

    Examples:
        voltgate fleet set HeartbeatInterval 300 --vendor ACME --stop-after 5

        voltgate fleet set OCPPCommCtrlr/HeartbeatInterval 300 --model X2 --wait --hours 72
    """
    options = locals()
    wish = {"kind": "variable", "value": {"name": name, "value": value}}
    _begin({"wish": wish}, options)


@app.command()
def raw(
    action: str,
    payload: Annotated[str, typer.Argument(help="A JSON object.")] = "{}",
    *,
    charger: Chosen = None,
    station: Station = None,
    vendor: Vendor = None,
    model: Model = None,
    firmware: Firmware = None,
    everyone: Everyone = False,
    at_a_time: AtATime = 10,
    stop_after: StopAfter = None,
    wait: WaitOffline = False,
    hours: Hours = 1,
    watch: Watch = True,
    json: Json = False,
) -> None:
    """Send an OCPP request to many chargers, as it is written.

    Chargers of a version that has no such request fail with NotSupported.

    Examples:
        voltgate fleet raw ClearCache --all

        voltgate fleet raw TriggerMessage '{"requestedMessage": "Heartbeat"}' --vendor ACME
    """
    options = locals()
    try:
        document = json_module.loads(payload)
    except ValueError as exc:
        raise typer.BadParameter(f"PAYLOAD is no JSON: {exc}") from exc
    _begin({"raw": {"action": action, "payload": document}}, options)


@app.command("list")
def list_(*, limit: Annotated[int, typer.Option(min=1, max=200)] = 20, json: Json = False) -> None:
    """List fleet commands, the newest first.

    Example: voltgate fleet list
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        rows = await fleet.newest(tx, limit=limit)
        return [fleet_view(row, await fleet.counts(tx, row.id)) for row in rows]

    rows = transact(work)
    if json:
        print_json(rows)
        return
    columns = ["id", "status", "targets", "ended", "succeeded", "failed", "skipped", "created_at"]
    print_rows("Fleet commands", columns, [row | row["progress"] for row in rows])


@app.command()
def show(
    fleet_command: FleetId,
    *,
    status: Annotated[
        TargetStatus | None, typer.Option(help="Only chargers that stand there.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 200,
    json: Json = False,
) -> None:
    """Show a fleet command and its chargers.

    Examples:
        voltgate fleet show flt_01jd...

        voltgate fleet show flt_01jd... --status failed
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        view = await _look(tx, fleet_command)
        rows = await fleet.targets(tx, fleet_command, status=status, limit=limit)
        return {**view, "targets": [target_view(row) for row in rows]}

    view = transact(work)
    if json:
        print_json(view)
        return
    rows, progress = view.pop("targets"), view.pop("progress")
    print_facts({**view, **progress})
    print_rows("Chargers", ["charger_id", "status", "reason", "sent_at", "ended_at"], rows)


@app.command()
def watch(fleet_command: FleetId, *, json: Json = False) -> None:
    """Show the progress of a fleet command until its end.

    Example: voltgate fleet watch flt_01jd...
    """
    _follow(fleet_command, watch=True, json=json)


@app.command()
def pause(fleet_command: FleetId) -> None:
    """Ask no further charger; those under way get their outcome.

    Example: voltgate fleet pause flt_01jd...
    """
    _move(fleet.pause, fleet_command)


@app.command()
def resume(fleet_command: FleetId) -> None:
    """Go on after a pause, or in spite of failures.

    Example: voltgate fleet resume flt_01jd...
    """
    _move(fleet.resume, fleet_command)


@app.command()
def cancel(fleet_command: FleetId) -> None:
    """End it for good; what was not sent is withdrawn, wishes that were made stay.

    Example: voltgate fleet cancel flt_01jd...
    """
    _move(fleet.cancel, fleet_command)


def _move(move: Callable[[Tx, Actor, str], Awaitable[FleetCommand]], fleet_id: str) -> None:
    async def work(tx: Tx, _: Opened) -> FleetCommand:
        return await move(tx, CLI, fleet_id)

    say(f"{escape(fleet_id)} is {transact(work).status}.")


async def _look(tx: Tx, fleet_id: str) -> dict[str, Any]:
    try:
        row = await fleet.get(tx, fleet_id)
    except PlatformError as exc:
        raise PlatformError("not_found", f"No fleet command {fleet_id}.") from exc
    return fleet_view(row, await fleet.counts(tx, fleet_id))


def _follow(fleet_id: str, *, watch: bool, json: bool) -> None:
    """Show how far it is, once or until its end; failures end with exit code 1."""

    async def look(opened: Opened) -> dict[str, Any]:
        async with opened.db.transaction() as tx:
            return await _look(tx, fleet_id)

    async def follow(opened: Opened) -> dict[str, Any]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=err(), disable=not err().is_terminal) as bar:
            task = bar.add_task(fleet_id, total=None, told="")
            while True:
                view = await look(opened)
                progress = view["progress"]
                bar.update(
                    task,
                    total=progress["targets"],
                    completed=progress["ended"],
                    description=view["status"],
                    told=_told(progress),
                )
                if view["closed_at"] is not None or view["status"] in {"paused", "stopped"}:
                    return view
                await opened.db.clock.sleep(LOOK_AGAIN_S)

    view = run(follow if watch else look)
    if json:
        print_json(view)
    else:
        say(f"{view['status']}: {_told(view['progress'])}")
    if view["progress"]["failed"]:
        say(f"[bold]next[/bold]  voltgate fleet show {fleet_id} --status failed")
        raise typer.Exit(1)


def _told(progress: dict[str, int]) -> str:
    names = ("succeeded", "failed", "skipped", "sent", "pending")
    return ", ".join(f"{progress[name]} {name}" for name in names if progress[name]) or "nothing"
