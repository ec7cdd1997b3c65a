"""Groups of stations that are granted together."""

from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from core.chargers import groups
from core.chargers.groups import AT_ONCE
from ops.operator_api.deps import ADMIN, READS, Acting, resource
from ops.operator_api.views import group_grant_view, group_view
from partner_api.answers import page_of
from partner_api.deps import Paging, Transaction
from partner_api.fields import In, ObjectId

routes = resource("/station_groups", tag="stations")

Name = Annotated[str, Field(min_length=1, max_length=200)]


class NewGroup(In):
    """Stations of one mode; it begins empty."""

    name: Name
    livemode: bool = Field(default=True, description="`false`: for test stations.")


class Renaming(In):
    name: Name


class Stations(In):
    station_ids: Annotated[list[ObjectId], Field(min_length=1, max_length=AT_ONCE)]


class GroupGrantIn(In):
    control: bool = Field(default=False, description="May charge there, or only see it.")


@routes.post("", status_code=201, dependencies=[ADMIN], summary="Create a group")
async def create(
    body: NewGroup, response: Response, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Then put stations in, and grant it to partners."""
    group = await groups.create_group(tx, actor, name=body.name, livemode=body.livemode)
    response.headers["Location"] = f"/operator/v1/station_groups/{group.id}"
    return group_view(group)


@routes.get("", dependencies=[READS], summary="Groups")
async def list_groups(page: Paging, tx: Transaction) -> dict[str, Any]:
    """Without what is in them."""
    return page_of(await groups.list_groups(tx, page), group_view)


@routes.get("/{group_id}", dependencies=[READS], summary="One group")
async def show(group_id: str, tx: Transaction) -> dict[str, Any]:
    """With its stations and who was granted it."""
    group = await groups.get_group(tx, group_id)
    contents = await groups.contents_of(tx, group_id)
    return {
        **group_view(group),
        "station_ids": list(contents.station_ids),
        "grants": [group_grant_view(grant) for grant in contents.grants],
    }


@routes.patch("/{group_id}", dependencies=[ADMIN], summary="Rename a group")
async def rename(group_id: str, body: Renaming, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Partners never see the name."""
    return group_view(await groups.rename_group(tx, actor, group_id, body.name))


@routes.delete("/{group_id}", status_code=204, dependencies=[ADMIN], summary="Remove a group")
async def remove(group_id: str, tx: Transaction, actor: Acting) -> Response:
    """Its partners see only what is granted to them otherwise; they are told."""
    await groups.remove_group(tx, actor, group_id)
    return Response(status_code=204)


@routes.post("/{group_id}/stations", dependencies=[ADMIN], summary="Put stations in")
async def add_stations(
    group_id: str, body: Stations, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """At most 500 at a time; its partners are told (`station.created`)."""
    return group_view(await groups.add_stations(tx, actor, group_id, body.station_ids))


@routes.delete(
    "/{group_id}/stations/{station_id}",
    status_code=204,
    dependencies=[ADMIN],
    summary="Take a station out",
)
async def take_station(group_id: str, station_id: str, tx: Transaction, actor: Acting) -> Response:
    """Its partners are told, unless they see the station otherwise (`station.removed`)."""
    await groups.take_station(tx, actor, group_id, station_id)
    return Response(status_code=204)


@routes.put("/{group_id}/grants/{partner_id}", dependencies=[ADMIN], summary="Grant a group")
async def put_grant(
    group_id: str, partner_id: str, body: GroupGrantIn, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """All that is in it, and whatever comes into it; the partner is told of each station."""
    grant = await groups.grant_group(tx, actor, partner_id, group_id, control=body.control)
    return group_grant_view(grant)


@routes.delete(
    "/{group_id}/grants/{partner_id}",
    status_code=204,
    dependencies=[ADMIN],
    summary="Take a group back",
)
async def delete_grant(group_id: str, partner_id: str, tx: Transaction, actor: Acting) -> Response:
    """Running sessions go on; the partner is told (`station.removed`)."""
    await groups.revoke_group(tx, actor, partner_id, group_id)
    return Response(status_code=204)
