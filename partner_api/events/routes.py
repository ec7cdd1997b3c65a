"""``/v1/events``."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from core.partners.scopes import Scope
from core.partners.service import Caller
from core.webhooks import deliveries, events
from core.webhooks.types import EventType
from core.webhooks.views import delivery_view, event_view
from core.webhooks.wanted import Wanted
from partner_api.answers import Json, listed
from partner_api.bodies import StrictRoute
from partner_api.deps import Transaction
from partner_api.documented import answers, list_of
from partner_api.events.schemas import Event, Resend
from partner_api.events.stream import Stream, follow
from partner_api.fields import Count, Instant, Seq
from partner_api.security.access import ActingCaller, needs
from partner_api.webhook_endpoints.schemas import Delivery

_NEXT_SEQ: Final = (int, Field(description="For `?after_seq=`."))
_OLDEST_SEQ: Final = (int, Field(description="No event from this `seq` on has been deleted."))

EventReader = Annotated[Caller, needs(Scope.EVENTS_READ)]

router = APIRouter(tags=["events"], route_class=StrictRoute)


@router.get(
    "/v1/events",
    **answers(200, list_of(Event, next_seq=_NEXT_SEQ, oldest_seq=_OLDEST_SEQ), "events_expired"),
)
async def list_events(
    caller: EventReader,
    tx: Transaction,
    after_seq: Annotated[Seq, Query(description="`next_seq` of the previous page.")] = 0,
    type: Annotated[EventType | None, Query()] = None,  # noqa: A002 - the name on the wire
    object_id: Annotated[
        str | None,
        Query(min_length=1, max_length=64, description="About this operation, session, order ..."),
    ] = None,
    session_id: Annotated[
        str | None,
        Query(
            min_length=1, max_length=64, description="About this session, its operations or order."
        ),
    ] = None,
    since: Annotated[Instant | None, Query(description="Written at or after.")] = None,
    until: Annotated[Instant | None, Query(description="Written before.")] = None,
    limit: Annotated[Count, Query(ge=1, le=200)] = 50,
) -> Response:
    """List events, the oldest first; whoever goes on after `next_seq` misses none.

    With a filter a page may be empty and still have `has_more`: one call looks at 50,000 events.

    Events are kept for 90 days. Going on after a `seq` whose successors have been deleted is
    answered with `410 events_expired`; 0 begins with the oldest that is kept.
    """
    found = await events.list_events(
        tx,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        after_seq=after_seq,
        wanted=Wanted(
            types=None if type is None else [type],
            object_id=object_id,
            session_id=session_id,
            since=since,
            until=until,
        ),
        limit=limit,
    )
    data = [event_view(event) for event in found.rows]
    numbers = {"next_seq": found.next_seq, "oldest_seq": found.oldest_seq}
    return Json(listed(data, has_more=found.has_more, next_cursor=None, **numbers))


@router.get(
    "/v1/events/stream",
    response_class=EventSourceResponse,
    **answers(200, None, "events_expired"),
)
async def stream_events(stream: Stream) -> AsyncIterator[ServerSentEvent]:
    """Follow events as server-sent events: `id` is the `seq`, `event` the type, `data` the event.

    Begins after `Last-Event-ID` or `after_seq`, else with what happens from now on. A comment
    every 15 s keeps the connection alive. Ends when the key is revoked. Beginning after a `seq`
    whose successors have been deleted is answered with `410 events_expired`.
    """
    async for event in follow(stream):
        yield event


@router.get("/v1/events/{event_id}", **answers(200, Event, "not_found"))
async def get_event(event_id: str, caller: EventReader, tx: Transaction) -> Response:
    """Return an event as it was sent."""
    event = await events.get_event(
        tx, event_id, partner_id=caller.partner_id, livemode=caller.livemode
    )
    return Json(event_view(event))


@router.post(
    "/v1/events/{event_id}/resend",
    **answers(202, list_of(Delivery), "not_found", "conflict", body=True),
)
async def resend_event(
    event_id: str,
    caller: Annotated[Caller, needs(Scope.WEBHOOKS_MANAGE)],
    actor: ActingCaller,
    tx: Transaction,
    body: Resend | None = None,
) -> Response:
    """Queue an event once more: the same id and bytes."""
    queued = await deliveries.resend(
        tx,
        actor,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        event_id=event_id,
        endpoint_id=None if body is None else body.endpoint_id,
    )
    data = [delivery_view(delivery) for delivery in queued]
    return Json(listed(data, has_more=False, next_cursor=None), 202)
