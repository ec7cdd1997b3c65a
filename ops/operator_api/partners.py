"""Partners and the stations granted to them."""

from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from core.chargers import registry
from core.conduct import service as conduct
from core.partners import service as partners
from core.webhooks import partner_events
from core.webhooks.partner_events import partner_view
from ops.operator_api.deps import ADMIN, READS, Acting, resource
from ops.operator_api.views import grant_view
from partner_api.answers import listed, page_of
from partner_api.deps import Paging, Transaction
from partner_api.fields import In

routes = resource("/partners", tag="partners")


class NewPartner(In):
    name: Annotated[str, Field(min_length=1, max_length=200)]


class GrantIn(In):
    control: bool = Field(default=False, description="May charge there, too.")


@routes.post("", status_code=201, dependencies=[ADMIN], summary="Create a partner")
async def create(
    body: NewPartner, response: Response, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Then grant it stations and make it a key."""
    partner = await partners.create_partner(tx, actor, name=body.name)
    response.headers["Location"] = f"/operator/v1/partners/{partner.id}"
    return partner_view(partner)


@routes.get("", dependencies=[READS], summary="Partners")
async def list_partners(page: Paging, tx: Transaction) -> dict[str, Any]:
    """Suspended ones included."""
    return page_of(await partners.list_partners(tx, page), partner_view)


@routes.get("/{partner_id}", dependencies=[READS], summary="One partner and its grants")
async def show(partner_id: str, tx: Transaction) -> dict[str, Any]:
    """Its keys are at `/partners/{id}/api_keys`."""
    partner = await partners.get(tx, partner_id)
    grants = await partners.grants_of(tx, partner_id)
    return {
        **partner_view(partner),
        "test_only": partner.test_only,
        "grants": [grant_view(grant) for grant in grants],
    }


@routes.post("/{partner_id}/suspend", dependencies=[ADMIN], summary="Suspend a partner")
async def suspend(partner_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """It may still read and stop its own sessions; what was accepted goes on."""
    return partner_view(await partner_events.suspend(tx, actor, partner_id=partner_id))


@routes.post("/{partner_id}/reinstate", dependencies=[ADMIN], summary="End a suspension")
async def reinstate(partner_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """It may do what its keys allow again."""
    return partner_view(await conduct.reinstate(tx, actor, partner_id=partner_id))


@routes.get("/{partner_id}/grants", dependencies=[READS], summary="Its stations")
async def list_grants(partner_id: str, tx: Transaction) -> dict[str, Any]:
    """Which stations it sees, and where it may charge."""
    await partners.get(tx, partner_id)
    data = [grant_view(grant) for grant in await partners.grants_of(tx, partner_id)]
    return listed(data, has_more=False, next_cursor=None)


@routes.put("/{partner_id}/grants/{station_id}", dependencies=[ADMIN], summary="Grant a station")
async def put_grant(
    partner_id: str, station_id: str, body: GrantIn, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """The partner is told of a new one (`station.created`)."""
    grant = await registry.grant_station(tx, actor, partner_id, station_id, control=body.control)
    return grant_view(grant)


@routes.delete(
    "/{partner_id}/grants/{station_id}",
    status_code=204,
    dependencies=[ADMIN],
    summary="Take a grant away",
)
async def delete_grant(
    partner_id: str, station_id: str, tx: Transaction, actor: Acting
) -> Response:
    """Running sessions go on; the partner is told (`station.removed`)."""
    await registry.revoke_station(tx, actor, partner_id, station_id)
    return Response(status_code=204)
