"""``voltgate station``: places with chargers."""

from json import loads
from pathlib import Path
from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.chargers import pictures, registry
from core.chargers.models import Station
from core.chargers.views import picture_view, station_view, station_views
from core.kernel.db import Tx
from core.kernel.page import Page
from ops.cli.output import MISUSED, Json, fail, print_facts, print_rows, say
from ops.cli.running import Opened, run, transact

app = typer.Typer()

StationId = Annotated[str, typer.Argument(metavar="STATION", help="Id: st_...")]
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
        tree = await registry.tree_of(tx, [station.id for station in found.rows])
        return list(station_views(found.rows, *tree).values())

    views = transact(work)
    rows = views if json else [_brief(view) for view in views]
    print_rows(
        "Stations", ["id", "name", "mode", "city", "country", "chargers"], rows, as_json=json
    )


@app.command()
def hours(
    station: StationId,
    *,
    file: Annotated[
        Path | None, typer.Option(help="JSON as in OCPI: regular_hours and exceptions.")
    ] = None,
    always: Annotated[bool, typer.Option("--always", help="Open round the clock.")] = False,
    unknown: Annotated[bool, typer.Option("--unknown", help="Say nothing about it.")] = False,
    json: Json = False,
) -> None:
    """Say when a station is open; partners are told.

    Examples:
        voltgate station hours st_01jd... --always

        voltgate station hours st_01jd... --file hours.json
    """
    if sum((file is not None, always, unknown)) != 1:
        raise fail("Give one of --file, --always and --unknown.", code=MISUSED)
    times = {"twentyfourseven": True} if always else None
    if file is not None:
        times = _object_in(file)

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        changed = await registry.update_station(tx, CLI, station, {"opening_times": times})
        return station_view(changed, [], [])

    view = transact(work)
    print_facts(view if json else {"id": view["id"], **(view["opening_times"] or {})}, as_json=json)


@app.command("add-picture")
def add_picture(
    station: StationId,
    file: Annotated[Path, typer.Argument(help="A PNG or JPEG.", exists=True, dir_okay=False)],
    *,
    caption: Annotated[str | None, typer.Option(help="What it shows.")] = None,
    json: Json = False,
) -> None:
    """Add a picture to a station; partners are told.

    Example: voltgate station add-picture st_01jd... entrance.jpg --caption "The entrance"
    """

    async def work(opened: Opened) -> dict[str, Any]:
        picture = await pictures.attach(
            opened.db,
            opened.settings,
            CLI,
            station_id=station,
            content=file.read_bytes(),
            caption=caption,
        )
        return picture_view(station, picture)

    print_facts(run(work), as_json=json)


@app.command("take-picture")
def take_picture(
    station: StationId,
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="pic_...")],
) -> None:
    """Take a picture off a station; partners are told.

    Example: voltgate station take-picture st_01jd... pic_01jd...
    """

    async def work(tx: Tx, _: Opened) -> None:
        await pictures.remove(tx, CLI, station, picture)

    transact(work)
    say(f"{station} does not show {picture} any more.")


def _object_in(file: Path) -> dict[str, Any]:
    """Return the JSON object in a file, or say what is wrong with it and exit."""
    try:
        found = loads(file.read_text())
    except (OSError, ValueError) as exc:
        raise fail(f"{file}: {exc}", code=MISUSED) from exc
    if not isinstance(found, dict):
        raise fail(f"{file} has no JSON object.", code=MISUSED)
    return found


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
