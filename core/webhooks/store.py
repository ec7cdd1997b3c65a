"""SQL of endpoints and events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, select, update

from core.kernel.db import Tx
from core.kernel.page import Page, Slice, paginate
from core.partners.models import partners
from core.webhooks.models import Endpoint, Event, deliveries, endpoints, events


async def add_endpoint(tx: Tx, **values: Any) -> Endpoint:
    return await tx.one(insert(endpoints).values(**values).returning(endpoints), Endpoint)


async def endpoint(tx: Tx, endpoint_id: str, *, partner_id: str, livemode: bool) -> Endpoint | None:
    statement = _endpoints_of(partner_id, livemode).where(endpoints.c.id == endpoint_id)
    return await tx.one_or_none(statement, Endpoint)


async def endpoints_page(tx: Tx, *, partner_id: str, livemode: bool, page: Page) -> Slice[Endpoint]:
    return await paginate(tx, _endpoints_of(partner_id, livemode), endpoints, page, Endpoint)


async def endpoint_count(tx: Tx, *, partner_id: str, livemode: bool) -> int:
    wanted = _endpoints_of(partner_id, livemode).subquery()
    return int(await tx.scalar(select(func.count()).select_from(wanted)))


async def change_endpoint(tx: Tx, endpoint_id: str, **values: Any) -> Endpoint | None:
    statement = (
        update(endpoints)
        .where(endpoints.c.id == endpoint_id, endpoints.c.deleted_at.is_(None))
        .values(updated_at=tx.now, **values)
        .returning(endpoints)
    )
    return await tx.one_or_none(statement, Endpoint)


async def switch_off(tx: Tx, endpoint_id: str, *, reason: str) -> Endpoint | None:
    """Disable an endpoint; ``None`` if it is disabled or deleted already."""
    statement = (
        update(endpoints)
        .where(endpoints.c.id == endpoint_id, endpoints.c.enabled, endpoints.c.deleted_at.is_(None))
        .values(enabled=False, disabled_reason=reason, updated_at=tx.now)
        .returning(endpoints)
    )
    return await tx.one_or_none(statement, Endpoint)


async def note_failure(tx: Tx, endpoint_id: str) -> datetime:
    """Return since when the endpoint has done nothing but fail; from now, if it worked before."""
    since = func.coalesce(endpoints.c.failing_since, tx.now)
    statement = (
        update(endpoints)
        .where(endpoints.c.id == endpoint_id)
        .values(failing_since=since)
        .returning(endpoints.c.failing_since)
    )
    failing_since: datetime = (await tx.one(statement))[0]
    return failing_since


async def note_successes(tx: Tx, endpoint_ids: Sequence[str]) -> None:
    """Forget the failures of endpoints that work again, in the order of the ids."""
    failing = select(endpoints.c.id).where(
        endpoints.c.id.in_(sorted(set(endpoint_ids))), endpoints.c.failing_since.is_not(None)
    )
    for endpoint_id in await tx.scalars(failing.order_by(endpoints.c.id)):
        statement = update(endpoints).where(endpoints.c.id == endpoint_id)
        await tx.execute(statement.values(failing_since=None))


async def receiving(tx: Tx, partner_ids: Sequence[str]) -> Sequence[Endpoint]:
    """Return the enabled endpoints of these partners, in both modes."""
    statement = select(endpoints).where(
        endpoints.c.partner_id.in_(partner_ids),
        endpoints.c.enabled,
        endpoints.c.deleted_at.is_(None),
    )
    return await tx.all(statement, Endpoint)


async def next_seqs(tx: Tx, partner_id: str, count: int) -> int:
    """Take *count* numbers and return the last; the partner's row is locked until the commit.

    Because of that lock a number is visible only when all before it are: no reader of
    ``after_seq`` misses an event.
    """
    statement = (
        update(partners)
        .where(partners.c.id == partner_id)
        .values(event_seq=partners.c.event_seq + count)
        .returning(partners.c.event_seq)
    )
    return int((await tx.one(statement))[0])


async def newest_sequence(tx: Tx, object_id: str) -> int:
    """Return the sequence of the object's newest event, 0 if it has none."""
    newest = func.max(events.c.object_sequence)
    return int(await tx.scalar(select(newest).where(events.c.object_id == object_id)) or 0)


async def add_events(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await tx.execute(insert(events), rows)


async def add_deliveries(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await tx.execute(insert(deliveries), rows)


async def event(
    tx: Tx, event_id: str, *, partner_id: str | None, livemode: bool | None
) -> Event | None:
    statement = select(events).where(events.c.id == event_id)
    if partner_id is not None:
        statement = statement.where(events.c.partner_id == partner_id)
    if livemode is not None:
        statement = statement.where(events.c.livemode == livemode)
    return await tx.one_or_none(statement, Event)


async def events_after(
    tx: Tx, *, partner_id: str, livemode: bool, after_seq: int, type_: str | None, limit: int
) -> Sequence[Event]:
    statement = (
        select(events)
        .where(
            events.c.partner_id == partner_id,
            events.c.livemode == livemode,
            events.c.seq > after_seq,
        )
        .order_by(events.c.seq)
        .limit(limit)
    )
    if type_ is not None:
        statement = statement.where(events.c.type == type_)
    return await tx.all(statement, Event)


def _endpoints_of(partner_id: str, livemode: bool) -> Select[Any]:
    return select(endpoints).where(
        endpoints.c.partner_id == partner_id,
        endpoints.c.livemode == livemode,
        endpoints.c.deleted_at.is_(None),
    )
