"""SQL of reservations. Every state change of the table is in this file."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Executable, Select, func, select

from core.chargers.models import Connector
from core.kernel.db import Tx
from core.kernel.page import Page, Slice, paginate
from core.kernel.queries import query
from core.kernel.rows import ONE_MORE, guarded_move, insert_once
from core.operations.models import IS_OPEN_RESERVATION, Reservation, reservations
from core.operations.states import RESERVATION_MACHINE, ReservationStatus

_ENDED: Final = (
    ReservationStatus.USED,
    ReservationStatus.EXPIRED,
    ReservationStatus.CANCELLED,
)
"""One that was refused never held anything."""


async def add(tx: Tx, **values: Any) -> Reservation | None:
    """Insert, or return ``None`` if the connector is held already."""
    return await insert_once(
        tx,
        reservations,
        Reservation,
        status=ReservationStatus.PENDING,
        sequence=1,
        created_at=tx.now,
        updated_at=tx.now,
        **values,
    )


async def move(tx: Tx, reservation_id: str, to: ReservationStatus) -> Reservation | None:
    return await guarded_move(
        tx,
        reservations,
        Reservation,
        RESERVATION_MACHINE,
        reservation_id,
        to,
        sequence=ONE_MORE,
        updated_at=tx.now,
    )


async def by_id(tx: Tx, reservation_id: str) -> Reservation | None:
    statement = select(reservations).where(reservations.c.id == reservation_id)
    return await tx.one_or_none(statement, Reservation)


async def by_number(tx: Tx, charger_id: str, number: int) -> Reservation | None:
    statement = select(reservations).where(
        reservations.c.charger_id == charger_id, reservations.c.number == number
    )
    return await tx.one_or_none(statement, Reservation)


async def open_on(tx: Tx, connector_id: str) -> Reservation | None:
    """Return the reservation that holds a connector now."""
    return await tx.one_or_none(_open_on(connector_id, now=tx.now), Reservation)


@query
def _open_on(connector_id: str, *, now: datetime) -> Executable:
    return of_connector(connector_id).where(reservations.c.expires_at > now)


def of_connector(connector_id: Any) -> Select[Any]:
    """Return the query for what holds a connector, or did until its time was over."""
    return select(reservations).where(
        reservations.c.connector_id == connector_id, IS_OPEN_RESERVATION
    )


async def ended_since(tx: Tx, connector: Connector, at: datetime) -> bool:
    """Tell whether what held a connector was ended, by our clock, at or after *at*."""
    return await tx.scalar(_ended_since(connector.charger_id, connector.id, at)) is not None


@query
def _ended_since(charger_id: str, connector_id: str, at: datetime) -> Executable:
    return (
        select(reservations.c.id)
        .where(
            reservations.c.charger_id == charger_id,
            reservations.c.connector_id == connector_id,
            reservations.c.status.in_(_ENDED),
            reservations.c.updated_at >= at,
        )
        .limit(1)
    )


async def count_open(tx: Tx, partner_id: str) -> int:
    statement = select(func.count()).where(
        reservations.c.partner_id == partner_id,
        IS_OPEN_RESERVATION,
        reservations.c.expires_at > tx.now,
    )
    return int(await tx.scalar(statement))


async def overdue(tx: Tx, at: datetime, *, connector_id: str | None = None) -> Sequence[str]:
    return await tx.scalars(_overdue(at, connector_id=connector_id))


@query
def _overdue(at: datetime, *, connector_id: str | None = None) -> Executable:
    statement = select(reservations.c.id).where(
        IS_OPEN_RESERVATION, reservations.c.expires_at <= at
    )
    if connector_id is not None:
        statement = statement.where(reservations.c.connector_id == connector_id)
    return statement


async def search(
    tx: Tx,
    page: Page,
    *,
    charger_id: str | None = None,
    status: ReservationStatus | None = None,
    partner_id: str | None = None,
    livemode: bool | None = None,
) -> Slice[Reservation]:
    statement = select(reservations)
    wanted: dict[Any, object] = {
        reservations.c.charger_id: charger_id,
        reservations.c.status: status,
        reservations.c.partner_id: partner_id,
        reservations.c.livemode: livemode,
    }
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(column == value)
    return await paginate(tx, statement, reservations, page, Reservation)
