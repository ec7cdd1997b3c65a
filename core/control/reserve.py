"""``reserve``, ``cancel_reservation`` and ``unlock_connector``."""

from datetime import timedelta
from typing import Any, Final

from core.chargers.models import Connector
from core.commands import service as commands
from core.commands.commands import CancelReservation, Command, Reserve, Unlock
from core.commands.states import Priority
from core.control import caps, look
from core.control.requests import (
    Accepted,
    CancelReservationRequest,
    Request,
    Requester,
    ReserveRequest,
    UnlockRequest,
    answer,
    canonical,
    replay,
)
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id, single_use_token
from core.kernel.settings import Settings
from core.kernel.times import rfc3339
from core.operations import reservation_store, store
from core.operations import service as operations
from core.operations.models import Operation
from core.operations.states import RESERVATION_MACHINE, OperationStatus, OperationType
from core.sessions import store as session_store

SHORTEST: Final = timedelta(minutes=1)


async def reserve(
    tx: Tx, settings: Settings, requester: Requester, request: ReserveRequest
) -> Accepted:
    """Accept a request to hold a connector until ``expires_at``; idempotent in its request_id.

    Raises:
        PlatformError: as ``start_charge``, and ``expiry_out_of_range``.
    """
    if earlier := await replay(tx, requester, OperationType.RESERVE, request):
        return earlier
    if not SHORTEST <= request.expires_at - tx.now <= settings.reservation_max:
        raise PlatformError(
            "expiry_out_of_range",
            f"expires_at must be from 1 minute to {settings.reservation_max} from now.",
            errors=[{"pointer": "/expires_at", "detail": "is out of range"}],
        )
    place = await look.find(tx, requester, request.connector_id)
    look.require_control(place)
    reservation_id, token = new_id("res"), single_use_token()
    operation = await _add(
        tx,
        settings,
        requester,
        request,
        OperationType.RESERVE,
        place,
        token=token,
        reservation_id=reservation_id,
        user_ref=request.user_ref,
    )
    if operation is None:
        return await _replayed(tx, requester, OperationType.RESERVE, request)
    caps.keep(tx, settings, requester, reserving=True)
    look.require_accepted(place.charger)
    look.require_online(place.charger)
    look.require_working(place.connector)
    await look.require_free(tx, place.connector)
    reservation = await reservation_store.add(
        tx,
        id=reservation_id,
        partner_id=requester.partner_id,
        livemode=requester.livemode,
        operation_id=operation.id,
        charger_id=place.charger.id,
        connector_id=place.connector.id,
        token=token,
        expires_at=request.expires_at,
    )
    if reservation is None:
        raise PlatformError("connector_reserved", "It is held for somebody else.")
    command = Reserve(
        evse=place.connector.evse,
        connector=place.connector.connector,
        reservation=reservation.number,
        token=token,
        expires_at=rfc3339(request.expires_at),
    )
    await _enqueue(tx, settings, requester, operation, place, command)
    return await answer(tx, operation)


async def cancel_reservation(
    tx: Tx, settings: Settings, requester: Requester, request: CancelReservationRequest
) -> Accepted:
    """Accept a request to release a reservation; one that is over succeeds at once.

    Raises:
        PlatformError: ``not_found``, ``charger_offline``, ``idempotency_key_reused``.
    """
    if earlier := await replay(tx, requester, OperationType.CANCEL_RESERVATION, request):
        return earlier
    reservation = await look.own_reservation(tx, requester, request.reservation_id)
    place = await look.find(tx, requester, reservation.connector_id)
    operation = await _add(
        tx,
        settings,
        requester,
        request,
        OperationType.CANCEL_RESERVATION,
        place,
        reservation_id=reservation.id,
    )
    if operation is None:
        return await _replayed(tx, requester, OperationType.CANCEL_RESERVATION, request)
    if reservation.status in RESERVATION_MACHINE.final or reservation.expires_at <= tx.now:
        result = {"reservation_id": reservation.id, "already_released": True}
        done = await operations.finish(tx, operation.id, OperationStatus.SUCCEEDED, result=result)
        return await answer(tx, done or operation)
    look.require_online(place.charger)
    command = CancelReservation(reservation=reservation.number)
    await _enqueue(tx, settings, requester, operation, place, command)
    return await answer(tx, operation)


async def unlock_connector(
    tx: Tx, settings: Settings, requester: Requester, request: UnlockRequest
) -> Accepted:
    """Accept a request to unlock a connector, where nobody else's session is going on.

    Raises:
        PlatformError: ``not_found``, ``station_not_granted``, ``charger_offline``,
            ``connector_busy``, ``connector_reserved``, ``idempotency_key_reused``.
    """
    if earlier := await replay(tx, requester, OperationType.UNLOCK_CONNECTOR, request):
        return earlier
    place = await look.find(tx, requester, request.connector_id)
    look.require_control(place)
    operation = await _add(tx, settings, requester, request, OperationType.UNLOCK_CONNECTOR, place)
    if operation is None:
        return await _replayed(tx, requester, OperationType.UNLOCK_CONNECTOR, request)
    caps.keep(tx, settings, requester)
    look.require_online(place.charger)
    await _require_nobody_else(tx, requester, place.connector)
    command = Unlock(evse=place.connector.evse, connector=place.connector.connector)
    await _enqueue(tx, settings, requester, operation, place, command)
    return await answer(tx, operation)


async def _require_nobody_else(tx: Tx, requester: Requester, connector: Connector) -> None:
    session = await session_store.current(tx, connector.id)
    if session is not None and session.partner_id != requester.partner_id:
        raise PlatformError("connector_busy", "Somebody else's session is going on there.")
    held = await reservation_store.open_on(tx, connector.id)
    if held is not None and held.partner_id != requester.partner_id:
        raise PlatformError("connector_reserved", "It is held for somebody else.")


async def _add(
    tx: Tx,
    settings: Settings,
    requester: Requester,
    request: Request,
    type_: OperationType,
    place: look.Place,
    **values: Any,
) -> Operation | None:
    return await store.add(
        tx,
        id=new_id("op"),
        partner_id=requester.partner_id,
        livemode=requester.livemode,
        request_id=request.request_id,
        type=type_,
        body=canonical(request),
        charger_id=place.charger.id,
        connector_id=place.connector.id,
        on_late_start="stop",
        metadata={},
        deadline_at=tx.now + settings.confirm_within,
        **values,
    )


async def _replayed(
    tx: Tx, requester: Requester, type_: OperationType, request: Request
) -> Accepted:
    earlier = await replay(tx, requester, type_, request)
    if earlier is None:
        raise not_found("operation")
    return earlier


async def _enqueue(
    tx: Tx,
    settings: Settings,
    requester: Requester,
    operation: Operation,
    place: look.Place,
    command: Command,
) -> None:
    await commands.enqueue(
        tx,
        charger=place.charger,
        command=command,
        priority=Priority.DRIVER,
        expires_at=operation.deadline_at,
        timeout_s=settings.command_timeout.total_seconds(),
        requested_by=requester.name,
        operation_id=operation.id,
        at_once=True,
    )
