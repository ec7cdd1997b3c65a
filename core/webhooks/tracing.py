"""What partners were told about objects, and how that went: evidence for operators."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from core.kernel.db import Tx
from core.webhooks.models import (
    Attempt,
    Delivery,
    Event,
    attempts,
    deliveries,
    endpoints,
    events,
)

EVENTS_TRACED = 200
EVENTS_LOOKED_AT = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedDelivery:
    """A delivery, where it goes, and its attempts in order."""

    delivery: Delivery
    url: str
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedEvent:
    """An event and all its deliveries."""

    event: Event
    deliveries: Sequence[TracedDelivery]


async def of_objects(tx: Tx, object_ids: Sequence[str]) -> Sequence[TracedEvent]:
    """Return the first 200 events about *object_ids*, in the order they were written."""
    statement = (
        select(events)
        .where(events.c.object_id.in_(object_ids))
        .order_by(events.c.created_at, events.c.seq)
        .limit(EVENTS_TRACED)
    )
    found = await tx.all(statement, Event)
    return await _traced(tx, found)


async def of_event(tx: Tx, event: Event) -> TracedEvent:
    """Return an event with its deliveries."""
    (traced,) = await _traced(tx, [event])
    return traced


async def _traced(tx: Tx, found: Sequence[Event]) -> Sequence[TracedEvent]:
    ids = [event.id for event in found]
    statement = (
        select(deliveries, endpoints.c.url)
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(deliveries.c.event_id.in_(ids))
        .order_by(deliveries.c.created_at, deliveries.c.id)
    )
    rows = [row._asdict() for row in await tx.all(statement)]
    tried = await _attempts(tx, [row["id"] for row in rows])
    by_event: dict[str, list[TracedDelivery]] = {event_id: [] for event_id in ids}
    for row in rows:
        url = row.pop("url")
        delivery = Delivery(**row)
        by_event[delivery.event_id].append(
            TracedDelivery(delivery=delivery, url=url, attempts=tried.get(delivery.id, []))
        )
    return [TracedEvent(event=event, deliveries=by_event[event.id]) for event in found]


async def _attempts(tx: Tx, delivery_ids: Sequence[str]) -> dict[str, list[Attempt]]:
    statement = (
        select(attempts)
        .where(attempts.c.delivery_id.in_(delivery_ids))
        .order_by(attempts.c.delivery_id, attempts.c.number)
    )
    found: dict[str, list[Attempt]] = {}
    for attempt in await tx.all(statement, Attempt):
        found.setdefault(attempt.delivery_id, []).append(attempt)
    return found


async def newest_events(
    tx: Tx,
    *,
    partner_id: str | None = None,
    type_: str | None = None,
    object_id: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[Event]:
    """Return events of all partners that fit, the newest first; *before*: the id of an event.

    Ids sort by time. With *type_* alone, or of a partner, it looks at the newest 50,000 events.
    """
    newest = events.c.id.desc()
    looked_at = select(events)
    if object_id is not None:
        looked_at = looked_at.where(events.c.object_id == object_id)
    if partner_id is not None:
        looked_at = looked_at.where(events.c.partner_id == partner_id)
        newest = events.c.seq.desc()
        if before is not None:
            seq = select(events.c.seq).where(events.c.id == before).scalar_subquery()
            looked_at = looked_at.where(events.c.seq < seq)
    elif before is not None:
        looked_at = looked_at.where(events.c.id < before)
    if type_ is None:
        return await tx.all(looked_at.order_by(newest).limit(limit), Event)
    window = looked_at.order_by(newest).limit(EVENTS_LOOKED_AT).subquery()
    order = window.c.id.desc() if partner_id is None else window.c.seq.desc()
    statement = select(window).where(window.c.type == type_).order_by(order).limit(limit)
    return await tx.all(statement, Event)
