"""``voltgate charger``: register, approve, look at."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from core.audit.service import CLI, Actor
from core.certificates import key_change
from core.chargers import login, registry
from core.chargers.models import Charger
from core.chargers.states import Registration
from core.commands import approval
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.page import Page
from core.kernel.settings import Settings
from ops.cli.addresses import is_loopback
from ops.cli.output import Json, print_facts, print_json, print_rows, say
from ops.cli.running import Opened, transact
from ops.operator_api.views import (
    charger_view,
    connection_view,
    operator_connector_view,
    refusal_view,
)

app = typer.Typer()

Named = Annotated[str, typer.Argument(metavar="CHARGER", help="Identity, or cp_...")]
_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on


async def the_charger(tx: Tx, named: str) -> Charger:
    """Return the charger with this id or identity.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await registry.by_identity(tx, named)
    if found is not None:
        return found
    try:
        return await registry.get(tx, named)
    except PlatformError as exc:
        raise not_found(f"charger {named}") from exc


@app.command()
def register(
    identity: Annotated[str, typer.Argument(help="The end of its URL, such as CP-1.")],
    *,
    station: Annotated[str | None, typer.Option(help="st_...")] = None,
    password: Annotated[
        str | None, typer.Option(help="16 to 40 characters; left out: made.", show_default=False)
    ] = None,
    profile: Annotated[
        int, typer.Option(min=0, max=3, help="Security profile; 0: no password at all.")
    ] = 1,
    json: Json = False,
) -> None:
    """Register a charger and print what to enter in it; the password is shown once.

    Examples:
        voltgate charger register CP-1 --station st_01jd...

        voltgate charger register CP-2 --profile 0
    """

    async def work(tx: Tx, opened: Opened) -> tuple[Charger, str | None, Settings]:
        charger, shown = await registry.register(
            tx,
            opened.vault,
            CLI,
            identity=identity,
            password=password,
            station_id=station,
            security_profile=profile,
        )
        return charger, shown, opened.settings

    charger, shown, settings = transact(work)
    hint = connect_hint(charger, shown, settings)
    if json:
        print_json({**charger_view(charger), **hint})
        return
    say(f"[green]Registered[/green] {escape(charger.identity)} as {charger.id}.")
    _print_hint(hint, settings)


def connect_hint(charger: Charger, password: str | None, settings: Settings) -> dict[str, Any]:
    """Return what a charger's own settings page wants to know."""
    host = "THIS-HOST" if settings.host in _ANYWHERE else settings.host
    is_tls = settings.tls_certificate is not None
    place = (
        f"wss://{host}:{settings.ocpp_tls_port}" if is_tls else f"ws://{host}:{settings.ocpp_port}"
    )
    base = f"{place}/ocpp"
    return {
        "url": f"{base}/{quote(charger.identity, safe='')}",
        "url_without_identity": base,
        "identity": charger.identity,
        "user": charger.identity,
        "password": password,
    }


def _print_hint(hint: dict[str, Any], settings: Settings) -> None:
    print_facts(
        {
            "Central system URL": hint["url"],
            "or, if it adds its identity": hint["url_without_identity"],
            "Charge point identity": hint["identity"],
            "Protocol": "OCPP 1.6 JSON, or OCPP 2.0.1",
            "Security profile": "1 (Basic authentication)" if hint["password"] else "0 (none)",
            "User name": hint["user"] if hint["password"] else None,
            "Password": hint["password"],
        }
    )
    if hint["password"]:
        say("[yellow]The password is shown once. Where hex is wanted, it is hex already.[/yellow]")
    if not is_loopback(settings.host):
        say("Behind a TLS proxy the URL begins with wss:// and the proxy's name.")
    say("[dim]It does not come? voltgate charger refused; docs/chargers/troubleshooting.md[/dim]")


