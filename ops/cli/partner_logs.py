"""``voltgate partner logs``: what a partner called, for whoever helps it."""

from typing import Annotated, Any

import typer

from core.kernel.db import Tx
from core.kernel.page import Page
from core.partners import service as partners
from core.request_log import service
from core.request_log.service import Wanted, statuses_of
from ops.cli.output import Json, out, print_json, say
from ops.cli.request_logs import Code, Method, Path, Status, line, print_entry
from ops.cli.running import Opened, transact

app = typer.Typer()


@app.command()
def logs(
    who: Annotated[
        str, typer.Argument(metavar="PARTNER|REQUEST", help="prt_..., or req_... for one call.")
    ],
    *,
    test: Annotated[bool, typer.Option("--test", help="Calls with test keys.")] = False,
    status: Status = None,
    method: Method = None,
    path: Path = None,
    code: Code = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="So many at most.")] = 50,
    json: Json = False,
) -> None:
    """Show what a partner called, the newest last, secrets hidden; or one call with its bodies.

    Examples:
        voltgate partner logs prt_01jd... --status 4xx

        voltgate partner logs req_01jd...
    """
    if who.startswith("req_"):

        async def look_up(tx: Tx, _: Opened) -> dict[str, Any]:
            entry = await service.get(tx, who, Wanted(partner_id=None))
            return {**service.body_view(entry), "partner_id": entry.partner_id}

        print_entry(transact(look_up), as_json=json)
        return

    async def look_through(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        wanted = Wanted(
            partner_id=(await partners.get(tx, who)).id,
            livemode=not test,
            statuses=None if status is None else statuses_of(status),
            method=method,
            path=path,
            code=code,
        )
        page = await service.newest(tx, wanted, Page(limit=limit))
        return [service.view(entry) for entry in reversed(page.rows)]

    found = transact(look_through)
    if json:
        print_json(found)
        return
    if not found:
        say("[dim]No such calls among the newest.[/dim]")
    for entry in found:
        out().print(line(entry), highlight=False, soft_wrap=True)
