"""``start_charge``: one operation, at most one RemoteStart, whoever asks how often."""

import secrets
from typing import Any, Final

from core.chargers import id_tokens
from core.chargers.states import TokenStatus
from core.commands import service as commands
from core.commands.commands import StartCharging
from core.commands.states import Priority
from core.control import caps, look
from core.control.requests import Accepted, Requester, StartRequest, answer, canonical, replay
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.ids import new_id, single_use_token
from core.kernel.settings import Settings
from core.operations import failures, store
from core.operations import service as operations
from core.operations.models import Operation, Reservation
from core.operations.states import OperationStatus, OperationType, ReservationStatus

_BARRED: Final = frozenset({TokenStatus.BLOCKED, TokenStatus.EXPIRED, TokenStatus.INVALID})
"""What is said of a token that begins no session; the last of a master pass."""

MAX_ENERGY_WH = 1_000_000
MAX_MINUTES = 7 * 24 * 60


async def start_charge(
    tx: Tx, settings: Settings, requester: Requester, request: StartRequest
) -> Accepted:
    """Accept a request to start charging; idempotent in its request_id.

    A repeated request returns the operation of the first one, whatever became of the charger
    since: that is looked for wherever this one could not be taken.

    Raises:
        PlatformError: ``not_found``, ``station_not_granted``, ``charger_offline``,
            ``connector_busy`` (``_faulted``, ``_reserved``, ``_unavailable``), ``limit_invalid``,
            ``idempotency_key_reused``; nothing was recorded and the request_id is free.
    """
    try:
        limits = _check_limits(request)
        place = await look.find(tx, requester, request.connector_id)
        look.require_control(place)
        reservation = await _reservation(tx, requester, request)
    except PlatformError:
        if earlier := await replay(tx, requester, OperationType.START_CHARGE, request):
            return earlier
        raise
    operation = await store.add(
        tx,
        id=new_id("op"),
        partner_id=requester.partner_id,
        livemode=requester.livemode,
        request_id=request.request_id,
        type=OperationType.START_CHARGE,
        body=canonical(request),
        charger_id=place.charger.id,
        connector_id=place.connector.id,
        token=single_use_token() if reservation is None else reservation.token,
        remote_start_id=secrets.randbelow(2**31 - 1) + 1,
        reservation_id=None if reservation is None else reservation.id,
        user_ref=request.user_ref,
        limits=limits,
        on_late_start=request.on_late_start,
        metadata=request.metadata,
        deadline_at=tx.now + settings.confirm_within,
    )
    if operation is None:
        return await _lost_race(tx, requester, request, reservation)
    caps.keep(tx, settings, requester)
    look.require_accepted(place.charger)
    look.require_online(place.charger)
    look.require_working(place.connector)
    await look.require_free(tx, place.connector, for_reservation=reservation)
    if not await _token_may_charge(tx, request):
        refused = failures.token_refused()
        failed = await operations.finish(tx, operation.id, OperationStatus.FAILED, failure=refused)
        return await answer(tx, failed or operation)
    await _enqueue(tx, settings, requester, operation, place)
    return await answer(tx, operation)


async def _enqueue(
    tx: Tx, settings: Settings, requester: Requester, operation: Operation, place: look.Place
) -> None:
    if operation.token is None or operation.remote_start_id is None:
        raise AssertionError("a start has a token and a remoteStartId")
    await commands.enqueue(
        tx,
        charger=place.charger,
        command=StartCharging(
            evse=place.connector.evse,
            connector=place.connector.connector,
            token=operation.token,
            remote_start_id=operation.remote_start_id,
        ),
        priority=Priority.DRIVER,
        expires_at=operation.deadline_at,
        timeout_s=settings.command_timeout.total_seconds(),
        requested_by=requester.name,
        operation_id=operation.id,
        at_once=True,
    )


async def _lost_race(
    tx: Tx, requester: Requester, request: StartRequest, reservation: Reservation | None
) -> Accepted:
    """Tell which unique rule was in the way of the insert."""
    if earlier := await replay(tx, requester, OperationType.START_CHARGE, request):
        return earlier
    if reservation is not None and await store.start_of_reservation(tx, reservation.id):
        raise PlatformError("connector_reserved", "The reservation was used for a start already.")
    raise PlatformError("connector_busy", "Somebody else is starting there at this moment.")


async def _reservation(tx: Tx, requester: Requester, request: StartRequest) -> Reservation | None:
    if request.reservation_id is None:
        return None
    reservation = await look.own_reservation(tx, requester, request.reservation_id)
    if reservation.connector_id != request.connector_id:
        raise PlatformError(
            "invalid_parameter",
            "The reservation is for another connector.",
            errors=[{"pointer": "/reservation_id", "detail": "is for another connector"}],
        )
    if reservation.status is not ReservationStatus.ACTIVE or reservation.expires_at <= tx.now:
        raise PlatformError(
            "invalid_parameter",
            "The reservation is not active.",
            errors=[{"pointer": "/reservation_id", "detail": f"is {reservation.status}"}],
        )
    return reservation


def _check_limits(request: StartRequest) -> dict[str, Any] | None:
    if request.limits is None:
        return None
    if request.limits.max_amount is not None:
        raise PlatformError(
            "limit_invalid",
            "max_amount needs a tariff, and tariffs are not available yet; "
            "use max_energy_wh or max_minutes.",
            errors=[{"pointer": "/limits/max_amount", "detail": "is not available yet"}],
        )
    limits = {
        "max_energy_wh": request.limits.max_energy_wh,
        "max_minutes": request.limits.max_minutes,
    }
    highest = {"max_energy_wh": MAX_ENERGY_WH, "max_minutes": MAX_MINUTES}
    for name, value in limits.items():
        if value is not None and not 1 <= value <= highest[name]:
            raise PlatformError(
                "limit_invalid",
                f"{name} must be from 1 to {highest[name]}.",
                errors=[{"pointer": f"/limits/{name}", "detail": "is out of range"}],
            )
    return {name: value for name, value in limits.items() if value is not None} or None


async def _token_may_charge(tx: Tx, request: StartRequest) -> bool:
    """Tell whether the driver's token is not barred; one we do not know is the partner's affair."""
    if request.id_token is None:
        return True
    check = await id_tokens.check(tx, request.id_token, now=tx.now)
    return check.status not in _BARRED
