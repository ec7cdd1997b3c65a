"""Writing events: queued by any domain, stored and numbered in the last moment before commit."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from core.kernel import tracing
from core.kernel.db import Tx
from core.kernel.ids import new_id
from core.webhooks import bodies, ordering, outbox, store
from core.webhooks.models import Endpoint
from core.webhooks.ordering import Ordering, Place
from core.webhooks.states import DeliveryStatus
from core.webhooks.types import OPT_IN, OWN_SEQUENCE, EventType, covers

TOPIC: Final = "webhooks"
_AT_END: Final = "2-events"

Made = Callable[[Tx], Awaitable[Mapping[str, Any]]]
"""Makes the object of an event, as it was when the event was queued, if somebody wants it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Queued:
    id: str
    partner_id: str
    livemode: bool
    type: EventType
    object_id: str
    object_sequence: int | None
    related: dict[str, str | None]
    station_id: str | None
    obj: msgspec.Raw | Made
    only_endpoint: str | None
    latest_of: str | None
    traceparent: str | None


def events_topic(partner_id: str) -> str:
    """Return the doorbell topic that is rung with the seq of a partner's newest event."""
    return f"events:{partner_id}"


async def emit(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool,
    type: str,  # noqa: A002 - the member's name on the wire
    object_id: str,
    object_sequence: int | None,
    related: Mapping[str, str | None],
    obj: Mapping[str, Any] | msgspec.Raw | Made,
    station_id: str | None = None,
    only_endpoint: str | None = None,
    latest_of: str | None = None,
) -> str:
    """Queue an event about *obj*, as it is now; return its id. It exists if *tx* commits (I10).

    Args:
        type: One of ``EventType``; anything else is a bug (``ValueError``). Opt-in types are
            stored only if an endpoint names them.
        object_sequence: Grows with every event of the object (I15); ``None``: one more than the
            object's newest event has, for types that are not in ``OWN_SEQUENCE``.
        related: Any of operation_id, request_id, session_id, order_id.
        obj: The whole object as the API shows it, JSON values only; or what ``bodies.freeze``
            made of it, for an object that many partners hear of; or what makes it, for an event
            that hardly anybody wants.
        station_id: Where the object is; *obj* is asked for its ``station_id`` if it is not given.
        only_endpoint: Deliver to this endpoint alone, whatever it subscribed to.
        latest_of: An object of which only the newest state counts: what is queued of it for an
            endpoint, and was not sent yet, is superseded by this.
    """
    if object_sequence is None and type.startswith(OWN_SEQUENCE):
        raise ValueError(f"{type} needs the sequence of its object")
    event = _Queued(
        id=new_id("evt"),
        partner_id=partner_id,
        livemode=livemode,
        type=EventType(type),
        object_id=object_id,
        object_sequence=object_sequence,
        related=bodies.related(related),
        station_id=station_id or _station_of(obj),
        obj=bodies.freeze(obj) if isinstance(obj, Mapping) else obj,
        only_endpoint=only_endpoint,
        latest_of=latest_of,
        traceparent=tracing.current(),
    )
    tx.at_last.setdefault(_AT_END, []).append(event)
    tx.at_end(_AT_END, _write)
    return event.id


def _station_of(obj: Mapping[str, Any] | msgspec.Raw | Made) -> str | None:
    if not isinstance(obj, Mapping):
        return None
    name = "id" if obj.get("object") == "station" else "station_id"
    station_id: str | None = obj.get(name)
    return station_id


async def _write(tx: Tx) -> None:
    """Store what was queued; partners are locked in the order of their ids."""
    queued: list[_Queued] = tx.at_last.pop(_AT_END)
    by_partner: defaultdict[str, list[_Queued]] = defaultdict(list)
    endpoints = await store.receiving(tx, sorted({event.partner_id for event in queued}))
    for event in queued:
        wanted = any(_wants(endpoint, event) for endpoint in endpoints)
        if wanted or event.type not in OPT_IN:
            by_partner[event.partner_id].append(event)
    rows: list[dict[str, Any]] = []
    deliveries: list[dict[str, Any]] = []
    for partner_id in sorted(by_partner):
        events = by_partner[partner_id]
        last = await store.next_seqs(tx, partner_id, len(events))
        sequences = await _sequences(tx, events)
        for seq, event in enumerate(events, last - len(events) + 1):
            rows.append(await _row(tx, event, seq=seq, object_sequence=sequences[event.id]))
            deliveries += [
                delivery_row(
                    tx,
                    event_id=event.id,
                    type_=event.type,
                    endpoint_id=endpoint.id,
                    latest_of=event.latest_of,
                    place=_place(endpoint, event, seq=seq),
                )
                for endpoint in endpoints
                if _wants(endpoint, event)
            ]
        await _join_sessions(tx, endpoints, events)
        tx.ring(events_topic(partner_id), str(last))
    await store.add_events(tx, rows)
    await outbox.supersede(tx, deliveries)
    await store.add_deliveries(tx, deliveries)
    for delivery in deliveries:
        tx.ring(TOPIC, delivery["endpoint_id"])


