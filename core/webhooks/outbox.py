"""SQL of deliveries and attempts: the outbox is the queue, a lease is a later ``due_at``."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, func, literal_column, or_, select, update

from core.kernel.db import Tx
from core.kernel.given import is_among, is_selected
from core.kernel.page import Page, Slice, paginate
from core.kernel.queries import On, query, unindexed
from core.kernel.rows import guarded_move, insert_rows
from core.webhooks.models import (
    Attempt,
    DeadLetter,
    Delivery,
    attempts,
    deliveries,
    endpoints,
    events,
)
from core.webhooks.states import MACHINE, DeliveryStatus

# Literals, so that PostgreSQL can prove the predicates of the partial indexes.
IS_DUE: Final[ColumnElement[bool]] = deliveries.c.status == literal_column("'due'")
IS_STILL_DUE: Final[ColumnElement[bool]] = unindexed(deliveries.c.status) == literal_column("'due'")
"""The same of rows that are found by their ids."""
_IS_LATEST: Final[ColumnElement[bool]] = deliveries.c.latest_of.is_not(None)
_IS_DEAD: Final[ColumnElement[bool]] = deliveries.c.status == literal_column("'dead'")


LONGEST_LEASE: Final = timedelta(seconds=35)
"""Of a claim: the longest attempt that settings allow, and 5 s. What is due later waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An endpoint for which something is due."""

    id: str
    is_off: bool
    is_failing: bool
    ordering: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claimed delivery with all that its attempt needs; *lease* ends the claim."""

    id: str
    event_id: str
    event_type: str
    attempts: int
    order_key: str | None
    lease: datetime
    body: str
    endpoint_id: str
    url: str
    secret: str
    previous_secret: str | None
    previous_secret_until: datetime | None
    traceparent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A delivery that has arrived; *order_key*: whose turn it is now."""

    id: str
    attempts: int
    endpoint_id: str
    order_key: str | None


async def waiting(
    tx: Tx, *, among: Sequence[str] | None, without: Sequence[str]
) -> Sequence[Waiting]:
    """Return the endpoints with something due; one index probe each, however long the queues."""
    statement = _waiting(
        tx,
        now=tx.now,
        among=None if among is None else list(among),
        without=list(without) or None,
    )
    return await tx.all(statement, Waiting)


@query
def _waiting(
    on: On,
    *,
    now: datetime,
    among: list[str] | None = None,
    without: list[str] | None = None,
) -> Executable:
    due = select(deliveries.c.id).where(
        deliveries.c.endpoint_id == endpoints.c.id, IS_DUE, deliveries.c.due_at <= now
    )
    statement = select(
        endpoints.c.id,
        (~endpoints.c.enabled | endpoints.c.deleted_at.is_not(None)).label("is_off"),
        endpoints.c.failing_since.is_not(None).label("is_failing"),
        endpoints.c.ordering,
    ).where(due.exists())
    if among is not None:
        statement = statement.where(is_among(on, endpoints.c.id, among))
    if without is not None:
        statement = statement.where(~is_among(on, endpoints.c.id, without))
    return statement


async def claim(tx: Tx, endpoint_id: str, *, limit: int, lease: datetime) -> Sequence[Claim]:
    """Take up to *limit* due deliveries of an endpoint, the longest due first.

    One statement decides: what another worker took in the meantime is not due any more.
    """
    return await load(tx, await tx.scalars(_claim(tx, endpoint_id, limit, now=tx.now, lease=lease)))


@query
def _claim(on: On, endpoint_id: str, limit: int, *, now: datetime, lease: datetime) -> Executable:
    due = (
        select(deliveries.c.id)
        .where(deliveries.c.endpoint_id == endpoint_id, IS_DUE, deliveries.c.due_at <= now)
        .order_by(deliveries.c.due_at, deliveries.c.id)
        .limit(limit)
    )
    return (
        update(deliveries)
        .where(is_selected(on, deliveries.c.id, due), IS_STILL_DUE, deliveries.c.due_at <= now)
        .values(due_at=lease)
        .returning(deliveries.c.id)
    )


async def load(tx: Tx, delivery_ids: Sequence[str]) -> Sequence[Claim]:
    """Return claimed deliveries with all that their attempts need."""
    if not delivery_ids:
        return ()
    return await tx.all(_load(tx, list(delivery_ids)), Claim)


@query
def _load(on: On, delivery_ids: list[str]) -> Executable:
    return (
        select(
            deliveries.c.id,
            deliveries.c.event_id,
            deliveries.c.event_type,
            deliveries.c.attempts,
            deliveries.c.order_key,
            deliveries.c.due_at.label("lease"),
            events.c.body,
            deliveries.c.endpoint_id,
            endpoints.c.url,
            endpoints.c.secret,
            endpoints.c.previous_secret,
            endpoints.c.previous_secret_until,
            events.c.traceparent,
        )
        .join(events, events.c.id == deliveries.c.event_id)
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(is_among(on, deliveries.c.id, delivery_ids))
        .order_by(events.c.seq, deliveries.c.id)
    )


async def delivered(tx: Tx, delivery_ids: Sequence[str]) -> Mapping[str, Delivered]:
    """Move deliveries to delivered; return how many attempts each took, and its session.

    A receiver's 2xx counts whoever holds the lease by now; what is final already is left out.
    """
    statement = _delivered(tx, list(delivery_ids), now=tx.now)
    return {row.id: row for row in await tx.all(statement, Delivered)}


@query
def _delivered(on: On, delivery_ids: list[str], *, now: datetime) -> Executable:
    return (
        update(deliveries)
        .where(
            is_among(on, deliveries.c.id, delivery_ids),
            unindexed(deliveries.c.status).in_(sorted(MACHINE.sources(DeliveryStatus.DELIVERED))),
        )
        .values(
            status=DeliveryStatus.DELIVERED,
            attempts=deliveries.c.attempts + 1,
            updated_at=now,
        )
        .returning(
            deliveries.c.id,
            deliveries.c.attempts,
            deliveries.c.endpoint_id,
            deliveries.c.order_key,
        )
    )


async def failed(tx: Tx, claimed: Claim, *, due_at: datetime | None) -> Delivery | None:
    """Count a failed attempt and set the next; ``None`` if the lease is another's by now."""
    statement = (
        update(deliveries)
        .where(deliveries.c.id == claimed.id, IS_STILL_DUE, deliveries.c.due_at == claimed.lease)
        .values(attempts=deliveries.c.attempts + 1, due_at=due_at or tx.now, updated_at=tx.now)
        .returning(deliveries)
    )
    return await tx.one_or_none(statement, Delivery)


