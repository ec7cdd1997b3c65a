"""``/v1/webhook_endpoints`` and ``/v1/deliveries``."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from core.chargers.stations import require_visible
from core.partners.scopes import Scope
from core.partners.service import Caller
from core.webhooks import deliveries, endpoints
from core.webhooks.health import health_views, whole_view
from core.webhooks.replaying import Replayed, Which, recover, replay
from core.webhooks.states import DeliveryStatus
from core.webhooks.types import EventType
from core.webhooks.views import delivery_view, endpoint_view
from core.webhooks.wanted import Wanted
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
    Replay,
    Replaying,
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
    health = await health_views(tx, found.rows)
    return Json(page_of(found, lambda one: {**endpoint_view(one), "health": health[one.id]}))


@router.post(
    "/v1/webhook_endpoints",
    **answers(
        201,
        EndpointWithSecret,
        "webhook_url_forbidden",
        "not_found",
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
    values = body.model_dump()
    ordered = values.pop("ordering")
    await require_visible(tx, **_whose(caller), station_ids=body.station_ids or ())
    endpoint, secret = await endpoints.create(
        tx, vault, settings, actor, **_whose(caller), ordered=ordered, **values
    )
    headers = {"Location": f"/v1/webhook_endpoints/{endpoint.id}"}
    return Json({**await whole_view(tx, endpoint), "secret": secret}, 201, headers)


@router.get("/v1/webhook_endpoints/{endpoint_id}", **answers(200, Endpoint, "not_found"))
async def get_webhook_endpoint(endpoint_id: str, caller: Manager, tx: Transaction) -> Response:
    """Return an endpoint, without its secret."""
    endpoint = await endpoints.get(tx, **_whose(caller), endpoint_id=endpoint_id)
    return Json(await whole_view(tx, endpoint))


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
    await require_visible(tx, **_whose(caller), station_ids=body.station_ids or ())
    endpoint = await endpoints.update(
        tx,
        settings,
        actor,
        **_whose(caller),
        endpoint_id=endpoint_id,
        changes=body.model_dump(exclude_unset=True),
    )
    return Json(await whole_view(tx, endpoint))


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
    return Json({**await whole_view(tx, endpoint), "secret": secret})


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
    return Json(await whole_view(tx, endpoint))


@router.post(
    "/v1/webhook_endpoints/{endpoint_id}/recover",
    **answers(202, Recovery, "not_found", "conflict", body=True),
)
async def recover_webhook_endpoint(
    endpoint_id: str, body: Recover, caller: Manager, actor: ActingCaller, tx: Transaction
) -> Response:
    """Queue again what happened since an instant and never reached the endpoint."""
    recovered = await recover(
        tx, actor, **_whose(caller), endpoint_id=endpoint_id, since=body.since
    )
    content = {"object": "recovery", "count": recovered.count, "has_more": recovered.has_more}
    return Json(content, 202)


@router.post(
    "/v1/webhook_endpoints/{endpoint_id}/replay",
    **answers(202, Replaying, "not_found", "conflict", body=True),
)
async def replay_events(
    endpoint_id: str, body: Replay, caller: Manager, actor: ActingCaller, tx: Transaction
) -> Response:
    """Queue again the events that fit all that is given: the same ids and bytes.

    At most 10,000 at once, and at most 50,000 are looked at; while `has_more`, repeat it with
    `after_seq` = `next_seq`. What waits for the endpoint already is left out.
    """
    replayed = await replay(
        tx,
        actor,
        **_whose(caller),
        endpoint_id=endpoint_id,
        which=Which(body.status),
        wanted=Wanted(
            types=body.event_types,
            object_id=body.object_id,
            session_id=body.session_id,
            since=body.since,
            until=body.until,
        ),
        after_seq=body.after_seq,
    )
    return Json(_replaying(replayed), 202)


def _replaying(replayed: Replayed) -> dict[str, Any]:
    return {
        "object": "replay",
        "count": replayed.count,
        "has_more": replayed.has_more,
        "next_seq": replayed.next_seq,
    }


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
    event_type: Annotated[EventType | None, Query()] = None,
    event_id: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> Response:
    """List what was sent, or is to be sent, to an endpoint."""
    found = await deliveries.list_deliveries(
        tx,
        **_whose(caller),
        endpoint_id=endpoint_id,
        status=status,
        event_type=event_type,
        event_id=event_id,
        page=page,
    )
    return Json(page_of(found, delivery_view))


@router.get("/v1/deliveries/{delivery_id}", **answers(200, DeliveryWithAttempts, "not_found"))
async def get_delivery(delivery_id: str, caller: Manager, tx: Transaction) -> Response:
    """Return a delivery and its attempts."""
    delivery, attempts = await deliveries.get_delivery(
        tx, **_whose(caller), delivery_id=delivery_id
    )
    return Json(delivery_view(delivery, attempts))