async def _join_sessions(tx: Tx, endpoints: Sequence[Endpoint], events: Sequence[_Queued]) -> None:
    """Have what ordered endpoints still wait for of an operation belong to its session."""
    pairs = {(event.related["operation_id"], event.related["session_id"]) for event in events}
    for operation_id, session_id in sorted(
        (operation_id, session_id)
        for operation_id, session_id in pairs
        if operation_id and session_id
    ):
        partner_id = events[0].partner_id
        ordered = [
            endpoint.id
            for endpoint in endpoints
            if endpoint.partner_id == partner_id and endpoint.ordering == Ordering.SESSION
        ]
        if ordered:
            await ordering.join_session(
                tx, ordered, operation_id=operation_id, session_id=session_id
            )


def delivery_row(
    tx: Tx,
    *,
    event_id: str,
    type_: str,
    endpoint_id: str,
    latest_of: str | None = None,
    place: Place | None = None,
) -> dict[str, Any]:
    """Return a new delivery that is due at once, or as soon as it is its turn."""
    key, seq = place or (None, None)
    return {
        "id": new_id("dlv"),
        "event_id": event_id,
        "endpoint_id": endpoint_id,
        "event_type": type_,
        "latest_of": latest_of,
        "status": DeliveryStatus.DUE,
        "attempts": 0,
        "due_at": tx.now,
        "order_key": key,
        "order_seq": seq,
        "parked": False,
        "created_at": tx.now,
        "updated_at": tx.now,
    }


async def _row(tx: Tx, event: _Queued, *, seq: int, object_sequence: int) -> dict[str, Any]:
    obj = event.obj
    body = bodies.render(
        id=event.id,
        type=event.type,
        timestamp=tx.now,
        livemode=event.livemode,
        partner_id=event.partner_id,
        seq=seq,
        object_sequence=object_sequence,
        related=event.related,
        obj=obj if isinstance(obj, msgspec.Raw) else bodies.freeze(await obj(tx)),
    )
    return {
        "id": event.id,
        "partner_id": event.partner_id,
        "livemode": event.livemode,
        "seq": seq,
        "type": event.type,
        "object_id": event.object_id,
        "object_sequence": object_sequence,
        "session_id": event.related["session_id"],
        "station_id": event.station_id,
        "body": body,
        "created_at": tx.now,
        "traceparent": event.traceparent,
    }


async def _sequences(tx: Tx, events: Sequence[_Queued]) -> dict[str, int]:
    """Return the object sequence of each event; the partner's row is locked by now."""
    sequences: dict[str, int] = {}
    newest: dict[str, int] = {}
    for event in events:
        if event.object_sequence is not None:
            sequences[event.id] = event.object_sequence
            continue
        if event.object_id not in newest:
            newest[event.object_id] = await store.newest_sequence(tx, event.object_id)
        newest[event.object_id] += 1
        sequences[event.id] = newest[event.object_id]
    return sequences


def _place(endpoint: Endpoint, event: _Queued, *, seq: int) -> Place | None:
    return ordering.place(
        endpoint.ordering,
        type_=event.type,
        object_id=event.object_id,
        session_id=event.related["session_id"],
        seq=seq,
    )


def wants(endpoint: Endpoint, type_: str, *, station_id: str | None) -> bool:
    """Tell whether an endpoint subscribed to events of this type at this station."""
    if endpoint.station_ids is not None and station_id not in endpoint.station_ids:
        return False
    return covers(endpoint.event_types, type_)


def _wants(endpoint: Endpoint, event: _Queued) -> bool:
    if endpoint.partner_id != event.partner_id or endpoint.livemode != event.livemode:
        return False
    if event.only_endpoint is not None:
        return endpoint.id == event.only_endpoint
    return wants(endpoint, event.type, station_id=event.station_id)
