"""``voltgate station``: places with chargers."""

from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.chargers import registry
from core.chargers.models import Station
from core.chargers.views import station_view
from core.kernel.db import Tx
from core.kernel.page import Page
from ops.cli.output import Json, print_facts, print_rows, say
from ops.cli.running import Opened, transact

app = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=200, help="Rows at most.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="As drivers see it.")],
    *,
    test: Annotated[bool, typer.Option("--test", help="Test data; it never changes.")] = False,
    address: Annotated[str | None, typer.Option()] = None,
    city: Annotated[str | None, typer.Option()] = None,
    country: Annotated[str | None, typer.Option(help="Two letters, such as DE.")] = None,
    latitude: Annotated[float | None, typer.Option()] = None,
    longitude: Annotated[float | None, typer.Option()] = None,
    time_zone: Annotated[str, typer.Option(help="Such as Europe/Berlin.")] = "UTC",
    json: Json = False,
) -> None:
    """Create a station; no partner sees it before it is granted.

    Examples:
        voltgate station create "Depot North"

        voltgate station create "Depot" --city Berlin --country DE --time-zone Europe/Berlin
    """

    async def work(tx: Tx, _: Opened) -> Station:
        return await registry.create_station(
            tx,
            CLI,
            name=name,
            livemode=not test,
            address=address,
            city=city,
            country=country,
            latitude=latitude,
            longitude=longitude,
            time_zone=time_zone,
        )

    station = transact(work)
    view = station_view(station, [], [])
    print_facts(view if json else _brief(view), as_json=json)
    if not json:
        say(f"[bold]next[/bold]  voltgate charger register IDENTITY --station {station.id}")


@app.command("list")
def list_stations(*, limit: Limit = 200, json: Json = False) -> None:
    """List stations with the number of their chargers.

    Example: voltgate station list
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await registry.list_stations(tx, page=Page(limit=limit))
        chargers, connectors = await registry.tree_of(tx, [station.id for station in found.rows])
        return [station_view(station, chargers, connectors) for station in found.rows]

    views = transact(work)
    rows = views if json else [_brief(view) for view in views]
    print_rows(
        "Stations", ["id", "name", "mode", "city", "country", "chargers"], rows, as_json=json
    )


def _brief(view: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": view["id"],
        "name": view["name"],
        "mode": "live" if view["livemode"] else "test",
        "city": view["city"],
        "country": view["country"],
        "time_zone": view["time_zone"],
        "chargers": len(view["chargers"]),
    }
