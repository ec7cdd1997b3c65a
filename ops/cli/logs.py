"""``voltgate charger log``: ask a charger for its log, and follow the upload."""

from datetime import timedelta
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from core.audit import service as audit
from core.audit.service import CLI
from core.commands import service as commands
from core.commands.states import Priority
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.upkeep import logs, transfers
from core.upkeep.logs import LogKind, LogSpec, Method
from core.upkeep.models import Transfer
from core.upkeep.states import LOGS, OPEN, TransferStatus
from ops.cli.chargers import Named, the_charger
from ops.cli.firmware import LOOK_EVERY_S, Follow
from ops.cli.output import Json, fail, out, print_facts, print_json, print_rows, say
from ops.cli.running import Opened, run, transact
from ops.operator_api.upkeep_views import transfer_view

app = typer.Typer()

_COLUMNS: Final = ("id", "kind", "status", "word", "file_name", "created_at", "ended_at")


@app.command()
def get(
    charger: Named,
    location: Annotated[
        str,
        typer.Argument(help="Where it uploads to: http(s), ftp(s) or sftp; a directory for 1.6."),
    ],
    *,
    kind: Annotated[LogKind, typer.Option(help="Which log.")] = LogKind.DIAGNOSTICS,
    method: Annotated[
        Method, typer.Option(help="1.6: get_diagnostics, or get_log of the security extension.")
    ] = Method.AUTO,
    follow: Follow = False,
    json: Json = False,
) -> None:
    """Ask a charger for a log; it brings it to the address by itself.

    Examples:
        voltgate charger log get CP-1 ftp://user:password@files.example.org/logs/ --follow

        voltgate charger log get CP-1 https://files.example.org/upload --kind security
    """
    spec = LogSpec(location=location, kind=kind, method=method)

    async def work(tx: Tx, opened: Opened) -> Transfer:
        found = await the_charger(tx, charger)
        if not found.online:
            detail = f"{found.identity} is not connected; see: voltgate charger show"
            raise PlatformError("charger_offline", detail)
        command = logs.command(opened.vault, found, spec)
        timeout_s = opened.settings.command_timeout.total_seconds()
        row = await commands.enqueue(
            tx,
            charger=found,
            command=command,
            priority=Priority.OPERATOR,
            expires_at=tx.now + timedelta(seconds=timeout_s),
            timeout_s=timeout_s,
            requested_by=CLI.name,
        )
        asked = {"charger_id": found.id, "kind": row.kind}
        await audit.record(tx, CLI, "command.requested", row.id, after=asked)
        return await logs.begun(tx, command, row)

    transfer = transact(work)
    if follow:
        transfer = run(lambda opened: _followed(opened, transfer.id))
    print_facts(transfer_view(transfer), as_json=json)
    if transfer.status is TransferStatus.FAILED:
        raise fail(f"The log was not uploaded: {transfer.word}.")
    if not follow:
        say(f"[dim]Follow it: voltgate charger log show {transfer.id}[/dim]")


@app.command("list")
def list_logs(charger: Named, *, json: Json = False) -> None:
    """List the logs a charger was asked for, the newest first.

    Example: voltgate charger log list CP-1
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await the_charger(tx, charger)
        rows = await transfers.list_transfers(tx, charger_id=found.id, kinds=LOGS)
        return [transfer_view(row) for row in rows]

    print_rows("Logs", _COLUMNS, transact(work), as_json=json)


@app.command()
def show(
    transfer: Annotated[str, typer.Argument(metavar="LOG", help="trf_...")], *, json: Json = False
) -> None:
    """Show how far a log is, with all that the charger reported.

    Example: voltgate charger log show trf_01jd...
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = await transfers.get(tx, transfer)
        return transfer_view(found, await transfers.news_of(tx, found.id))

    view = transact(work)
    if json:
        print_json(view)
        return
    news = view.pop("news")
    print_facts(view)
    print_rows("Reported", ["at", "word"], news)


async def _followed(opened: Opened, transfer_id: str) -> Transfer:
    """Print what the charger reports, as it does, until the end or a stall."""
    shown: set[int] = set()
    while True:
        async with opened.db.transaction() as tx:
            found = await transfers.get(tx, transfer_id)
            news = await transfers.news_of(tx, transfer_id)
        for one in news:
            if one.number not in shown:
                shown.add(one.number)
                out().print(f"{one.at:%H:%M:%S}  {escape(one.word)}")
        if found.status not in OPEN or found.status is TransferStatus.STALLED:
            return found
        await opened.db.clock.sleep(LOOK_EVERY_S)
