"""``voltgate alert``: what operators should know of, and what becomes of it."""

from typing import Annotated, Any

import typer

from core.alerts import handling, sending
from core.alerts.handling import alert_view
from core.alerts.kinds import AlertKind
from core.alerts.lines import outlets_for
from core.alerts.states import AlertStatus, Channel, Severity
from core.audit.service import CLI
from core.kernel.db import Tx
from core.kernel.page import Page
from ops.cli.output import FAILED, Json, print_facts, print_json, print_rows
from ops.cli.running import Opened, run, transact

app = typer.Typer()

AlertId = Annotated[str, typer.Argument(metavar="ALERT", help="alr_...")]


@app.command("list")
def list_alerts(
    *,
    status: Annotated[AlertStatus | None, typer.Option(help="open: nobody has it yet.")] = None,
    severity: Annotated[Severity | None, typer.Option()] = None,
    kind: Annotated[AlertKind | None, typer.Option()] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", help="The partner, charger, endpoint, ...")
    ] = None,
    json: Json = False,
) -> None:
    """List alerts, those that nothing happened to for longest first.

    Example: voltgate alert list --status open
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await handling.list_alerts(
            tx,
            Page(limit=200),
            status=status,
            severity=severity,
            kind=kind,
            object_id=object_id,
        )
        return [alert_view(alert) for alert in found.rows]

    columns = ["id", "status", "severity", "title", "count", "last_seen_at"]
    print_rows("Alerts", columns, transact(work), as_json=json)


@app.command()
def show(alert: AlertId, *, json: Json = False) -> None:
    """Show an alert: what it means, what to do, what was seen, and who was told.

    Example: voltgate alert show alr_01jd...
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        return await handling.dossier(tx, alert)

    found = transact(work)
    if json:
        print_json(found)
        return
    told = found.pop("notifications")
    print_facts(found)
    rows = [{**each, "last error": _last_error(each)} for each in told]
    columns = ["created_at", "channel", "recipient", "status", "last error"]
    print_rows("Notifications", columns, rows)


def _last_error(notification: dict[str, Any]) -> str | None:
    attempts = notification["attempts"]
    return attempts[-1]["error"] if attempts else None


@app.command("test")
def send_test(
    channel: Annotated[Channel, typer.Argument(help="mail, sms or webhook.")],
    *,
    json: Json = False,
) -> None:
    """Send a test message to everybody that a channel reaches, and tell what came of it.

    Ends with exit code 1 if somebody was not reached.

    Example: voltgate alert test sms
    """

    async def work(opened: Opened) -> list[dict[str, Any]]:
        outlets = outlets_for(opened.db, opened.settings)
        return await sending.try_channel(opened.db, outlets, CLI, channel)

    results = run(work, waiting="Sending ...")
    columns = ["recipient", "sent", "error", "reference", "duration_ms"]
    print_rows("Test messages", columns, results, as_json=json)
    if not all(result["sent"] for result in results):
        raise typer.Exit(FAILED)


@app.command()
def acknowledge(alert: AlertId, *, json: Json = False) -> None:
    """Take an alert on: nobody is told of it again unless it gets worse.

    Example: voltgate alert acknowledge alr_01jd...
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        return alert_view(await handling.acknowledge(tx, CLI, alert))

    print_facts(transact(work), as_json=json)


@app.command()
def resolve(
    alert: AlertId,
    *,
    note: Annotated[str | None, typer.Option(help="What it was and what was done.")] = None,
    json: Json = False,
) -> None:
    """Say that an alert is settled; the same trouble later is another one.

    Example: voltgate alert resolve alr_01jd... --note "Second charger had the same identity."
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        return alert_view(await handling.settle(tx, CLI, alert, note=note))

    print_facts(transact(work), as_json=json)