async def move(tx: Tx, delivery_id: str, to: DeliveryStatus) -> Delivery | None:
    return await guarded_move(tx, deliveries, Delivery, MACHINE, delivery_id, to, updated_at=tx.now)


async def disable(tx: Tx, endpoint_id: str, *, limit: int) -> int:
    """Take up to *limit* deliveries of a disabled endpoint out of the queue."""
    queued = (
        select(deliveries.c.id).where(deliveries.c.endpoint_id == endpoint_id, IS_DUE).limit(limit)
    )
    statement = (
        update(deliveries)
        .where(is_selected(tx, deliveries.c.id, queued), IS_STILL_DUE)
        .values(status=DeliveryStatus.DISABLED, updated_at=tx.now)
    )
    return await tx.execute(statement)


async def supersede(tx: Tx, queued: Sequence[Mapping[str, Any]]) -> None:
    """Take out of the queue what *queued*, new rows of deliveries, says anew of the same objects.

    What is claimed stays: its receiver may have it already. What another transaction has locked
    (a claim) is passed over instead of waited for, so that nobody waits in a circle.
    """
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for row in queued:
        if row["latest_of"] is not None:
            keys[row["endpoint_id"]].append(row["latest_of"])
    if not keys:
        return
    waits = select(deliveries.c.id).where(
        deliveries.c.endpoint_id == endpoints.c.id, IS_DUE, _IS_LATEST
    )
    statement = select(endpoints.c.id).where(endpoints.c.id.in_(sorted(keys)), waits.exists())
    for endpoint_id in await tx.scalars(statement.order_by(endpoints.c.id)):
        due_at = deliveries.c.due_at
        old = (
            select(deliveries.c.id)
            .where(
                deliveries.c.endpoint_id == endpoint_id,
                deliveries.c.latest_of.in_(sorted(keys[endpoint_id])),
                IS_DUE,
                or_(due_at <= tx.now, due_at > tx.now + LONGEST_LEASE),
            )
            .with_for_update(skip_locked=True)
        )
        move_out = (
            update(deliveries)
            .where(is_selected(tx, deliveries.c.id, old), IS_STILL_DUE)
            .values(status=DeliveryStatus.SUPERSEDED, updated_at=tx.now)
        )
        await tx.execute(move_out)


