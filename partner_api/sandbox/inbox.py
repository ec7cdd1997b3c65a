"""``/v1/test_helpers/inbox``: webhooks to read, for who has no public address."""

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response

from core.kernel.doorbell import rung
from core.kernel.page import Page, Slice
from core.kernel.times import rfc3339
from core.partners.scopes import Scope
from core.partners.service import Caller
from core.webhooks import endpoints, inbox
from core.webhooks.health import whole_view
from core.webhooks.inbox import Message
from core.webhooks.types import EventType
from partner_api.answers import Json, page_of
from partner_api.bodies import StrictRoute
from partner_api.deps import Paging, Secrets, Transaction
from partner_api.documented import answers, list_of
from partner_api.sandbox.routes import require_test_mode
from partner_api.sandbox.schemas import CreateInbox, Emptied, InboxMessage
from partner_api.security.access import ActingCaller, Watcher, needs, needs_to_watch
from partner_api.services import PartnerServices
from partner_api.webhook_endpoints.schemas import EndpointWithSecret

_SWEEP_S: Final = 1.0
_ALWAYS: Final = ("test_mode_only", "not_implemented")

router = APIRouter(tags=["test mode"], route_class=StrictRoute)

Manager = Annotated[Caller, needs(Scope.WEBHOOKS_MANAGE)]


@router.post(
    "/v1/test_helpers/inbox",
    **answers(
        201,
        EndpointWithSecret,
        *_ALWAYS,
        "conflict",
        body=True,
        headers={"Location": "The endpoint."},
    ),
)
async def create_inbox(
    request: Request,
    caller: Manager,
    actor: ActingCaller,
    tx: Transaction,
    vault: Secrets,
    body: CreateInbox | None = None,
) -> Response:
    """Create your inbox: a webhook endpoint that keeps what it gets, seven days.

    Its secret is shown in this answer only. In all else it is an endpoint as any other.
    """
    require_test_mode(request, caller)
    endpoint, secret = await endpoints.create_inbox(
        tx,
        vault,
        actor,
        partner_id=caller.partner_id,
        event_types=(body or CreateInbox()).event_types,
    )
    headers = {"Location": f"/v1/webhook_endpoints/{endpoint.id}"}
    return Json({**await whole_view(tx, endpoint), "secret": secret}, 201, headers)


@router.get(
    "/v1/test_helpers/inbox",
    **answers(200, list_of(InboxMessage), *_ALWAYS, "invalid_cursor"),
)
async def list_inbox(
    request: Request,
    watcher: Annotated[Watcher, needs_to_watch(Scope.EVENTS_READ)],
    page: Paging,
    event_type: Annotated[EventType | None, Query()] = None,
    wait: Annotated[
        float,
        Query(ge=0, le=30, description="Answer when there is one, or after so many seconds."),
    ] = 0,
) -> Response:
    """List what came, the oldest first: headers, signature and the exact body."""
    require_test_mode(request, watcher.caller)
    services = PartnerServices.of(request.scope)
    partner_id = watcher.caller.partner_id
    until_s = services.clock.monotonic() + wait
    async with services.db.doorbell.subscribe(inbox.topic(partner_id)) as rings:
        while True:
            found = await _look(watcher, event_type, page)
            left_s = until_s - services.clock.monotonic()
            is_over = left_s <= 0 or watcher.is_banned or services.closing.is_set()
            if found.rows or is_over:
                return Json(page_of(found, _view))
            await rung(rings, within_s=min(_SWEEP_S, left_s))
            if await request.is_disconnected():
                return Json(page_of(found, _view))


@router.delete("/v1/test_helpers/inbox", **answers(200, Emptied, *_ALWAYS))
async def empty_inbox(
    request: Request, caller: Manager, actor: ActingCaller, tx: Transaction
) -> Response:
    """Delete what came; the endpoint stays."""
    require_test_mode(request, caller)
    count = await inbox.empty(tx, actor, partner_id=caller.partner_id)
    return Json({"object": "inbox", "deleted": count})


async def _look(watcher: Watcher, event_type: EventType | None, page: Page) -> Slice[Message]:
    async with watcher.look() as tx:
        return await inbox.messages(
            tx, partner_id=watcher.caller.partner_id, event_type=event_type, page=page
        )


def _view(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "object": "inbox_message",
        "endpoint_id": message.endpoint_id,
        "delivery_id": message.delivery_id,
        "event_id": message.event_id,
        "event_type": message.event_type,
        "headers": message.headers,
        "body": message.body,
        "event": msgspec.Raw(message.body.encode()),
        "received_at": rfc3339(message.updated_at),
    }
