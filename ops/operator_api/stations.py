"""Stations: places with chargers."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from core.chargers import pictures, registry
from core.chargers.models import Station
from core.chargers.views import picture_view, station_view, station_views
from core.kernel.db import Tx
from ops.operator_api.deps import ADMIN, READS, Acting, NeedsToWait, Waiter, resource
from partner_api.answers import page_of
from partner_api.deps import Paging, Transaction
from partner_api.fields import In
from partner_api.services import Services

routes = resource("/stations", tag="stations")

WaitingAdmin = Annotated[Waiter, Depends(NeedsToWait(()))]

Name = Annotated[str, Field(min_length=1, max_length=200)]
Address = Annotated[str, Field(max_length=300)]
City = Annotated[str, Field(max_length=100)]
Country = Annotated[str, Field(description="ISO 3166-1 alpha-2.", examples=["DE"])]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
TimeZone = Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])]


class NewStation(In):
    """No partner sees it before it is granted."""

    name: Name
    livemode: bool = Field(default=True, description="`false`: test data; never changes.")
    address: Address | None = None
    city: City | None = None
    country: Country | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    time_zone: TimeZone = "UTC"
    opening_times: dict[str, Any] | None = None


class Changes(In):
    """What is named is changed; `null` clears it."""

    name: Name | None = None
    address: Address | None = None
    city: City | None = None
    country: Country | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    time_zone: TimeZone | None = None
    opening_times: dict[str, Any] | None = None


@routes.post("", status_code=201, dependencies=[ADMIN], summary="Create a station")
async def create(
    body: NewStation, response: Response, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Then register chargers there and grant it to partners."""
    station = await registry.create_station(tx, actor, **body.model_dump())
    response.headers["Location"] = f"/operator/v1/stations/{station.id}"
    return station_view(station, [], [])


@routes.get("", dependencies=[READS], summary="Stations")
async def list_stations(
    page: Paging, tx: Transaction, *, livemode: bool | None = None
) -> dict[str, Any]:
    """With their chargers and connectors."""
    found = await registry.list_stations(tx, livemode=livemode, page=page)
    tree = await registry.tree_of(tx, [station.id for station in found.rows])
    views = station_views(found.rows, *tree)
    return page_of(found, lambda station: views[station.id])


@routes.get("/{station_id}", dependencies=[READS], summary="One station")
async def show(station_id: str, tx: Transaction) -> dict[str, Any]:
    """With its chargers and connectors."""
    return await _view(tx, await registry.get_station(tx, station_id))


@routes.patch("/{station_id}", dependencies=[ADMIN], summary="Change a station")
async def change(station_id: str, body: Changes, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Partners who see it are told (`station.updated`)."""
    changes = body.model_dump(exclude_unset=True)
    return await _view(tx, await registry.update_station(tx, actor, station_id, changes))


@routes.delete("/{station_id}", status_code=204, dependencies=[ADMIN], summary="Remove a station")
async def remove(station_id: str, tx: Transaction, actor: Acting) -> Response:
    """Only once it has no chargers."""
    await registry.remove_station(tx, actor, station_id)
    return Response(status_code=204)


@routes.post(
    "/{station_id}/pictures",
    status_code=201,
    summary="Add a picture",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The PNG or JPEG itself; the content decides, not the header.",
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def add_picture(
    station_id: str,
    request: Request,
    admin: WaitingAdmin,
    caption: Annotated[str | None, Query(max_length=200)] = None,
) -> dict[str, Any]:
    """The body is the file (`curl --data-binary @file`); at most 10, partners are told."""
    services = Services.of(request.scope)
    picture = await pictures.attach(
        services.db,
        services.settings,
        admin.actor,
        station_id=station_id,
        content=await request.body(),
        caption=caption,
    )
    return picture_view(station_id, picture)


@routes.delete(
    "/{station_id}/pictures/{picture_id}",
    status_code=204,
    dependencies=[ADMIN],
    summary="Take a picture off",
)
async def remove_picture(
    station_id: str, picture_id: str, tx: Transaction, actor: Acting
) -> Response:
    """Partners are told (`station.updated`)."""
    await pictures.remove(tx, actor, station_id, picture_id)
    return Response(status_code=204)


async def _view(tx: Tx, station: Station) -> dict[str, Any]:
    chargers, connectors = await registry.tree_of(tx, [station.id])
    return station_view(station, chargers, connectors)