async def is_behind(tx: Tx, partner_id: str, *, more_than: int) -> bool:
    """Tell whether an endpoint that works has more unsent deliveries of states than so many."""
    one_more = (
        select(deliveries.c.id)
        .where(deliveries.c.endpoint_id == endpoints.c.id, IS_DUE, _IS_LATEST)
        .offset(more_than)
        .limit(1)
    )
    statement = (
        select(endpoints.c.id)
        .where(
            endpoints.c.partner_id == partner_id,
            endpoints.c.enabled,
            endpoints.c.deleted_at.is_(None),
            endpoints.c.failing_since.is_(None),
            one_more.exists(),
        )
        .limit(1)
    )
    return await tx.scalar(statement) is not None


async def add_attempts(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, attempts, rows)


async def release(tx: Tx, claims: Sequence[Claim]) -> None:
    """Give up claims that were not begun: due again at once."""
    for lease in sorted({claimed.lease for claimed in claims}):
        ids = [claimed.id for claimed in claims if claimed.lease == lease]
        statement = (
            update(deliveries)
            .where(deliveries.c.id.in_(ids), IS_STILL_DUE, deliveries.c.due_at == lease)
            .values(due_at=tx.now)
        )
        await tx.execute(statement)


async def delivery(tx: Tx, delivery_id: str, *, partner_id: str, livemode: bool) -> Delivery | None:
    statement = (
        select(deliveries)
        .join(events, events.c.id == deliveries.c.event_id)
        .where(
            deliveries.c.id == delivery_id,
            events.c.partner_id == partner_id,
            events.c.livemode == livemode,
        )
    )
    return await tx.one_or_none(statement, Delivery)


async def deliveries_page(
    tx: Tx,
    *,
    endpoint_id: str,
    status: DeliveryStatus | None,
    event_type: str | None,
    event_id: str | None,
    page: Page,
) -> Slice[Delivery]:
    statement = select(deliveries).where(deliveries.c.endpoint_id == endpoint_id)
    filters = {"status": status, "event_id": event_id}
    for name, value in filters.items():
        if value is not None:
            statement = statement.where(deliveries.c[name] == value)
    only = {"event_type": event_type}
    return await paginate(tx, statement, deliveries, page, Delivery, only=only)


async def attempts_of(tx: Tx, delivery_id: str) -> Sequence[Attempt]:
    statement = (
        select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.number)
    )
    return await tx.all(statement, Attempt)


async def dead_letters(tx: Tx, page: Page) -> Slice[DeadLetter]:
    statement = (
        select(
            deliveries.c.id,
            events.c.partner_id,
            events.c.livemode,
            deliveries.c.event_id,
            deliveries.c.event_type,
            deliveries.c.endpoint_id,
            endpoints.c.url,
            deliveries.c.attempts,
            deliveries.c.created_at,
            deliveries.c.updated_at,
        )
        .join(events, events.c.id == deliveries.c.event_id)
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(_IS_DEAD)
    )
    return await paginate(tx, statement, deliveries, page, DeadLetter)


async def dead_count(tx: Tx) -> int:
    statement = select(func.count()).where(_IS_DEAD)
    return int(await tx.scalar(statement))
