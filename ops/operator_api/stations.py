"""Stations: places with chargers."""

from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from core.chargers import registry
from core.chargers.models import Station
from core.chargers.views import station_view
from core.kernel.db import Tx
from ops.operator_api.deps import ADMIN, READS, Acting, resource
from partner_api.answers import listed
from partner_api.deps import Paging, Transaction
from partner_api.fields import In

routes = resource("/stations", tag="stations")

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
    chargers, connectors = await registry.tree_of(tx, [station.id for station in found.rows])
    data = [station_view(station, chargers, connectors) for station in found.rows]
    return listed(data, has_more=found.next_cursor is not None, next_cursor=found.next_cursor)


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


async def _view(tx: Tx, station: Station) -> dict[str, Any]:
    chargers, connectors = await registry.tree_of(tx, [station.id])
    return station_view(station, chargers, connectors)
