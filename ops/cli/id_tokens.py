"""``voltgate token``: id tokens, the cards and apps that may charge."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from core.audit.service import CLI
from core.chargers import id_tokens, key_codes, registry
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from core.partners import service as partners
from ops.cli.chargers import the_charger
from ops.cli.output import Json, print_facts, print_json, print_rows, say
from ops.cli.running import Opened, transact
from ops.operator_api.views import id_token_view

app = typer.Typer()

Token = Annotated[
    str,
    typer.Argument(
        help="1 to 36 characters; their case makes no difference. A key code on the list: its "
        "name, KEYCODE:..., too."
    ),
]
_COLUMNS = ("token", "kind", "blocked", "expires_at", "group_token", "restricted", "note")


@app.command()
def put(
    token: Token,
    *,
    kind: Annotated[
        str, typer.Option(help="Central, eMAID, ISO14443, ISO15693, KeyCode, Local, MacAddress.")
    ] = "ISO14443",
    blocked: Annotated[bool, typer.Option("--blocked", help="It may not charge.")] = False,
    expires: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%SZ"], help="With zone."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Tokens of one group stop each other's.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="prt_...: whose sessions it starts.")] = None,
    at: Annotated[
        list[str] | None, typer.Option(help="Charger or st_... where it may charge; repeat it.")
    ] = None,
    sessions: Annotated[
        int | None, typer.Option(min=1, help="So many at a time; else the setting.")
    ] = None,
    master_pass: Annotated[
        bool, typer.Option("--master-pass", help="Ends sessions of others, begins none.")
    ] = False,
    note: Annotated[str | None, typer.Option(help="For you; at most 200 characters.")] = None,
    json: Json = False,
) -> None:
    """Create a token, or replace all of it; it holds at once, and local lists follow.

    Examples:
        voltgate token put 04AB12CD34EF56

        voltgate token put 04AB12CD --group FLEET --expires 2027-01-01T00:00:00Z --at CP-1
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        if partner is not None:
            await partners.get(tx, partner)
        made = await key_codes.put(
            tx,
            opened.vault,
            CLI,
            token,
            kind=kind,
            blocked=blocked,
            expires_at=expires,
            group_token=group,
            partner_id=partner,
            places=[await _place(tx, named) for named in at or ()],
            max_sessions=sessions or opened.settings.id_token_max_sessions,
            master_pass=master_pass,
            note=note,
        )
        return id_token_view(made, await id_tokens.places_of(tx, made.token))

    view = transact(work)
    if json:
        print_json(view)
        return
    say(f"[green]Stored[/green] {escape(view['token'])}.")
    if view["oddity"] is not None:
        say(f"[yellow]It does not look like a token of type {escape(kind)}.[/yellow]")


async def _place(tx: Tx, named: str) -> str:
    """Return the id of a charger or station.

    Raises:
        PlatformError: ``not_found``.
    """
    try:
        return (await registry.get_station(tx, named)).id
    except PlatformError:
        return (await the_charger(tx, named)).id


@app.command()
def show(token: Token, *, json: Json = False) -> None:
    """Show a token; an unknown one may not charge.

    Example: voltgate token show 04AB12CD34EF56
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        found = await id_tokens.get(tx, await key_codes.known_as(tx, opened.vault, token))
        return id_token_view(found, await id_tokens.places_of(tx, found.token))

    print_facts(transact(work), as_json=json)


@app.command("list")
def list_tokens(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Rows at most.")] = 200,
    json: Json = False,
) -> None:
    """List tokens in the order of their characters.

    Example: voltgate token list
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await id_tokens.list_tokens(tx, Page(limit=limit))
        return [id_token_view(one) for one in found.rows]

    print_rows("Id tokens", list(_COLUMNS), transact(work), as_json=json)


@app.command()
def delete(token: Token) -> None:
    """Forget a token; from then on it is unknown.

    Example: voltgate token delete 04AB12CD34EF56
    """

    async def work(tx: Tx, opened: Opened) -> str:
        known = await key_codes.known_as(tx, opened.vault, token)
        await id_tokens.delete(tx, CLI, known)
        return known

    say(f"[green]Forgotten[/green] {escape(transact(work))}.")
