"""``voltgate station group``: stations that are granted together."""

from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.chargers import groups
from core.kernel.db import Tx
from core.kernel.page import Page
from ops.cli.output import Json, print_facts, print_rows, say
from ops.cli.running import Opened, transact
from ops.operator_api.views import group_grant_view, group_view

app = typer.Typer()

GroupId = Annotated[str, typer.Argument(metavar="GROUP", help="Id of the group: grp_...")]
PartnerId = Annotated[str, typer.Argument(metavar="PARTNER", help="Id of the partner: prt_...")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="For you; partners never see it.")],
    *,
    test: Annotated[bool, typer.Option("--test", help="For test stations.")] = False,
    json: Json = False,
) -> None:
    """Create a group; then put stations in and grant it.

    Example: voltgate station group create "Berlin"
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        return group_view(await groups.create_group(tx, CLI, name=name, livemode=not test))

    group = transact(work)
    print_facts(group, as_json=json)
    if not json:
        say(f"[bold]next[/bold]  voltgate station group add {group['id']} STATION ...")


@app.command("list")
def list_groups(
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Rows at most.")] = 200,
    json: Json = False,
) -> None:
    """List groups.

    Example: voltgate station group list
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await groups.list_groups(tx, Page(limit=limit))
        return [group_view(group) for group in found.rows]

    print_rows("Station groups", ["id", "name", "livemode"], transact(work), as_json=json)


@app.command()
def show(group: GroupId, *, json: Json = False) -> None:
    """Show what is in a group and who was granted it.

    Example: voltgate station group show grp_01jd...
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = group_view(await groups.get_group(tx, group))
        contents = await groups.contents_of(tx, group)
        grants = [group_grant_view(grant) for grant in contents.grants]
        return {**found, "station_ids": list(contents.station_ids), "grants": grants}

    print_facts(transact(work), as_json=json)


@app.command()
def add(
    group: GroupId,
    stations: Annotated[list[str], typer.Argument(metavar="STATION...", help="st_... each.")],
) -> None:
    """Put stations into a group; partners who were granted it are told.

    Example: voltgate station group add grp_01jd... st_01jd... st_01je...
    """

    async def work(tx: Tx, _: Opened) -> None:
        await groups.add_stations(tx, CLI, group, stations)

    transact(work)
    say(f"{len(set(stations))} in {group}.")


@app.command()
def take(
    group: GroupId, station: Annotated[str, typer.Argument(metavar="STATION", help="st_...")]
) -> None:
    """Take a station out of a group; its partners are told.

    Example: voltgate station group take grp_01jd... st_01jd...
    """

    async def work(tx: Tx, _: Opened) -> None:
        await groups.take_station(tx, CLI, group, station)

    transact(work)
    say(f"{station} is not in {group} any more.")


@app.command()
def grant(
    group: GroupId,
    partner: PartnerId,
    *,
    control: Annotated[
        bool, typer.Option("--control/--see-only", help="May charge there, or only see it.")
    ] = False,
    json: Json = False,
) -> None:
    """Let a partner see whatever is or comes into a group and, with --control, charge there.

    Example: voltgate station group grant grp_01jd... prt_01jd... --control
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        given = await groups.grant_group(tx, CLI, partner, group, control=control)
        return group_grant_view(given)

    print_facts(transact(work), as_json=json)


@app.command()
def ungrant(group: GroupId, partner: PartnerId) -> None:
    """Take a group back from a partner; sessions that run go on.

    Example: voltgate station group ungrant grp_01jd... prt_01jd...
    """

    async def work(tx: Tx, _: Opened) -> None:
        await groups.revoke_group(tx, CLI, partner, group)

    transact(work)
    say(f"{partner} was granted {group} until now.")


@app.command()
def delete(group: GroupId) -> None:
    """Remove a group; its partners see only what is granted to them otherwise.

    Example: voltgate station group delete grp_01jd...
    """

    async def work(tx: Tx, _: Opened) -> None:
        await groups.remove_group(tx, CLI, group)

    transact(work)
    say(f"{group} is removed.")
