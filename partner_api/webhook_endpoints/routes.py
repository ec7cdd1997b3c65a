"""``/v1/webhook_endpoints`` and ``/v1/deliveries``."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from core.partners.scopes import Scope
from core.partners.service import Caller
from core.webhooks import deliveries, endpoints
from core.webhooks.states import DeliveryStatus
from core.webhooks.views import delivery_view, endpoint_view
from partner_api.answers import Json, page_of
from partner_api.bodies import StrictRoute
from partner_api.deps import Config, Paging, Secrets, Transaction
from partner_api.documented import answers, list_of
from partner_api.security.access import ActingCaller, needs
from partner_api.webhook_endpoints.schemas import (
    ChangeEndpoint,
    CreateEndpoint,
    Deleted,
    Delivery,
    DeliveryWithAttempts,
    Endpoint,
    EndpointWithSecret,
    Ping,
    Recover,
    Recovery,
    RotateSecret,
)

Manager = Annotated[Caller, needs(Scope.WEBHOOKS_MANAGE)]

router = APIRouter(tags=["webhooks"], route_class=StrictRoute)


def _whose(caller: Caller) -> dict[str, Any]:
    return {"partner_id": caller.partner_id, "livemode": caller.livemode}


@router.get("/v1/webhook_endpoints", **answers(200, list_of(Endpoint), "invalid_cursor"))
async def list_webhook_endpoints(caller: Manager, tx: Transaction, page: Paging) -> Response:
    """List endpoints."""
    found = await endpoints.list_endpoints(tx, **_whose(caller), page=page)
    return Json(page_of(found, endpoint_view))


@router.post(
    "/v1/webhook_endpoints",
    **answers(
        201,
        EndpointWithSecret,
        "webhook_url_forbidden",
        "conflict",
        body=True,
        headers={"Location": "The endpoint."},
    ),
)
async def create_webhook_endpoint(
    body: CreateEndpoint,
    caller: Manager,
    actor: ActingCaller,
    tx: Transaction,
    settings: Config,
    vault: Secrets,
) -> Response:
    """Create an endpoint; its secret is shown in this answer only."""
    endpoint, secret = await endpoints.create(
        tx, vault, settings, actor, **_whose(caller), **body.model_dump()
    )
    headers = {"Location": f"/v1/webhook_endpoints/{endpoint.id}"}
    return Json({**endpoint_view(endpoint), "secret": secret}, 201, headers)


@router.get("/v1/webhook_endpoints/{endpoint_id}", **answers(200, Endpoint, "not_found"))
async def get_webhook_endpoint(endpoint_id: str, caller: Manager, tx: Transaction) -> Response:
    """Return an endpoint, without its secret."""
    endpoint = await endpoints.get(tx, **_whose(caller), endpoint_id=endpoint_id)
    return Json(endpoint_view(endpoint))


@router.patch(
    "/v1/webhook_endpoints/{endpoint_id}",
    **answers(200, Endpoint, "not_found", "webhook_url_forbidden", body=True),
)
async def change_webhook_endpoint(
    endpoint_id: str,
    body: ChangeEndpoint,
    caller: Manager,
    actor: ActingCaller,
    tx: Transaction,
    settings: Config,
) -> Response:
    """Change what is named."""
    endpoint = await endpoints.update(
        tx,
        settings,
        actor,
        **_whose(caller),
        endpoint_id=endpoint_id,
        changes=body.model_dump(exclude_unset=True),
    )
    return Json(endpoint_view(endpoint))


@router.delete("/v1/webhook_endpoints/{endpoint_id}", **answers(200, Deleted, "not_found"))
async def delete_webhook_endpoint(
    endpoint_id: str, caller: Manager, actor: ActingCaller, tx: Transaction
) -> Response:
    """Delete an endpoint; what was queued for it is not sent."""
    await endpoints.delete(tx, actor, **_whose(caller), endpoint_id=endpoint_id)
    return Json({"id": endpoint_id, "object": "webhook_endpoint", "deleted": True})


@router.post(
    "/v1/webhook_endpoints/{endpoint_id}/rotate_secret",
    **answers(200, EndpointWithSecret, "not_found", body=True),
)
async def rotate_webhook_secret(
    endpoint_id: str,
    caller: Manager,
    actor: ActingCaller,
    tx: Transaction,
    vault: Secrets,
    body: RotateSecret | None = None,
) -> Response:
    """Make a new secret; for a while the old one signs as well."""
    overlap_hours = (body or RotateSecret()).overlap_hours
    endpoint, secret = await endpoints.rotate_secret(
        tx,
        vault,
        actor,
        **_whose(caller),
        endpoint_id=endpoint_id,
        overlap_hours=overlap_hours,
    )
    return Json({**endpoint_view(endpoint), "secret": secret})


@router.post(
    "/v1/webhook_endpoints/{endpoint_id}/ping", **answers(202, Ping, "not_found", "conflict")
)
async def ping_webhook_endpoint(
    endpoint_id: str, caller: Manager, actor: ActingCaller, tx: Transaction
) -> Response:
    """Send an event of type `ping` to this endpoint."""
    event_id = await endpoints.ping(tx, actor, **_whose(caller), endpoint_id=endpoint_id)
    return Json({"object": "ping", "event_id": event_id}, 202)


@router.post("/v1/webhook_endpoints/{endpoint_id}/enable", **answers(200, Endpoint, "not_found"))
async def enable_webhook_endpoint(
    endpoint_id: str, caller: Manager, actor: ActingCaller, tx: Transaction
) -> Response:
    """Send to it again from now on; `recover` sends what it missed."""
    endpoint = await endpoints.enable(tx, actor, **_whose(caller), endpoint_id=endpoint_id)
    return Json(endpoint_view(endpoint))


@router.post(
    "/v1/webhook_endpoints/{endpoint_id}/recover",
    **answers(202, Recovery, "not_found", "conflict", body=True),
)
async def recover_webhook_endpoint(
    endpoint_id: str, body: Recover, caller: Manager, actor: ActingCaller, tx: Transaction
) -> Response:
    """Queue again what happened since an instant and never reached the endpoint."""
    recovered = await endpoints.recover(
        tx, actor, **_whose(caller), endpoint_id=endpoint_id, since=body.since
    )
    content = {"object": "recovery", "count": recovered.count, "has_more": recovered.has_more}
    return Json(content, 202)


@router.get(
    "/v1/webhook_endpoints/{endpoint_id}/deliveries",
    **answers(200, list_of(Delivery), "not_found", "invalid_cursor"),
)
async def list_deliveries(
    endpoint_id: str,
    caller: Manager,
    tx: Transaction,
    page: Paging,
    status: Annotated[DeliveryStatus | None, Query()] = None,
) -> Response:
    """List what was sent, or is to be sent, to an endpoint."""
    found = await deliveries.list_deliveries(
        tx, **_whose(caller), endpoint_id=endpoint_id, status=status, page=page
    )
    return Json(page_of(found, delivery_view))


@router.get("/v1/deliveries/{delivery_id}", **answers(200, DeliveryWithAttempts, "not_found"))
async def get_delivery(delivery_id: str, caller: Manager, tx: Transaction) -> Response:
    """Return a delivery and its attempts."""
    delivery, attempts = await deliveries.get_delivery(
        tx, **_whose(caller), delivery_id=delivery_id
    )
    return Json(delivery_view(delivery, attempts))
