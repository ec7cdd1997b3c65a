"""SQL of endpoints and events."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, Select, func, insert, select, update

from core.kernel.db import Tx
from core.kernel.given import is_among
from core.kernel.page import Page, Slice, paginate
from core.kernel.queries import On, query
from core.kernel.rows import insert_rows
from core.partners.models import partners
from core.webhooks.models import (
    Endpoint,
    Event,
    deleted_events,
    deliveries,
    endpoints,
    events,
    object_sequences,
)
from core.webhooks.wanted import Wanted

LONGEST_TRANSACTION: Final = timedelta(minutes=5)
"""An event's time is that of its transaction's beginning, its number that of the end."""


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
        .values(failing_since=since, last_failure_at=tx.now)
        .returning(endpoints.c.failing_since)
    )
    failing_since: datetime = (await tx.one(statement))[0]
    return failing_since


async def note_successes(tx: Tx, endpoint_ids: Sequence[str]) -> Sequence[str]:
    """Forget the failures of endpoints that work again, in the order of the ids; return those."""
    found = await tx.scalars(_failing(tx, sorted(set(endpoint_ids))))
    for endpoint_id in found:
        statement = update(endpoints).where(endpoints.c.id == endpoint_id)
        await tx.execute(statement.values(failing_since=None, failure_told=0))
    return found


@query
def _failing(on: On, endpoint_ids: list[str]) -> Executable:
    failing = select(endpoints.c.id).where(
        is_among(on, endpoints.c.id, endpoint_ids), endpoints.c.failing_since.is_not(None)
    )
    return failing.order_by(endpoints.c.id)


async def receiving(tx: Tx, partner_ids: Sequence[str]) -> Sequence[Endpoint]:
    """Return the enabled endpoints of these partners, in both modes."""
    return await tx.all(_receiving(tx, list(partner_ids)), Endpoint)


@query
def _receiving(on: On, partner_ids: list[str]) -> Executable:
    return select(endpoints).where(
        is_among(on, endpoints.c.partner_id, partner_ids),
        endpoints.c.enabled,
        endpoints.c.deleted_at.is_(None),
    )


async def next_seqs(tx: Tx, partner_id: str, count: int) -> int:
    """Take *count* numbers and return the last; the partner's row is locked until the commit.

    Because of that lock a number is visible only when all before it are: no reader of
    ``after_seq`` misses an event.
    """
    return int((await tx.one(_next_seqs(partner_id, count)))[0])


@query
def _next_seqs(partner_id: str, count: int) -> Executable:
    return (
        update(partners)
        .where(partners.c.id == partner_id)
        .values(event_seq=partners.c.event_seq + count)
        .returning(partners.c.event_seq)
    )


async def lock_partner_of(tx: Tx, endpoint_id: str) -> None:
    """Lock the partner of an endpoint, as ``next_seqs`` does."""
    partner_id = select(endpoints.c.partner_id).where(endpoints.c.id == endpoint_id)
    await next_seqs(tx, await tx.scalar(partner_id), 0)


async def newest_sequence(tx: Tx, object_id: str) -> int:
    """Return the sequence of the object's newest event, deleted or not; 0 if it had none."""
    found = await tx.one(_newest_sequence(object_id))
    return max(found[0] or 0, found[1] or 0)


@query
def _newest_sequence(object_id: str) -> Executable:
    kept = select(func.max(events.c.object_sequence)).where(events.c.object_id == object_id)
    deleted = select(object_sequences.c.sequence).where(object_sequences.c.object_id == object_id)
    return select(kept.scalar_subquery(), deleted.scalar_subquery())


async def add_events(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, events, rows)


async def add_deliveries(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, deliveries, rows)


async def event(
    tx: Tx, event_id: str, *, partner_id: str | None, livemode: bool | None, keep: bool = False
) -> Event | None:
    """Return an event; with *keep* it is not deleted before this transaction ends."""
    statement = select(events).where(events.c.id == event_id)
    if partner_id is not None:
        statement = statement.where(events.c.partner_id == partner_id)
    if livemode is not None:
        statement = statement.where(events.c.livemode == livemode)
    if keep:
        statement = statement.with_for_update(read=True, key_share=True)
    return await tx.one_or_none(statement, Event)


async def events_after(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool,
    after_seq: int,
    until_seq: int | None,
    wanted: Wanted,
    limit: int,
) -> Sequence[Event]:
    statement = (
        select(events)
        .where(
            events.c.partner_id == partner_id,
            events.c.livemode == livemode,
            events.c.seq > after_seq,
            *fitting(wanted),
        )
        .order_by(events.c.seq)
        .limit(limit)
    )
    if until_seq is not None:
        statement = statement.where(events.c.seq <= until_seq)
    return await tx.all(statement, Event)


async def knows(tx: Tx, *, partner_id: str, livemode: bool, wanted: Wanted) -> bool:
    """Tell whether the partner has any event about the object and session that are *wanted*."""
    about = Wanted(object_id=wanted.object_id, session_id=wanted.session_id)
    statement = select(events.c.id).where(
        events.c.partner_id == partner_id, events.c.livemode == livemode, *fitting(about)
    )
    return await tx.scalar(statement.limit(1)) is not None


def fitting(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return what must hold of an event that is wanted."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.types is not None:
        conditions.append(events.c.type.in_(wanted.types))
    if wanted.object_id is not None:
        conditions.append(events.c.object_id == wanted.object_id)
    if wanted.session_id is not None:
        conditions.append(events.c.session_id == wanted.session_id)
    if wanted.station_ids is not None:
        conditions.append(events.c.station_id.in_(wanted.station_ids))
    if wanted.since is not None:
        conditions.append(events.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(events.c.created_at < wanted.until)
    return conditions


async def newest_seq(tx: Tx, partner_id: str) -> int:
    return int(await tx.scalar(select(partners.c.event_seq).where(partners.c.id == partner_id)))


async def deleted_until(tx: Tx, partner_id: str, *, livemode: bool) -> int:
    """Return the number of the last event that was deleted, 0 if none was."""
    statement = select(deleted_events.c.seq).where(
        deleted_events.c.partner_id == partner_id, deleted_events.c.livemode == livemode
    )
    return int(await tx.scalar(statement) or 0)


async def seq_before(tx: Tx, partner_id: str, instant: datetime) -> int:
    """Return a number that all events since *instant* come after, close to the first of them.

    Halves the run of numbers: some twenty probes of an index, however many events there are.
    """
    instant -= LONGEST_TRANSACTION
    low, high = 0, await newest_seq(tx, partner_id)
    while low < high:
        middle = (low + high) // 2
        statement = (
            select(events.c.seq, events.c.created_at)
            .where(events.c.partner_id == partner_id, events.c.seq > middle)
            .order_by(events.c.seq)
            .limit(1)
        )
        found = await tx.one_or_none(statement)
        if found is not None and found.created_at < instant:
            low = found.seq
        else:
            high = middle
    return low


def _endpoints_of(partner_id: str, livemode: bool) -> Select[Any]:
    return select(endpoints).where(
        endpoints.c.partner_id == partner_id,
        endpoints.c.livemode == livemode,
        endpoints.c.deleted_at.is_(None),
    )
