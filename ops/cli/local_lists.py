"""``voltgate charger local-list`` and ``data``: lists of tokens, vendors' own messages."""

from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.chargers import transfers
from core.desired import local_list
from core.kernel.db import Tx
from ops.cli.chargers import Named, the_charger
from ops.cli.output import Json, print_facts, print_rows
from ops.cli.running import Opened, transact
from ops.operator_api.record_views import data_transfer_view, local_list_view

app = typer.Typer()
charger_app = typer.Typer()


@app.command()
def show(charger: Named, *, json: Json = False) -> None:
    """Show what belongs into a charger's list, what it has taken, and what it bears.

    Example: voltgate charger local-list show CP-1
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        return await local_list_view(tx, await the_charger(tx, charger))

    print_facts(transact(work), as_json=json)


@app.command("set")
def set_list(
    charger: Named,
    source: Annotated[
        str, typer.Argument(help="all, station (those restricted to it), or chosen.")
    ] = "all",
    *,
    token: Annotated[
        list[str] | None, typer.Option(help="With chosen; repeat it. Replaces those before.")
    ] = None,
    json: Json = False,
) -> None:
    """Say which tokens belong into a charger's list; it is kept up to date from then on.

    Examples:
        voltgate charger local-list set CP-1

        voltgate charger local-list set CP-1 chosen --token 04AB12CD --token 04AB12CE
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = await the_charger(tx, charger)
        await local_list.wish(tx, CLI, found, source=source, tokens=token)
        return await local_list_view(tx, found)

    print_facts(transact(work), as_json=json)


@app.command("clear")
def clear(charger: Named, *, json: Json = False) -> None:
    """Empty a charger's list, and keep it up to date no longer.

    Example: voltgate charger local-list clear CP-1
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = await the_charger(tx, charger)
        await local_list.wish_empty(tx, CLI, found)
        return await local_list_view(tx, found)

    print_facts(transact(work), as_json=json)


@charger_app.command("data-transfers")
def data_transfers(
    charger: Named,
    *,
    vendor: Annotated[str | None, typer.Option(help="Of this vendorId.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Rows at most.")] = 50,
    json: Json = False,
) -> None:
    """List vendors' own messages (DataTransfer) of a charger, the newest first.

    Example: voltgate charger data-transfers CP-1 --vendor com.example
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await the_charger(tx, charger)
        rows = await transfers.search(tx, charger_id=found.id, vendor_id=vendor, limit=limit)
        return [data_transfer_view(row) for row in rows]

    columns = ["at", "direction", "vendor_id", "message_id", "data", "status", "answer"]
    print_rows("Data transfers", columns, transact(work), as_json=json)
