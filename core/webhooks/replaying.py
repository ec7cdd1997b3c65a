"""Use cases of sending again, by filter: always the same id and bytes (I13)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, select

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.webhooks import ordering, store
from core.webhooks.endpoints import get, require_enabled
from core.webhooks.events import part_of
from core.webhooks.models import Endpoint, deliveries, endpoints, events
from core.webhooks.ordering import Place
from core.webhooks.service import TOPIC, delivery_row
from core.webhooks.states import DeliveryStatus
from core.webhooks.types import EventType, checked_types, covered_types
from core.webhooks.wanted import Wanted

MAX_QUEUED: Final = 10_000
DEAD_LETTERS_AT_ONCE: Final = 1_000

_ON_ITS_WAY: Final = (DeliveryStatus.DUE,)
_ARRIVED_OR_ON_ITS_WAY: Final = (
    DeliveryStatus.DUE,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.SUPERSEDED,
)
"""A newer state that was sent instead is as good."""


class Which(StrEnum):
    """Which of the events that fit; none of them is queued while it waits for the endpoint."""

    ALL = "all"
    """Also what the endpoint has taken already."""
    FAILED = "failed"
    """What was given up after all attempts, and has not arrived since."""
    UNDELIVERED = "undelivered"
    """What has never arrived, for whatever reason: given up, disabled, not subscribed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many were queued; with *has_more* go on with *next_seq* as ``after_seq``."""

    count: int
    has_more: bool
    next_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    id: str
    seq: int
    type: str
    object_id: str
    session_id: str | None


_FOUND: Final = ("id", "seq", "type", "object_id", "session_id")


async def replay(
    tx: Tx,
    actor: Actor,
    *,
    partner_id: str,
    livemode: bool,
    endpoint_id: str,
    which: Which,
    wanted: Wanted,
    after_seq: int = 0,
) -> Replayed:
    """Queue events for an endpoint again, in the order of their numbers, at most 10,000.

    Of *wanted* the types may be groups and need not be subscribed to; none means what is
    subscribed to. An endpoint with stations gets what happened there.

    Raises:
        PlatformError: ``not_found``: the endpoint, or the object or session has no event;
            ``invalid_parameter``; ``conflict``: it is disabled.
    """
    endpoint = await get(tx, partner_id=partner_id, livemode=livemode, endpoint_id=endpoint_id)
    require_enabled(endpoint)
    named = endpoint.event_types if wanted.types is None else checked_types(wanted.types)
    types = [type_ for type_ in covered_types(named) if type_ is not EventType.PING]
    if wanted.is_narrow and not await store.knows(
        tx, partner_id=partner_id, livemode=livemode, wanted=wanted
    ):
        raise not_found("object with events")
    wanted = replace(wanted, types=types, station_ids=endpoint.station_ids)
    part = await part_of(tx, partner_id, wanted, after_seq=after_seq)
    found = await _find(
        tx,
        partner_id=partner_id,
        livemode=livemode,
        endpoint_id=endpoint_id,
        which=which,
        wanted=wanted,
        between=(part.begin, part.end),
    )
    taken = found[:MAX_QUEUED]
    is_cut = len(found) > MAX_QUEUED
    await _queue(tx, endpoint, taken)
    facts = {
        "status": which.value,
        "after_seq": after_seq,
        "count": len(taken),
        "object_id": wanted.object_id,
    }
    await audit.record(tx, actor, "webhook_endpoint.replayed", endpoint_id, after=facts)
    return Replayed(
        count=len(taken),
        has_more=is_cut or part.has_more,
        next_seq=taken[-1].seq if is_cut else part.end,
    )


async def recover(
    tx: Tx, actor: Actor, *, partner_id: str, livemode: bool, endpoint_id: str, since: datetime
) -> Replayed:
    """Queue what happened since *since* and never reached the endpoint, at most 10,000.

    With ``has_more`` the same call goes on.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if the endpoint is disabled.
    """
    endpoint = await get(tx, partner_id=partner_id, livemode=livemode, endpoint_id=endpoint_id)
    require_enabled(endpoint)
    types = [type_ for type_ in covered_types(endpoint.event_types) if type_ is not EventType.PING]
    wanted = Wanted(types=types, station_ids=endpoint.station_ids, since=since)
    between = (
        await store.seq_before(tx, partner_id, since),
        await store.newest_seq(tx, partner_id),
    )
    found = await _find(
        tx,
        partner_id=partner_id,
        livemode=livemode,
        endpoint_id=endpoint_id,
        which=Which.UNDELIVERED,
        wanted=wanted,
        between=between,
    )
    taken = found[:MAX_QUEUED]
    await _queue(tx, endpoint, taken)
    await audit.record(
        tx, actor, "webhook_endpoint.recovered", endpoint_id, after={"count": len(taken)}
    )
    return Replayed(
        count=len(taken),
        has_more=len(found) > len(taken),
        next_seq=taken[-1].seq if taken else between[1],
    )


async def replay_dead_letters(
    tx: Tx,
    actor: Actor,
    *,
    delivery_id: str | None = None,
    endpoint_id: str | None = None,
    event_types: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = DEAD_LETTERS_AT_ONCE,
) -> list[str]:
    """Queue dead letters again, at most *limit*; return the ids of the new deliveries.

    Left out: what has reached the endpoint since, what waits for it already, and what an endpoint
    that is disabled would not get. Call it until it returns none.

    Args:
        delivery_id: This dead letter alone.
        endpoint_id: Those of this endpoint.
        event_types: Those of these types or groups of types.
        since: Given up since then.
        until: Given up before.

    Raises:
        PlatformError: ``not_found``: *delivery_id* is no dead letter; ``conflict``: it cannot be
            replayed for one of the reasons above; ``invalid_parameter``: no such type.
    """
    if delivery_id is not None:
        await _require_dead(tx, delivery_id)
    statement = (
        select(deliveries.c.event_id, deliveries.c.endpoint_id, endpoints.c.ordering)
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(
            deliveries.c.status == DeliveryStatus.DEAD,
            endpoints.c.enabled,
            endpoints.c.deleted_at.is_(None),
            ~_is_sent(deliveries.c.event_id, deliveries.c.endpoint_id, _ARRIVED_OR_ON_ITS_WAY),
        )
        .distinct()
        .order_by(deliveries.c.event_id)
        .limit(limit)
    )
    if delivery_id is not None:
        statement = statement.where(deliveries.c.id == delivery_id)
    if endpoint_id is not None:
        statement = statement.where(deliveries.c.endpoint_id == endpoint_id)
    if event_types is not None:
        types = covered_types(checked_types(event_types))
        statement = statement.where(deliveries.c.event_type.in_(types))
    if since is not None:
        statement = statement.where(deliveries.c.updated_at >= since)
    if until is not None:
        statement = statement.where(deliveries.c.updated_at < until)
    found = await tx.all(statement)
    kept = await _keep(tx, [row.event_id for row in found])
    rows = [
        delivery_row(
            tx,
            event_id=row.event_id,
            type_=kept[row.event_id].type,
            endpoint_id=row.endpoint_id,
            place=_place(row.ordering, kept[row.event_id]),
        )
        for row in found
        if row.event_id in kept
    ]
    if delivery_id is not None and not rows:
        raise PlatformError(
            "conflict", "It has been sent again already, or its endpoint is disabled or deleted."
        )
    await store.add_deliveries(tx, rows)
    for target in sorted({row["endpoint_id"] for row in rows}):
        tx.ring(TOPIC, target)
        count = sum(row["endpoint_id"] == target for row in rows)
        await audit.record(tx, actor, "dead_letters.replayed", target, after={"count": count})
    return [row["id"] for row in rows]


async def _find(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool,
    endpoint_id: str,
    which: Which,
    wanted: Wanted,
    between: tuple[int, int],
) -> Sequence[_Found]:
    """Return what is to be queued, the oldest first: at most one more than 10,000.

    None of it is deleted before this transaction ends.
    """
    done = _ON_ITS_WAY if which is Which.ALL else _ARRIVED_OR_ON_ITS_WAY
    statement = (
        select(*(events.c[name] for name in _FOUND))
        .where(
            events.c.partner_id == partner_id,
            events.c.livemode == livemode,
            events.c.seq > between[0],
            events.c.seq <= between[1],
            *store.fitting(wanted),
            ~_is_sent(events.c.id, endpoint_id, done),
        )
        .order_by(events.c.seq)
        .limit(MAX_QUEUED + 1)
        .with_for_update(read=True, key_share=True)
    )
    if which is Which.FAILED:
        statement = statement.where(_is_sent(events.c.id, endpoint_id, (DeliveryStatus.DEAD,)))
    return await tx.all(statement, _Found)


def _is_sent(
    event_id: ColumnElement[str],
    endpoint_id: ColumnElement[str] | str,
    statuses: Sequence[DeliveryStatus],
) -> ColumnElement[bool]:
    """Return whether there is a delivery of the event to the endpoint in one of *statuses*."""
    other = deliveries.alias()
    statement = select(other.c.id).where(
        other.c.event_id == event_id,
        other.c.endpoint_id == endpoint_id,
        other.c.status.in_(statuses),
    )
    return statement.exists()


async def _queue(tx: Tx, endpoint: Endpoint, found: Sequence[_Found]) -> None:
    rows = [
        delivery_row(
            tx,
            event_id=event.id,
            type_=event.type,
            endpoint_id=endpoint.id,
            place=_place(endpoint.ordering, event),
        )
        for event in found
    ]
    await store.add_deliveries(tx, rows)
    tx.ring(TOPIC, endpoint.id)


def _place(ordered: str, event: _Found) -> Place | None:
    return ordering.place(
        ordered,
        type_=event.type,
        object_id=event.object_id,
        session_id=event.session_id,
        seq=event.seq,
    )


async def _keep(tx: Tx, event_ids: Sequence[str]) -> dict[str, _Found]:
    """Return those of the events that there are; they stay until this transaction ends."""
    statement = select(*(events.c[name] for name in _FOUND)).where(events.c.id.in_(event_ids))
    statement = statement.with_for_update(read=True, key_share=True)
    return {event.id: event for event in await tx.all(statement, _Found)}


async def _require_dead(tx: Tx, delivery_id: str) -> None:
    statement = select(deliveries.c.id).where(
        deliveries.c.id == delivery_id, deliveries.c.status == DeliveryStatus.DEAD
    )
    if await tx.scalar(statement) is None:
        raise not_found("dead letter")
