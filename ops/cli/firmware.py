"""``voltgate charger firmware``: what a charger should run, and how far it is."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from core.audit.service import CLI
from core.desired import service as desired
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.upkeep import firmware, transfers
from core.upkeep.firmware import KEY, KIND, FirmwareSpec
from core.upkeep.models import Transfer
from core.upkeep.states import OPEN, TransferKind, TransferStatus
from ops.cli.chargers import Named, the_charger
from ops.cli.output import Json, fail, out, print_facts, print_json, print_rows, say
from ops.cli.running import Opened, run, transact
from ops.operator_api.desired_views import desired_view
from ops.operator_api.upkeep_views import transfer_view

app = typer.Typer()

Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Print what the charger reports until the end.")
]
STALLED: Final = TransferStatus.STALLED
LOOK_EVERY_S: Final = 1.0
_COLUMNS: Final = ("id", "kind", "status", "word", "location", "created_at", "ended_at")


async def _wish(tx: Tx, charger_id: str) -> Desired:
    found = await desired.find(tx, charger_id, KIND, KEY)
    if found is None:
        raise not_found("firmware wish; set one with: voltgate charger firmware set")
    return found


async def _latest(tx: Tx, charger_id: str) -> Transfer | None:
    kinds = (TransferKind.FIRMWARE,)
    found = await transfers.list_transfers(tx, charger_id=charger_id, kinds=kinds, limit=1)
    return found[0] if found else None


@app.command("set")
def set_(
    charger: Named,
    location: Annotated[
        str, typer.Argument(help="http(s), ftp(s) or sftp; credentials are stored encrypted.")
    ],
    *,
    version: Annotated[
        str | None, typer.Option(help="What it then boots with; without it Installed is the end.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PEM; with --signature.")
    ] = None,
    signature: Annotated[str | None, typer.Option(help="Base64; with --certificate.")] = None,
    retries: Annotated[int | None, typer.Option(min=0, max=100, help="Of the charger.")] = None,
    follow: Follow = False,
    json: Json = False,
) -> None:
    """Wish for a firmware; the charger is asked when it is there.

    Examples:
        voltgate charger firmware set CP-1 https://files.example.org/fw-2.1.bin --version 2.1

        voltgate charger firmware set CP-1 sftp://u:p@host/fw.bin --follow
    """
    spec = FirmwareSpec(
        location=location,
        version=version,
        certificate=None if certificate is None else certificate.read_text("utf-8", "replace"),
        signature=signature,
        retries=retries,
    )

    async def work(tx: Tx, opened: Opened) -> Desired:
        found = await the_charger(tx, charger)
        return await firmware.want(tx, opened.vault, CLI, found, spec)

    _printed(transact(work), follow=follow, json=json)


@app.command()
def show(charger: Named, *, json: Json = False) -> None:
    """Show what a charger runs, what it should run, and the latest update.

    Example: voltgate charger firmware show CP-1
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = await the_charger(tx, charger)
        wish = await desired.find(tx, found.id, KIND, KEY)
        latest = await _latest(tx, found.id)
        news = [] if latest is None else await transfers.news_of(tx, latest.id)
        return {
            "version": found.firmware_version,
            "wish": None if wish is None else desired_view(wish),
            "transfer": None if latest is None else transfer_view(latest, news),
        }

    view = transact(work)
    if json:
        print_json(view)
        return
    wish, transfer = view["wish"], view["transfer"]
    facts = {"runs": view["version"]}
    if wish is not None:
        facts |= {f"wanted_{name}": value for name, value in wish["wanted"].items()}
        facts |= {"status": wish["status"], "reason": wish["reason"]}
    print_facts(facts)
    if transfer is not None:
        print_rows("Reported", ["at", "word"], transfer["news"])


@app.command("list")
def list_updates(charger: Named, *, json: Json = False) -> None:
    """List a charger's updates, the newest first.

    Example: voltgate charger firmware list CP-1
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await the_charger(tx, charger)
        kinds = (TransferKind.FIRMWARE, TransferKind.PUBLICATION)
        rows = await transfers.list_transfers(tx, charger_id=found.id, kinds=kinds)
        return [transfer_view(row) for row in rows]

    print_rows("Updates", _COLUMNS, transact(work), as_json=json)


@app.command()
def retry(charger: Named, *, follow: Follow = False, json: Json = False) -> None:
    """Ask for the wished firmware again, after a failure or a stall.

    Example: voltgate charger firmware retry CP-1 --follow
    """

    async def work(tx: Tx, _: Opened) -> Desired:
        found = await the_charger(tx, charger)
        return await desired.retry(tx, CLI, (await _wish(tx, found.id)).id)

    _printed(transact(work), follow=follow, json=json)


@app.command()
def forget(charger: Named) -> None:
    """Stop wishing for a firmware; the charger is left as it is.

    Example: voltgate charger firmware forget CP-1
    """

    async def work(tx: Tx, _: Opened) -> None:
        found = await the_charger(tx, charger)
        await desired.forget(tx, CLI, (await _wish(tx, found.id)).id)

    transact(work)
    say("[green]Forgotten.[/green] An update under way goes on.")


def _printed(wish: Desired, *, follow: bool, json: bool) -> None:
    if follow:
        wish = run(lambda opened: _followed(opened, wish.id))
    print_facts(desired_view(wish), as_json=json)
    if wish.status is DesiredStatus.REJECTED:
        raise fail(f"The firmware was not installed: {wish.reason}.")
    if not follow:
        say(f"[dim]Follow it: voltgate charger firmware show {escape(wish.charger_id)}[/dim]")


async def _followed(opened: Opened, wish_id: str) -> Desired:
    """Print what the charger reports, as it does, until the wish is settled."""
    shown: set[int] = set()
    said: str | None = None
    while True:
        async with opened.db.transaction() as tx:
            wish = await desired.get(tx, wish_id)
            latest = await _latest(tx, wish.charger_id)
            news = [] if latest is None else await transfers.news_of(tx, latest.id)
        for one in news:
            if one.number not in shown:
                shown.add(one.number)
                out().print(f"{one.at:%H:%M:%S}  {escape(one.word)}")
        state = f"{wish.status}: {wish.reason}" if wish.reason else wish.status.value
        if state != said and (not news or latest is None or latest.status is STALLED):
            said = state
            say(f"[dim]{escape(state)}[/dim]")
        running = latest is not None and latest.status in OPEN
        if wish.status in (DesiredStatus.ACCEPTED, DesiredStatus.REJECTED) and not running:
            return wish
        await opened.db.clock.sleep(LOOK_EVERY_S)
