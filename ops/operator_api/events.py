"""Events, deliveries and dead letters of all partners."""

import re
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import Field

from core.kernel.errors import PlatformError
from core.webhooks import deliveries, tracing
from core.webhooks import events as reading
from core.webhooks.replaying import replay_dead_letters
from core.webhooks.tracing import TracedEvent
from core.webhooks.types import EventType
from core.webhooks.views import attempt_view, dead_letter_view, delivery_view, event_view
from ops.operator_api.deps import READS, SUPPORT, Acting, resource
from partner_api.answers import listed, page_of
from partner_api.deps import Paging, Transaction
from partner_api.fields import Count, In, Instant, ObjectId

routes = resource("", tag="events")

Id = Annotated[str | None, Query(max_length=64)]
_CURSOR: Final = re.compile(r"evt_[0-9a-z]{26}", re.ASCII)


class Resend(In):
    endpoint_id: ObjectId | None = None


class Replay(In):
    """Which dead letters; all of them, if nothing is said."""

    endpoint_id: ObjectId | None = None
    event_types: list[ObjectId] | None = Field(
        None, max_length=100, description="Of these types or groups, such as `operation.*`."
    )
    since: Instant | None = Field(None, description="Given up since then.")
    until: Instant | None = Field(None, description="Given up before.")


@routes.get("/events", dependencies=[READS], summary="Events, the newest first")
async def list_events(
    tx: Transaction,
    limit: Annotated[Count, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    partner_id: Id = None,
    type: Annotated[EventType | None, Query()] = None,  # noqa: A002 - its name on the wire
    object_id: Id = None,
) -> dict[str, Any]:
    """Of all partners; `object_id`: about this operation, session, order ..."""
    found = await tracing.newest_events(
        tx,
        partner_id=partner_id,
        type_=type,
        object_id=object_id,
        before=None if cursor is None else _checked(cursor),
        limit=limit + 1,
    )
    shown, has_more = found[:limit], len(found) > limit
    return listed(
        [event_view(event) for event in shown],
        has_more=has_more,
        next_cursor=shown[-1].id if has_more else None,
    )


@routes.get("/events/{event_id}", dependencies=[READS], summary="One event and its deliveries")
async def show_event(event_id: str, tx: Transaction) -> dict[str, Any]:
    """The event exactly as it is sent, and every attempt so far."""
    event = await reading.get_event(tx, event_id, partner_id=None, livemode=None)
    traced = await tracing.of_event(tx, event)
    return {"object": "traced_event", "event": event_view(event), "deliveries": _views(traced)}


@routes.post("/events/{event_id}/resend", dependencies=[SUPPORT], summary="Send an event again")
async def resend(event_id: str, body: Resend, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """The same id and bytes, to one endpoint or to all that want its type."""
    event = await reading.get_event(tx, event_id, partner_id=None, livemode=None)
    made = await deliveries.resend(
        tx,
        actor,
        partner_id=event.partner_id,
        livemode=event.livemode,
        event_id=event_id,
        endpoint_id=body.endpoint_id,
    )
    return listed([delivery_view(delivery) for delivery in made], has_more=False, next_cursor=None)


@routes.get("/dead_letters", dependencies=[READS], summary="Deliveries that were given up")
async def dead_letters(page: Paging, tx: Transaction) -> dict[str, Any]:
    """Of all partners; `total` counts them all."""
    found = await deliveries.dead_letters(tx, page)
    total = await deliveries.count_dead_letters(tx)
    return {**page_of(found, dead_letter_view), "total": total}


@routes.post("/dead_letters/replay", dependencies=[SUPPORT], summary="Send dead letters again")
async def replay_all(body: Replay, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """At most 1,000; repeat it until `count` is 0. What reached its endpoint since is left out."""
    made = await replay_dead_letters(
        tx,
        actor,
        endpoint_id=body.endpoint_id,
        event_types=body.event_types,
        since=body.since,
        until=body.until,
    )
    return {"object": "replay", "count": len(made), "delivery_ids": made}


@routes.post("/dead_letters/{delivery_id}/replay", dependencies=[SUPPORT], summary="Send one again")
async def replay_one(delivery_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """The dead letter stays; a new delivery of the same event is made."""
    made = await replay_dead_letters(tx, actor, delivery_id=delivery_id)
    return {"object": "replay", "count": len(made), "delivery_ids": made}


def _views(traced: TracedEvent) -> list[dict[str, Any]]:
    return [
        {
            **delivery_view(one.delivery),
            "url": one.url,
            "attempts": [attempt_view(attempt) for attempt in one.attempts],
        }
        for one in traced.deliveries
    ]


def _checked(cursor: str) -> str:
    """Return the id of the event that a cursor stands for."""
    if not _CURSOR.fullmatch(cursor):
        raise _invalid_cursor()
    return cursor


def _invalid_cursor() -> PlatformError:
    return PlatformError("invalid_cursor", "Use next_cursor of the previous page, unchanged.")
