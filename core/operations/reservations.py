"""Use cases of reservations: confirm, use, cancel, expire."""

from core.chargers.store import station_of
from core.kernel.db import Tx
from core.operations import holds
from core.operations import reservation_store as store
from core.operations.models import Reservation
from core.operations.releasing import release
from core.operations.states import ReservationStatus
from core.operations.views import reservation_view
from core.webhooks import service as webhooks


async def confirm(tx: Tx, reservation_id: str) -> None:
    """Record that the charger holds the connector."""
    await _move(tx, reservation_id, ReservationStatus.ACTIVE, "reservation.created")


async def use(tx: Tx, charger_id: str, number: int) -> Reservation | None:
    """Record that a transaction used reservation *number* of a charger."""
    reservation = await store.by_number(tx, charger_id, number)
    if reservation is None:
        await holds.used(tx, charger_id, number)
        return None
    return await _move(tx, reservation.id, ReservationStatus.USED, "reservation.used")


async def use_by_id(tx: Tx, reservation_id: str) -> None:
    """Record that the start made for a reservation has happened."""
    await _move(tx, reservation_id, ReservationStatus.USED, "reservation.used")


async def cancel(tx: Tx, reservation_id: str) -> None:
    """Record that the charger released the connector."""
    await _move(tx, reservation_id, ReservationStatus.CANCELLED, "reservation.cancelled")


async def give_up(tx: Tx, reservation_id: str) -> None:
    """Close a reservation that was not confirmed, and have the charger forget it if it came."""
    reservation = await store.move(tx, reservation_id, ReservationStatus.REFUSED)
    if reservation is not None:
        await release(tx, reservation.charger_id, reservation.number)


async def reported(tx: Tx, charger_id: str, number: int, *, expired: bool) -> None:
    """Record what a charger reports of a reservation (2.x ReservationStatusUpdate).

    *expired*: its time is over; else it was removed.
    """
    reservation = await store.by_number(tx, charger_id, number)
    if reservation is None:
        await holds.reported(tx, charger_id, number, expired=expired)
        return
    if expired:
        await _move(tx, reservation.id, ReservationStatus.EXPIRED, "reservation.expired")
    else:
        await cancel(tx, reservation.id)


async def expire_overdue(tx: Tx, *, connector_id: str | None = None) -> int:
    """Expire reservations whose time is over, by database time; return how many."""
    ids = await store.overdue(tx, tx.now, connector_id=connector_id)
    for reservation_id in ids:
        await _move(tx, reservation_id, ReservationStatus.EXPIRED, "reservation.expired")
    return len(ids)


async def _move(
    tx: Tx, reservation_id: str, to: ReservationStatus, event: str
) -> Reservation | None:
    reservation = await store.move(tx, reservation_id, to)
    if reservation is None:
        return None
    await webhooks.emit(
        tx,
        partner_id=reservation.partner_id,
        livemode=reservation.livemode,
        type=event,
        object_id=reservation.id,
        object_sequence=reservation.sequence,
        related={"operation_id": reservation.operation_id},
        obj=reservation_view(reservation),
        station_id=await station_of(tx, reservation.charger_id),
    )
    return reservation
