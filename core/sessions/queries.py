"""Reading sessions, meter values and orders: for partners their own, for operators all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, select

from core.chargers.models import connectors
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.page import Page, Slice, merged, paginate
from core.kernel.partitions import Every, Partitioned
from core.operations.models import operations
from core.sessions import reading_store, store
from core.sessions.models import (
    IS_OPEN,
    IS_OVER,
    MeterValue,
    Order,
    Session,
    order_versions,
    orders,
    sessions,
)
from core.sessions.states import StopReason

READINGS: Final = Partitioned(
    table="meter_values", column="received_at", every=Every.MONTH, ahead=2
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose rows: of one partner in one mode."""

    partner_id: str
    livemode: bool


async def get_session(tx: Tx, session_id: str, *, owner: Owner | None) -> Session:
    """Return a session; with *owner*, only the partner's own.

    Raises:
        PlatformError: ``not_found``.
    """
    session = await store.by_id(tx, session_id)
    if session is None or not _owned(session, owner):
        raise not_found("session")
    return session


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortSession:
    """A session that ended soon after it began."""

    id: str
    started_at: datetime
    ended_at: datetime


async def stopped_within(
    tx: Tx, owner: Owner, *, since: datetime, length: timedelta
) -> Sequence[ShortSession]:
    """Return sessions that a partner started and stopped within *length*, at most 5,000.

    Those that changed since then; the oldest come first.
    """
    statement = (
        select(sessions.c.id, sessions.c.started_at, sessions.c.ended_at)
        .where(
            sessions.c.partner_id == owner.partner_id,
            sessions.c.livemode == owner.livemode,
            sessions.c.over_updated_at >= since,
            sessions.c.ended_at >= since,
            sessions.c.operation_id.is_not(None),
            sessions.c.stop_reason == StopReason.PARTNER,
        )
        .order_by(sessions.c.over_updated_at)
        .limit(5000)
    )
    found = await tx.all(statement, ShortSession)
    return [one for one in found if one.ended_at - one.started_at <= length]


async def list_sessions(
    tx: Tx,
    page: Page,
    *,
    owner: Owner | None,
    charger_id: str | None = None,
    connector_id: str | None = None,
    token: str | None = None,
    active: bool | None = None,
) -> Slice[Session]:
    """Return one page of sessions; *active*: the charger has not reported the end."""
    statement: Select[tuple[object, ...]] = select(sessions)
    if owner is not None:
        statement = statement.where(
            sessions.c.partner_id == owner.partner_id, sessions.c.livemode == owner.livemode
        )
    if charger_id is not None:
        statement = statement.where(sessions.c.charger_id == charger_id)
    if connector_id is not None:  # through its charger, which has an index
        there = select(connectors.c.charger_id).where(connectors.c.id == connector_id)
        statement = statement.where(
            sessions.c.charger_id == there.scalar_subquery(),
            sessions.c.connector_id == connector_id,
        )
    if token is not None:
        statement = statement.where(sessions.c.token == token)
    if active is None and (charger_id, connector_id, token) != (None, None, None):
        return await paginate(tx, statement, sessions, page, Session)
    # Each part has an index: open sessions are few, and change too often for one by time. They come
    # first: one that ends meanwhile is found twice, not missed.
    found: list[Slice[Session]] = []
    if active is not False:
        found.append(await paginate(tx, statement.where(IS_OPEN), sessions, page, Session))
    if active is not True:
        over, by = statement.where(IS_OVER), sessions.c.over_updated_at
        found.append(await paginate(tx, over, sessions, page, Session, by=by))
    return found[0] if len(found) == 1 else merged(found, page)


async def request_ids(tx: Tx, found: Sequence[Session]) -> dict[str, str]:
    """Return the request_id of each session's operation, by operation id."""
    ids = [session.operation_id for session in found if session.operation_id is not None]
    if not ids:
        return {}
    statement = select(operations.c.id, operations.c.request_id).where(operations.c.id.in_(ids))
    return {row.id: row.request_id for row in await tx.all(statement)}


async def meter_values_of(
    tx: Tx, session_id: str, *, after_number: int, limit: int
) -> Sequence[MeterValue]:
    """Return the readings of a session in the order they arrived, after *after_number*."""
    return await reading_store.readings(tx, session_id, after_number=after_number, limit=limit)


async def get_order(tx: Tx, order_id: str, *, owner: Owner | None) -> Order:
    """Return an order; with *owner*, only the partner's own.

    Raises:
        PlatformError: ``not_found``.
    """
    order = await tx.one_or_none(select(orders).where(orders.c.id == order_id), Order)
    if order is None or not _owned(order, owner):
        raise not_found("order")
    return order


async def list_orders(
    tx: Tx,
    page: Page,
    *,
    owner: Owner | None,
    session_id: str | None = None,
    charger_id: str | None = None,
) -> Slice[Order]:
    """Return one page of orders."""
    statement: Select[tuple[object, ...]] = select(orders)
    if owner is not None:
        statement = statement.where(
            orders.c.partner_id == owner.partner_id, orders.c.livemode == owner.livemode
        )
    if session_id is not None:
        statement = statement.where(orders.c.session_id == session_id)
    if charger_id is not None:  # by its sessions, which have an index
        there = select(sessions.c.id).where(sessions.c.charger_id == charger_id)
        statement = statement.where(orders.c.session_id.in_(there))
    return await paginate(tx, statement, orders, page, Order)


async def order_history(tx: Tx, order_id: str) -> Sequence[tuple[int, datetime, str]]:
    """Return (version, at, reason) of every version of an order, oldest first."""
    statement = (
        select(order_versions.c.version, order_versions.c.at, order_versions.c.reason)
        .where(order_versions.c.order_id == order_id)
        .order_by(order_versions.c.version)
    )
    return [(row.version, row.at, row.reason) for row in await tx.all(statement)]


async def current_on(tx: Tx, charger_id: str, evse: int) -> Session | None:
    """Return the session that occupies an EVSE now."""
    statement = (
        select(sessions)
        .join(connectors, connectors.c.id == sessions.c.connector_id)
        .where(
            sessions.c.is_current, sessions.c.charger_id == charger_id, connectors.c.evse == evse
        )
        .order_by(sessions.c.number.desc())
        .limit(1)
    )
    found = await tx.all(statement, Session)
    return found[0] if found else None


def _owned(row: Session | Order, owner: Owner | None) -> bool:
    return owner is None or (row.partner_id, row.livemode) == (owner.partner_id, owner.livemode)
