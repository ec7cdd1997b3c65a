"""``POST /v1/start_charge`` and its four sisters."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request, Response

from core.control.requests import Accepted, Requester, StopRequest
from core.control.reserve import cancel_reservation as core_cancel_reservation
from core.control.reserve import reserve as core_reserve
from core.control.reserve import unlock_connector as core_unlock_connector
from core.control.start import start_charge as core_start_charge
from core.control.stop import stop_charge as core_stop_charge
from core.control.stop import would_stop
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.joint import Joint
from core.kernel.settings import Settings
from core.operations.views import operation_view
from core.partners.scopes import Scope
from core.partners.service import Caller
from partner_api.answers import Json
from partner_api.bodies import ControlRoute
from partner_api.control.schemas import (
    CancelReservation,
    Reserve,
    StartCharge,
    StopCharge,
    UnlockConnector,
)
from partner_api.deps import Config
from partner_api.documented import answers
from partner_api.operations.schemas import Operation
from partner_api.sandbox.waking import awake
from partner_api.security.access import Excess, needs_to_control, needs_to_stop
from partner_api.services import PartnerServices

_POLL_AFTER_S: Final = 2
_HEADERS: Final = {
    "Location": "The operation: poll it, or wait for the webhook.",
    "Retry-After": "Seconds until a poll makes sense.",
    "Idempotency-Replayed": "`true`: an earlier request with this request_id made it.",
}
_ALWAYS: Final = (
    "missing_request_id",
    "idempotency_mismatch",
    "idempotency_key_reused",
    "not_found",
    "charger_offline",
    "request_in_progress",
    "too_many_active_operations",
)
_PLACE: Final = ("station_not_granted", "connector_busy", "connector_reserved")
_WORKING: Final = ("connector_faulted", "connector_unavailable")


async def _idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            pattern=r"^[A-Za-z0-9_.:-]{1,64}$",
            description="An alias of `request_id`; send one of them, or the same in both.",
        ),
    ] = None,
) -> None:
    """Document the header; ``ControlRequest`` reads it."""


async def _joint(request: Request) -> Joint:
    return PartnerServices.of(request.scope).joint


Together = Annotated[Joint, Depends(_joint)]
"""Calls about different things share a transaction; it is committed before the answer leaves."""


router = APIRouter(
    tags=["control"],
    route_class=ControlRoute,
    dependencies=[Depends(awake), Depends(_idempotency_key)],
)


@router.post(
    "/v1/start_charge",
    **answers(
        202,
        Operation,
        *_ALWAYS,
        *_PLACE,
        *_WORKING,
        "limit_invalid",
        body=True,
        headers=_HEADERS,
    ),
)
async def start_charge(
    body: StartCharge,
    caller: Annotated[Caller, needs_to_control(Scope.CONTROL_START)],
    joint: Together,
    settings: Config,
) -> Response:
    """Start charging.

    Answers 202 as soon as the request is durable. `operation.succeeded` follows when the charger
    reports the transaction; else `operation.failed` or `operation.timed_out`.
    """
    requester, request = _requester(caller), body.to_core()
    accepted = await joint.run(
        request.connector_id, lambda tx: core_start_charge(tx, settings, requester, request)
    )
    return _accepted(accepted)


@router.post(
    "/v1/stop_charge",
    **answers(202, Operation, *_ALWAYS, "session_not_active", body=True, headers=_HEADERS),
)
async def stop_charge(
    body: StopCharge,
    caller: Annotated[Caller, needs_to_stop(Scope.CONTROL_STOP)],
    excess: Excess,
    joint: Together,
    settings: Config,
) -> Response:
    """Stop charging: a session, or a start that has not become one yet.

    No limit stands in the way of the first stop of a session or start of yours.
    """
    requester, request = _requester(caller), body.to_core()
    accepted = await joint.run(
        request.session_id or request.start_request_id or "",
        lambda tx: _stop(tx, settings, requester, request, excess),
    )
    return _accepted(accepted)


async def _stop(
    tx: Tx,
    settings: Settings,
    requester: Requester,
    request: StopRequest,
    excess: PlatformError | None,
) -> Accepted:
    if excess is not None and not await would_stop(tx, requester, request):
        raise excess
    return await core_stop_charge(tx, settings, requester, request)


@router.post(
    "/v1/reserve",
    **answers(
        202,
        Operation,
        *_ALWAYS,
        *_PLACE,
        *_WORKING,
        "expiry_out_of_range",
        body=True,
        headers=_HEADERS,
    ),
)
async def reserve(
    body: Reserve,
    caller: Annotated[Caller, needs_to_control(Scope.CONTROL_RESERVE)],
    joint: Together,
    settings: Config,
) -> Response:
    """Hold a connector for a driver of yours."""
    requester, request = _requester(caller), body.to_core()
    accepted = await joint.run(
        request.connector_id, lambda tx: core_reserve(tx, settings, requester, request)
    )
    return _accepted(accepted)


@router.post(
    "/v1/cancel_reservation", **answers(202, Operation, *_ALWAYS, body=True, headers=_HEADERS)
)
async def cancel_reservation(
    body: CancelReservation,
    caller: Annotated[Caller, needs_to_control(Scope.CONTROL_RESERVE)],
    joint: Together,
    settings: Config,
) -> Response:
    """Release a connector; a reservation that is over succeeds at once."""
    requester, request = _requester(caller), body.to_core()
    accepted = await joint.run(
        request.reservation_id,
        lambda tx: core_cancel_reservation(tx, settings, requester, request),
    )
    return _accepted(accepted)


@router.post(
    "/v1/unlock_connector",
    **answers(202, Operation, *_ALWAYS, *_PLACE, body=True, headers=_HEADERS),
)
async def unlock_connector(
    body: UnlockConnector,
    caller: Annotated[Caller, needs_to_control(Scope.CONTROL_UNLOCK)],
    joint: Together,
    settings: Config,
) -> Response:
    """Unlock a connector whose cable is stuck."""
    requester, request = _requester(caller), body.to_core()
    accepted = await joint.run(
        request.connector_id, lambda tx: core_unlock_connector(tx, settings, requester, request)
    )
    return _accepted(accepted)


def _requester(caller: Caller) -> Requester:
    return Requester(partner_id=caller.partner_id, livemode=caller.livemode)


def _accepted(accepted: Accepted) -> Response:
    headers = {
        "Location": f"/v1/operations/{accepted.operation.id}",
        "Retry-After": str(_POLL_AFTER_S),
    }
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Json(operation_view(accepted.operation, accepted.steps), 202, headers)
