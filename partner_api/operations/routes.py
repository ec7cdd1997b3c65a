"""``/v1/operations`` and ``/v1/reservations``."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.operations import queries
from core.operations import service as operations
from core.operations.models import Operation as OperationRow
from core.operations.models import Step
from core.operations.states import OperationStatus, OperationType, ReservationStatus
from core.operations.views import operation_view, reservation_view
from core.partners.scopes import Scope
from core.partners.service import Caller
from partner_api.answers import Json, listed, page_of
from partner_api.bodies import StrictRoute
from partner_api.deps import Config, Paging, Transaction
from partner_api.documented import answers, list_of
from partner_api.fields import ObjectId, RequestId
from partner_api.operations.schemas import Operation, Reservation
from partner_api.operations.waiting import wait_for_end
from partner_api.security.access import Watcher, needs, needs_to_watch, require_any

_OF_TYPE: Final = {
    OperationType.START_CHARGE: Scope.CONTROL_START,
    OperationType.STOP_CHARGE: Scope.CONTROL_STOP,
    OperationType.RESERVE: Scope.CONTROL_RESERVE,
    OperationType.CANCEL_RESERVATION: Scope.CONTROL_RESERVE,
    OperationType.UNLOCK_CONNECTOR: Scope.CONTROL_UNLOCK,
}
_CONTROL: Final = tuple(dict.fromkeys(_OF_TYPE.values()))
_READ: Final = (*_CONTROL, Scope.SESSIONS_READ)
_RESERVATIONS: Final = (Scope.CONTROL_RESERVE, Scope.SESSIONS_READ)

router = APIRouter(tags=["operations"], route_class=StrictRoute)


@router.get("/v1/operations", **answers(200, list_of(Operation), "invalid_cursor"))
async def list_operations(
    caller: Annotated[Caller, needs(*_READ)],
    tx: Transaction,
    page: Paging,
    request_id: Annotated[RequestId | None, Query()] = None,
    status: Annotated[OperationStatus | None, Query()] = None,
    type: Annotated[OperationType | None, Query()] = None,  # noqa: A002 - the name on the wire
    connector_id: Annotated[ObjectId | None, Query()] = None,
) -> Response:
    """List operations, or find the one of a request_id."""
    found = await queries.list_operations(
        tx,
        page,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        request_id=request_id,
        status=status,
        type_=type,
        connector_id=connector_id,
    )
    data = [operation_view(operation, steps) for operation, steps in found.rows]
    has_more = found.next_cursor is not None
    return Json(listed(data, has_more=has_more, next_cursor=found.next_cursor))


@router.get("/v1/operations/{operation_id}", **answers(200, Operation, "not_found"))
async def get_operation(
    operation_id: str,
    watcher: Annotated[Watcher, needs_to_watch(*_READ)],
    settings: Config,
    wait: Annotated[
        int,
        Query(ge=0, le=30, description="Seconds: answers when it is final or the time is over."),
    ] = 0,
) -> Response:
    """Return an operation; with `wait`, when it is final."""
    wait_s = min(float(wait), settings.long_poll_max.total_seconds())
    return Json(operation_view(*await wait_for_end(watcher, operation_id, wait_s=wait_s)))


@router.post(
    "/v1/operations/{operation_id}/cancel",
    **answers(200, Operation, "not_found", "operation_not_cancellable"),
)
async def cancel_operation(
    operation_id: str, caller: Annotated[Caller, needs(*_CONTROL)], tx: Transaction
) -> Response:
    """Cancel an operation before its charger was asked; needs the scope that made it."""
    operation, _ = await _own(tx, caller, operation_id)
    scopes = (_OF_TYPE[operation.type], Scope.CONTROL_STOP)
    require_any(caller, scopes, reading=False)
    is_cancelled = operation.status is OperationStatus.CANCELLED
    if not is_cancelled and await operations.cancel(tx, operation.id) is None:
        raise PlatformError("operation_not_cancellable", "Use stop_charge, or wait for its end.")
    return Json(operation_view(*await _own(tx, caller, operation_id)))


@router.get("/v1/reservations", **answers(200, list_of(Reservation), "invalid_cursor"))
async def list_reservations(
    caller: Annotated[Caller, needs(*_RESERVATIONS)],
    tx: Transaction,
    page: Paging,
    status: Annotated[ReservationStatus | None, Query()] = None,
) -> Response:
    """List reservations."""
    found = await queries.list_reservations(
        tx, page, partner_id=caller.partner_id, livemode=caller.livemode, status=status
    )
    return Json(page_of(found, reservation_view))


@router.get("/v1/reservations/{reservation_id}", **answers(200, Reservation, "not_found"))
async def get_reservation(
    reservation_id: str, caller: Annotated[Caller, needs(*_RESERVATIONS)], tx: Transaction
) -> Response:
    """Return a reservation."""
    reservation = await queries.get_reservation(
        tx, reservation_id, partner_id=caller.partner_id, livemode=caller.livemode
    )
    return Json(reservation_view(reservation))


async def _own(tx: Tx, caller: Caller, operation_id: str) -> tuple[OperationRow, Sequence[Step]]:
    return await queries.get_operation(
        tx, operation_id, partner_id=caller.partner_id, livemode=caller.livemode
    )
