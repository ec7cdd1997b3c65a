"""``voltgate charger wanted | set | availability | reset | unlock | hold``: what it should do."""

from datetime import timedelta
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from core.audit import service as audit
from core.audit.service import CLI
from core.chargers import holding
from core.commands import service as commands
from core.commands.commands import Command, Unlock
from core.commands.configuration import Reset, ResetType
from core.commands.models import CommandRow
from core.commands.states import CommandStatus, Priority
from core.desired import availability, variables
from core.desired import service as desired
from core.desired.models import Desired
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from csms.redact import names_secret
from ops.cli.chargers import Named, the_charger
from ops.cli.output import Json, fail, print_facts, print_json, print_rows, say
from ops.cli.running import Opened, run, transact
from ops.operator_api.checks import check
from ops.operator_api.desired_views import desired_view
from ops.operator_api.views import charger_view, command_view

app = typer.Typer()

LOOK_AGAIN_S: Final = 0.2

Evse = Annotated[
    int | None, typer.Option(min=1, max=1000, help="This EVSE alone (1.6: its connectorId).")
]
WaitS = Annotated[int, typer.Option(min=1, max=600, help="Seconds to wait for the answer.")]


@app.command()
def wanted(
    charger: Named,
    *,
    kind: Annotated[str | None, typer.Option(help="Such as variable or availability.")] = None,
    json: Json = False,
) -> None:
    """Show what a charger should be, against what it says it is.

    `status`: pending (to be sent), sent, accepted, rejected (the reason is the charger's own word),
    drifted (it had accepted and reports something else; it is told again).

    Examples:
        voltgate charger wanted CP-1

        voltgate charger wanted CP-1 --kind variable --json
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await the_charger(tx, charger)
        rows = await desired.of_charger(tx, found.id, kind=kind)
        return [desired_view(row) for row in rows]

    rows = transact(work)
    if json:
        print_json(rows)
        return
    columns = ["kind", "key", "wanted", "reported", "status", "reason", "attempts", "id"]
    short = [
        row | {"wanted": _short(row["wanted"]), "reported": _short(row["reported"])} for row in rows
    ]
    print_rows("Wanted", columns, short)


def _short(document: dict[str, Any] | None) -> Any:
    """Return the value of a variable, or the members of anything else, for one cell."""
    if document is None:
        return None
    if "value" in document:
        return document["value"]
    return ", ".join(f"{k}={v}" for k, v in document.items() if v is not None)


@app.command("set")
def set_(charger: Named, name: str, value: str, *, json: Json = False) -> None:
    """Want a value of a configuration key (1.6) or a variable (2.x).

    It is sent as soon as the charger is there, and again if the charger later reports another.
    Values whose names look like secrets are stored encrypted and never shown.

    Examples:
        voltgate charger set CP-1 HeartbeatInterval 300

        voltgate charger set CP-2 OCPPCommCtrlr/HeartbeatInterval 300

        voltgate charger set CP-2 "Connector@1.2/Available" true
    """

    async def work(tx: Tx, opened: Opened) -> Desired:
        found = await the_charger(tx, charger)
        try:
            members = variables.named(name, version=found.ocpp_version)
        except ValueError as exc:
            raise PlatformError("invalid_parameter", f"{name}: {exc}.") from exc
        secret = names_secret(members["name"])
        return await variables.wish(
            tx, opened.vault, CLI, found, members=members, value=value, secret=secret
        )

    _print_wish(transact(work), charger, json=json)


@app.command("availability")
def availability_(
    charger: Named,
    *,
    operative: Annotated[
        bool, typer.Option("--in-service/--out-of-service", help="What is wanted.")
    ],
    evse: Evse = None,
    connector: Annotated[
        int | None, typer.Option(min=1, max=1000, help="2.x: this connector of the EVSE.")
    ] = None,
    json: Json = False,
) -> None:
    """Put a charger, an EVSE or a connector into or out of service, and keep it there.

    A connector in use goes out of service when its session has ended.

    Examples:
        voltgate charger availability CP-1 --out-of-service --evse 2

        voltgate charger availability CP-1 --in-service
    """
    if connector is not None and evse is None:
        raise typer.BadParameter("--connector needs --evse")

    async def work(tx: Tx, _: Opened) -> Desired:
        found = await the_charger(tx, charger)
        return await availability.wish(
            tx, CLI, found, operative=operative, evse=evse, connector=connector
        )

    _print_wish(transact(work), charger, json=json)


def _print_wish(wish: Desired, named: str, *, json: bool) -> None:
    if json:
        print_json(desired_view(wish))
        return
    said = {
        "pending": "[yellow]Waits[/yellow] for the charger to come online.",
        "sent": "[green]Sent[/green] to the charger's queue.",
    }
    say(said.get(wish.status, f"It is {wish.status}: {escape(wish.reason or 'as wanted')}."))
    say(f"[bold]next[/bold]  voltgate charger wanted {escape(named)}")


@app.command()
def reset(
    charger: Named,
    *,
    type_: Annotated[
        str,
        typer.Option(
            "--type",
            help="immediate: now, sessions end (1.6: Hard). soft: sessions end properly first "
            "(1.6). on_idle: when no session is going on (2.x).",
        ),
    ] = "immediate",
    evse: Evse = None,
    wait: WaitS = 30,
    json: Json = False,
) -> None:
    """Restart a charger, and say what it answered.

    Needs a running server that holds the charger's connection.

    Examples:
        voltgate charger reset CP-1

        voltgate charger reset CP-2 --type on_idle --evse 1
    """
    types: dict[str, ResetType] = {"immediate": "immediate", "soft": "soft", "on_idle": "on_idle"}
    if type_ not in types:
        raise typer.BadParameter(f"--type is one of {', '.join(types)}")
    _ask_now(charger, Reset(type=types[type_], evse=evse), wait_s=wait, json=json)


@app.command()
def unlock(
    charger: Named,
    *,
    evse: Annotated[int, typer.Option(min=1, help="The EVSE; in 1.6 the connector.")] = 1,
    connector: Annotated[int, typer.Option(min=1, help="Of that EVSE (2.x).")] = 1,
    wait: WaitS = 30,
    json: Json = False,
) -> None:
    """Release a cable that is stuck, and say what the charger answered.

    Needs a running server that holds the charger's connection.

    Examples:
        voltgate charger unlock CP-1

        voltgate charger unlock CP-2 --evse 2 --connector 1
    """
    _ask_now(charger, Unlock(evse=evse, connector=connector), wait_s=wait, json=json)


def _ask_now(charger: str, act: Command, *, wait_s: float, json: bool) -> None:
    row = run(lambda opened: ask(opened, charger, act, wait_s=wait_s), waiting="Waiting ...")
    view = command_view(row)
    if json:
        print_json(view)
    elif row.status in {CommandStatus.QUEUED, CommandStatus.SENT}:
        raise fail("No answer yet.", then=f"voltgate charger show {charger}")
    else:
        print_facts({name: view[name] for name in ("action", "status", "response", "error")})


async def ask(opened: Opened, named: str, act: Command, *, wait_s: float) -> CommandRow:
    """Queue an act for a charger and return its command when it has its end, or time is over.

    Raises:
        PlatformError: ``not_found``, ``charger_offline``, ``payload_invalid``, ``overloaded``.
    """
    async with opened.db.transaction() as tx:
        found = await the_charger(tx, named)
        if not found.online:
            raise PlatformError(
                "charger_offline", "The charger is not connected; nothing was sent."
            )
        check(found, act)
        row = await commands.enqueue(
            tx,
            charger=found,
            command=act,
            priority=Priority.OPERATOR,
            expires_at=tx.now + timedelta(seconds=wait_s),
            timeout_s=wait_s,
            requested_by=CLI.name,
        )
        asked = {"charger_id": found.id, "kind": row.kind}
        await audit.record(tx, CLI, "command.requested", row.id, after=asked)
    clock = opened.db.clock
    until_s = clock.monotonic() + wait_s
    while row.status in {CommandStatus.QUEUED, CommandStatus.SENT}:
        if clock.monotonic() >= until_s:
            break
        await clock.sleep(LOOK_AGAIN_S)
        async with opened.db.transaction() as tx:
            row = await commands.get(tx, row.id)
    return row


@app.command()
def hold(charger: Named, reason: str, *, json: Json = False) -> None:
    """Hold an accepted charger back: nothing starts there until you approve it again.

    Its next boot is answered Pending; it may still be configured, reset and asked for reports.

    Example: voltgate charger hold CP-1 "waits for its meter's approval"
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = await the_charger(tx, charger)
        return charger_view(await holding.hold(tx, CLI, found.id, reason=reason))

    print_facts(transact(work), as_json=json)