@app.command("list")
def list_chargers(
    *,
    station: Annotated[str | None, typer.Option(help="Of this station.")] = None,
    registration: Annotated[Registration | None, typer.Option(help="Such as pending.")] = None,
    online: Annotated[bool | None, typer.Option("--online/--offline")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Rows at most.")] = 200,
    json: Json = False,
) -> None:
    """List chargers.

    Examples:
        voltgate charger list --online

        voltgate charger list --registration pending
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await registry.list_chargers(
            tx,
            station_id=station,
            registration=registration,
            online=online,
            page=Page(limit=limit),
        )
        return [charger_view(charger) for charger in found.rows]

    columns = ["identity", "id", "registration", "online", "ocpp_version", "vendor", "model"]
    print_rows("Chargers", [*columns, "last_seen_at"], transact(work), as_json=json)


@app.command()
def show(charger: Named, *, json: Json = False) -> None:
    """Show a charger: connection, connectors, and why it was refused if it was.

    Example: voltgate charger show CP-1
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = await the_charger(tx, charger)
        refused = await login.refusals(tx, identity=found.identity, limit=10)
        connectors = await registry.connectors_of(tx, found.id)
        return {
            **charger_view(found),
            "connection": connection_view(found, refused),
            "connectors": [operator_connector_view(connector) for connector in connectors],
        }

    view = transact(work)
    if json:
        print_json(view)
        return
    connectors, connection = view.pop("connectors"), view.pop("connection")
    print_facts({**view, **{name: connection[name] for name in _CONNECTION}})
    columns = ["id", "evse", "connector", "status", "error_code", "since", "as_of"]
    print_rows("Connectors", columns, connectors)
    if connection["refused_handshakes"]:
        _print_refusals(connection["refused_handshakes"])


_CONNECTION = ("node_id", "remote_address", "connected_at", "disconnected_at", "booted_at")


@app.command()
def refused(
    *,
    identity: Annotated[str | None, typer.Option(help="Of this identity.")] = None,
    json: Json = False,
) -> None:
    """List chargers that could not connect, why, and what would fix it.

    Example: voltgate charger refused
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await login.refusals(tx, identity=identity, limit=100)
        return [refusal_view(refusal) for refusal in found]

    _print_refusals(transact(work), json=json)


def _print_refusals(rows: list[dict[str, Any]], *, json: bool = False) -> None:
    columns = ["identity", "address", "reason", "count", "last_at", "fix"]
    print_rows("Refused handshakes", columns, rows, as_json=json)


@app.command()
def approve(charger: Named, *, json: Json = False) -> None:
    """Let a pending or rejected charger work; if it is connected it is asked to boot at once.

    Example: voltgate charger approve CP-9
    """
    _move(approval.approve, charger, json=json)


@app.command()
def reject(charger: Named, *, json: Json = False) -> None:
    """Refuse a pending charger.

    Example: voltgate charger reject CP-9
    """
    _move(registry.reject, charger, json=json)


@app.command()
def disable(charger: Named, *, json: Json = False) -> None:
    """Keep a charger from connecting; it is disconnected at once.

    Example: voltgate charger disable CP-1
    """
    _move(registry.disable, charger, json=json)


@app.command()
def enable(charger: Named, *, json: Json = False) -> None:
    """Let a disabled charger connect again.

    Example: voltgate charger enable CP-1
    """
    _move(registry.enable, charger, json=json)


@app.command("set-password")
def set_password(
    charger: Named,
    *,
    password: Annotated[
        str | None, typer.Option(help="16 to 40 characters; left out: made.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Replace a charger's password; it is shown once and holds from its next connection.

    Example: voltgate charger set-password CP-1
    """

    async def work(tx: Tx, opened: Opened) -> tuple[Charger, str, Settings]:
        found = await the_charger(tx, charger)
        shown = await key_change.set_password(tx, opened.vault, CLI, found.id, password=password)
        return found, shown, opened.settings

    found, shown, settings = transact(work)
    hint = connect_hint(found, shown, settings)
    if json:
        print_json({**charger_view(found), **hint})
    else:
        _print_hint(hint, settings)


def _move(move: Callable[[Tx, Actor, str], Awaitable[Charger]], named: str, *, json: bool) -> None:
    async def work(tx: Tx, _: Opened) -> Charger:
        return await move(tx, CLI, (await the_charger(tx, named)).id)

    print_facts(charger_view(transact(work)), as_json=json)
