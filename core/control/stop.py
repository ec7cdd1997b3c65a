"""``stop_charge``: end a session, or a start that has not become one yet."""

from typing import Any

from sqlalchemy import select

from core.chargers.models import Charger, chargers
from core.control import look
from core.control.requests import Accepted, Requester, StopRequest, answer, canonical, replay
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.settings import Settings
from core.operations import service as operations
from core.operations import store
from core.operations.models import Operation
from core.operations.states import MACHINE, OperationStatus, OperationType
from core.sessions import stopping
from core.sessions import store as session_store
from core.sessions.models import Session
from core.sessions.states import StopReason


async def stop_charge(
    tx: Tx, settings: Settings, requester: Requester, request: StopRequest
) -> Accepted:
    """Accept a request to stop charging; idempotent in its request_id.

    A session that has ended: succeeded at once. A start that was not sent: cancelled, and the
    stop succeeded. A start that is under way: the stop follows as soon as the transaction appears.

    Raises:
        PlatformError: ``not_found``, ``charger_offline``, ``idempotency_key_reused``.
    """
    if earlier := await replay(tx, requester, OperationType.STOP_CHARGE, request):
        return earlier
    if request.session_id is not None:
        session = await session_store.by_id(tx, request.session_id)
        if session is None or not _owns(requester, session):
            raise not_found("session")
        return await _stop_session(tx, settings, requester, request, session)
    start = await store.by_request(
        tx,
        partner_id=requester.partner_id,
        livemode=requester.livemode,
        request_id=request.start_request_id or "",
    )
    if start is None or start.type is not OperationType.START_CHARGE:
        raise not_found("start request")
    return await _stop_start(tx, settings, requester, request, start)


async def would_stop(tx: Tx, requester: Requester, request: StopRequest) -> bool:
    """Tell whether a stop is the first for something of the requester's that goes on (S15)."""
    if request.session_id is not None:
        session = await session_store.by_id(tx, request.session_id)
        if session is None or not session.is_open or not _owns(requester, session):
            return False
        stops = await store.unfinished_stops(tx, session_id=session.id)
        return not stops
    start = await store.by_request(
        tx,
        partner_id=requester.partner_id,
        livemode=requester.livemode,
        request_id=request.start_request_id or "",
    )
    if start is None or start.type is not OperationType.START_CHARGE:
        return False
    if start.session_id is not None:
        of_session = StopRequest(request_id=request.request_id, session_id=start.session_id)
        return await would_stop(tx, requester, of_session)
    stops = await store.unfinished_stops(tx, start_operation_id=start.id)
    return start.status in MACHINE.unfinished and not stops


def _owns(requester: Requester, session: Session) -> bool:
    return (session.partner_id, session.livemode) == (requester.partner_id, requester.livemode)


async def _stop_session(
    tx: Tx, settings: Settings, requester: Requester, request: StopRequest, session: Session
) -> Accepted:
    if session.connector_id is None:
        raise not_found("session")
    values = {
        "charger_id": session.charger_id,
        "connector_id": session.connector_id,
        "session_id": session.id,
    }
    operation = await _add(tx, settings, requester, request, **values)
    if operation is None:
        return await _replayed(tx, requester, request)
    if not session.is_open:
        return await _already_ended(tx, operation, session.id)
    statement = select(chargers).where(chargers.c.id == session.charger_id)
    charger = await tx.one(statement, Charger)
    look.require_online(charger)
    await stopping.send_stop(
        tx,
        session,
        charger,
        wanted=StopReason.PARTNER,
        expires_at=operation.deadline_at,
        requested_by=requester.name,
        operation_id=operation.id,
        at_once=True,
    )
    return await answer(tx, operation)


async def _stop_start(
    tx: Tx, settings: Settings, requester: Requester, request: StopRequest, start: Operation
) -> Accepted:
    if start.status is OperationStatus.ACCEPTED:
        cancelled = await operations.cancel(tx, start.id)
        if cancelled is not None:
            return await _nothing_to_stop(tx, settings, requester, request, start)
    if start.status in MACHINE.unfinished:
        waiting = await store.forbid_late_start(tx, start.id)
        if waiting is not None:
            return await _wait_for_start(tx, settings, requester, request, waiting)
    now = await store.by_id(tx, start.id)
    if now is None or now.session_id is None:
        return await _nothing_to_stop(tx, settings, requester, request, start)
    session = await session_store.by_id(tx, now.session_id)
    if session is None:
        raise not_found("session")
    return await _stop_session(tx, settings, requester, request, session)


async def _wait_for_start(
    tx: Tx, settings: Settings, requester: Requester, request: StopRequest, start: Operation
) -> Accepted:
    operation = await _add(tx, settings, requester, request, **_of_start(start))
    if operation is None:
        return await _replayed(tx, requester, request)
    return await answer(tx, operation)


async def _nothing_to_stop(
    tx: Tx, settings: Settings, requester: Requester, request: StopRequest, start: Operation
) -> Accepted:
    operation = await _add(tx, settings, requester, request, **_of_start(start))
    if operation is None:
        return await _replayed(tx, requester, request)
    return await _already_ended(tx, operation, None)


def _of_start(start: Operation) -> dict[str, Any]:
    return {
        "charger_id": start.charger_id,
        "connector_id": start.connector_id,
        "start_operation_id": start.id,
    }


async def _already_ended(tx: Tx, operation: Operation, session_id: str | None) -> Accepted:
    done = await operations.finish(
        tx,
        operation.id,
        OperationStatus.SUCCEEDED,
        result={"session_id": session_id, "already_ended": True},
    )
    return await answer(tx, done or operation)


async def _add(
    tx: Tx, settings: Settings, requester: Requester, request: StopRequest, **values: Any
) -> Operation | None:
    return await store.add(
        tx,
        id=new_id("op"),
        partner_id=requester.partner_id,
        livemode=requester.livemode,
        request_id=request.request_id,
        type=OperationType.STOP_CHARGE,
        body=canonical(request),
        on_late_start="stop",
        metadata={},
        deadline_at=tx.now + settings.confirm_within,
        **values,
    )


async def _replayed(tx: Tx, requester: Requester, request: StopRequest) -> Accepted:
    earlier = await replay(tx, requester, OperationType.STOP_CHARGE, request)
    if earlier is None:
        raise PlatformError("request_in_progress", "Try again in a moment.", retry_after=1)
    return earlier
