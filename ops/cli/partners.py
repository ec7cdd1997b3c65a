"""``voltgate partner``: the platforms that start charges, and what they may see."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from core.audit.service import CLI, Actor
from core.chargers import registry
from core.conduct import service as conduct
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from core.partners import limits
from core.partners import service as partners
from core.partners.models import Partner
from core.webhooks import partner_events
from core.webhooks.partner_events import partner_view
from ops.cli.output import MISUSED, Json, fail, print_facts, print_rows, say
from ops.cli.running import Opened, transact
from ops.operator_api.views import grant_view

app = typer.Typer()

PartnerId = Annotated[str, typer.Argument(metavar="PARTNER", help="prt_...")]
StationId = Annotated[str, typer.Argument(metavar="STATION", help="st_...")]


async def the_partner(tx: Tx, partner_id: str | None) -> str:
    """Return *partner_id*, or the only partner there is.

    Raises:
        PlatformError: ``invalid_parameter``: none is named, and there is none, or several.
    """
    if partner_id is not None:
        return (await partners.get(tx, partner_id)).id
    found = (await partners.list_partners(tx, Page(limit=2))).rows
    if len(found) != 1:
        how_many = "no partner" if not found else "more than one partner"
        raise PlatformError(
            "invalid_parameter", f"There is {how_many}; name one: --partner prt_..."
        )
    return found[0].id


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The company.")], *, json: Json = False
) -> None:
    """Create a partner: without a key it cannot call, without a grant it sees nothing.

    Example: voltgate partner create "Charging App"
    """

    async def work(tx: Tx, _: Opened) -> Partner:
        return await partners.create_partner(tx, CLI, name=name)

    partner = transact(work)
    print_facts(partner_view(partner), as_json=json)
    if not json:
        say(f"[bold]next[/bold]  voltgate partner grant {partner.id} STATION --control")
        say(f"      voltgate key create --partner {partner.id}")


@app.command("list")
def list_partners(*, json: Json = False) -> None:
    """List partners and the stations granted to them.

    Example: voltgate partner list
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        rows = []
        for partner in (await partners.list_partners(tx, Page(limit=200))).rows:
            grants = await partners.grants_of(tx, partner.id)
            rows.append({**partner_view(partner), "grants": [grant_view(one) for one in grants]})
        return rows

    found = transact(work)
    if not json:
        found = [{**row, "grants": [_brief(grant) for grant in row["grants"]]} for row in found]
    print_rows("Partners", ["id", "name", "status", "grants", "created_at"], found, as_json=json)


@app.command()
def suspend(partner: PartnerId, *, json: Json = False) -> None:
    """Leave a partner reading and stopping only; what was accepted goes on.

    Example: voltgate partner suspend prt_01jd...
    """
    _move(partner_events.suspend, partner, json=json)


@app.command()
def reinstate(partner: PartnerId, *, json: Json = False) -> None:
    """End a suspension.

    Example: voltgate partner reinstate prt_01jd...
    """
    _move(conduct.reinstate, partner, json=json)


@app.command()
def grant(
    partner: PartnerId,
    station: StationId,
    *,
    control: Annotated[
        bool, typer.Option("--control/--see-only", help="May charge there, or only see it.")
    ] = False,
    json: Json = False,
) -> None:
    """Let a partner see a station and, with --control, charge there.

    Examples:
        voltgate partner grant prt_01jd... st_01jd... --control

        voltgate partner grant prt_01jd... st_01jd... --see-only
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        given = await registry.grant_station(tx, CLI, partner, station, control=control)
        return grant_view(given)

    print_facts(transact(work), as_json=json)


@app.command()
def ungrant(partner: PartnerId, station: StationId) -> None:
    """Take a grant away; sessions that run go on.

    Example: voltgate partner ungrant prt_01jd... st_01jd...
    """

    async def work(tx: Tx, _: Opened) -> None:
        await registry.revoke_station(tx, CLI, partner, station)

    transact(work)
    say(f"{partner} does not see {station} any more.")


@app.command("limits")
def show_or_change_limits(
    partner: PartnerId,
    *,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=NUMBER", help="May be repeated.")
    ] = None,
    default: Annotated[
        list[str] | None, typer.Option("--default", metavar="NAME", help="As the settings say.")
    ] = None,
    json: Json = False,
) -> None:
    """Show how much a partner may do, or change it; in force at once, on every node.

    Examples:
        voltgate partner limits prt_01jd...

        voltgate partner limits prt_01jd... --set requests_per_minute=1200

        voltgate partner limits prt_01jd... --default requests_per_minute
    """
    changes = dict(_limit(text) for text in set_ or ()) | dict.fromkeys(default or ())

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        if changes:
            await limits.change(tx, CLI, partner_id=partner, changes=changes)
        return await limits.view(tx, opened.settings, partner)

    view = transact(work)
    if json:
        print_facts(view, as_json=True)
        return
    rows = [
        {"limit": name, "number": value, "default": view["defaults"][name]}
        for name, value in view["limits"].items()
    ]
    print_rows("Limits", ["limit", "number", "default"], rows)


def _limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isascii() or not number.isdigit():
        raise fail(f"--set {text}: write NAME=NUMBER.", code=MISUSED)
    return name, int(number)


Move = Callable[..., Awaitable[Partner]]


def _move(move: Move, partner_id: str, *, json: bool) -> None:
    actor: Actor = CLI

    async def work(tx: Tx, _: Opened) -> Partner:
        return await move(tx, actor, partner_id=partner_id)

    print_facts(partner_view(transact(work)), as_json=json)


def _brief(given: dict[str, Any]) -> str:
    return f"{given['station_id']} ({'control' if given['control'] else 'see only'})"
