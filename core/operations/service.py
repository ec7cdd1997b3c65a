"""Use cases of operations: claim for sending, record the answer, confirm, expire, cancel."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from core.chargers.models import Charger, Connector, chargers, connectors
from core.chargers.states import ConnectorStatus
from core.chargers.store import station_of
from core.commands import service as commands
from core.commands.commands import Answer, Verdict
from core.commands.models import CommandRow
from core.kernel import metrics, tracing
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.ids import may_be_single_use
from core.kernel.times import rfc3339
from core.operations import failures, reservations, step_store, store
from core.operations.failures import Failure
from core.operations.models import Operation
from core.operations.states import ACHIEVED, MACHINE, OperationStatus, OperationType, Stage
from core.operations.views import operation_view
from core.webhooks import service as webhooks

EXPIRY_BATCH: Final = 200

_BEFORE_ACCEPTED: Final = frozenset({Stage.SENT_TO_CHARGER})
_BEFORE_VEHICLE: Final = frozenset({Stage.SENT_TO_CHARGER, Stage.ACCEPTED_BY_CHARGER})


def topic(operation_id: str) -> str:
    """Return the doorbell topic that rings when an operation has reached its end."""
    return f"operation:{operation_id}"


async def claim_next(
    tx: Tx,
    charger_id: str,
    *,
    without: Collection[str] = (),
    peeked: commands.Peeked | None = None,
    name: Callable[[CommandRow, bool], str | None] | None = None,
) -> CommandRow | None:
    """Take the next command of a charger for sending; its operation moves along.

    Kinds in *without* stay queued: a charger that waits for approval starts nothing.

    The operation's row is locked before the command's, here as everywhere.

    Args:
        peeked: What the transaction has just peeked at, of any kind but *without*.
        name: Given the command, and whether no other waits behind it, returns the OCPP action
            that it becomes, if it can be said.
    """
    while True:
        command, others = peeked or await commands.peek(tx, charger_id, without=without)
        peeked = None
        if command is None:
            return None
        if not await _is_asked(tx, command):  # cancelled or expired in between
            await commands.expire(tx, command.id)
            continue
        action = None if name is None else name(command, not others)
        return await commands.claim(tx, command, action=action)


async def take(tx: Tx, offer: commands.Offer, *, action: str) -> CommandRow | None:
    """Take a command that its transaction offers for sending; its operation moves along.

    ``None`` where others wait for its charger already; *action* is what it becomes.
    """
    command = await commands.take(tx, offer, action=action)
    if command is not None and not await _is_asked(tx, command):
        raise RuntimeError(f"operation {command.operation_id} ended before it was asked for")
    return command


async def _is_asked(tx: Tx, command: CommandRow) -> bool:
    """Move a command's operation along as it is sent; tells whether it may be."""
    if command.operation_id is None:
        return True
    moved = await store.move(
        tx,
        command.operation_id,
        OperationStatus.IN_PROGRESS,
        stage=Stage.SENT_TO_CHARGER,
        facts={"command_id": command.id},
    )
    if moved is not None:
        await _progress(tx, moved)
    return moved is not None


async def traceparent_of(tx: Tx, operation_id: str) -> str | None:
    """Return the trace of the request that an operation came from, if it was traced."""
    operation = await store.by_id(tx, operation_id)
    return None if operation is None else operation.traceparent


async def record_answer(tx: Tx, command: CommandRow, answer: Answer) -> None:
    """Record the charger's answer to *command*, and what it means for its operation.

    A late answer to an operation that is over is kept with the command, as evidence.
    """
    row = await commands.record_answer(tx, command.id, answer)
    if row is None or row.operation_id is None:
        return
    operation, status = await store.with_connector(tx, row.operation_id)
    if answer.verdict is Verdict.ACCEPTED:
        await _accepted(tx, operation, answer, status)
    elif not await _another_stop_is_under_way(tx, operation):
        failure = failures.of_refusal(operation.type, row, answer, status)
        await finish(tx, operation.id, OperationStatus.FAILED, failure=failure)


async def _accepted(tx: Tx, operation: Operation, answer: Answer, status: ConnectorStatus) -> None:
    facts: dict[str, Any] = {"response": answer.response}
    match operation.type:
        case OperationType.START_CHARGE | OperationType.STOP_CHARGE:
            moved = await store.advance(
                tx, operation.id, Stage.ACCEPTED_BY_CHARGER, after=_BEFORE_ACCEPTED, facts=facts
            )
            if moved is None:
                return
            await _progress(tx, moved)
            waits = status is ConnectorStatus.AVAILABLE
            if operation.type is OperationType.START_CHARGE and waits:
                moved = await store.advance(
                    tx, operation.id, Stage.WAITING_FOR_VEHICLE, after=_BEFORE_VEHICLE, facts={}
                )
                if moved is not None:
                    await _progress(tx, moved)
        case OperationType.RESERVE:
            result: dict[str, Any] = {"reservation_id": operation.reservation_id}
            done = await finish(tx, operation.id, OperationStatus.SUCCEEDED, result=result)
            if done is not None and operation.reservation_id is not None:
                await reservations.confirm(tx, operation.reservation_id)
        case OperationType.CANCEL_RESERVATION:
            result = {"reservation_id": operation.reservation_id, "already_released": False}
            done = await finish(tx, operation.id, OperationStatus.SUCCEEDED, result=result)
            if done is not None and operation.reservation_id is not None:
                await reservations.cancel(tx, operation.reservation_id)
        case OperationType.UNLOCK_CONNECTOR:
            await finish(tx, operation.id, OperationStatus.SUCCEEDED, result={}, facts=facts)


async def could_not_send(tx: Tx, command: CommandRow) -> None:
    """Record that a claimed command could not be put into the charger's words."""
    if command.operation_id is not None:
        failure = failures.internal_error()
        await finish(tx, command.operation_id, OperationStatus.FAILED, failure=failure)
    await commands.record_timeout(tx, command.id)


async def finish(
    tx: Tx,
    operation_id: str,
    to: OperationStatus,
    *,
    session_id: str | None = None,
    result: dict[str, Any] | None = None,
    failure: Failure | None = None,
    facts: dict[str, Any] | None = None,
    sources: frozenset[OperationStatus] | None = None,
) -> Operation | None:
    """Enter a final status, once: with the event, and with all that follows from it.

    Returns ``None``, having done nothing, if the operation is final already.
    """
    values: dict[str, Any] = {"result": result}
    if session_id is not None:
        values["session_id"] = session_id
    if failure is not None:
        values["failure"] = failure.view()
    stage = None
    if to is OperationStatus.SUCCEEDED:
        current = await store.by_id(tx, operation_id)
        if current is None:
            return None
        values["stage"] = ACHIEVED[current.type]
        stage = current.stage
    operation = await store.move(tx, operation_id, to, facts=facts, sources=sources, **values)
    if operation is None:
        return None
    if (stage or operation.stage) is Stage.QUEUED:  # else its command was sent
        await commands.withdraw(tx, operation_id=operation_id)
    name = f"operation.{to.value}"
    with tracing.span(name, parent=operation.traceparent, operation_id=operation.id):
        await emit(tx, operation, name)
    metrics.OPERATIONS.labels(operation.type, to).inc()
    seconds = (tx.now - operation.created_at).total_seconds()
    metrics.OPERATION_SECONDS.labels(operation.type, to).observe(seconds)
    tx.ring(topic(operation_id), operation_id)
    if to is not OperationStatus.SUCCEEDED:
        await _clean_up(tx, operation)
    return operation


async def _clean_up(tx: Tx, operation: Operation) -> None:
    if operation.type is OperationType.START_CHARGE:
        # A stop that waited for this start has nothing left to stop.
        for stop in await store.unfinished_stops(tx, start_operation_id=operation.id):
            result = {"session_id": None, "already_ended": True}
            await finish(tx, stop.id, OperationStatus.SUCCEEDED, result=result)
    if operation.type is OperationType.RESERVE and operation.reservation_id is not None:
        await reservations.give_up(tx, operation.reservation_id)


async def measure(tx: Tx) -> None:
    """Set the gauge of what is under way; what has ended since is zero."""
    found = {(row.type, row.status): row.operations for row in await store.count_by_status(tx)}
    for type_ in OperationType:
        for status in sorted(MACHINE.unfinished):
            count = found.get((type_, status), 0)
            metrics.OPERATIONS_UNFINISHED.labels(type_, status).set(count)


async def emit(tx: Tx, operation: Operation, type_: str) -> None:
    """Write the event *type_* about *operation*, as it is now."""
    view = operation_view(operation, await step_store.of_operation(tx, operation.id))
    await _emit(tx, operation, type_, view)


async def _emit(
    tx: Tx, operation: Operation, type_: str, obj: Mapping[str, Any] | webhooks.Made
) -> None:
    await webhooks.emit(
        tx,
        partner_id=operation.partner_id,
        livemode=operation.livemode,
        type=type_,
        object_id=operation.id,
        object_sequence=operation.sequence,
        related={
            "operation_id": operation.id,
            "request_id": operation.request_id,
            "session_id": operation.session_id,
            "order_id": None,
        },
        obj=obj,
        station_id=await station_of(tx, operation.charger_id),
    )


async def _progress(tx: Tx, operation: Operation) -> None:
    """Tell of another stage; few ask for that, so its history is read only if somebody does."""

    async def view(later: Tx) -> dict[str, Any]:
        steps = await step_store.of_operation(later, operation.id, until=operation.sequence)
        return operation_view(operation, steps)

    await _emit(tx, operation, "operation.progress", view)
    tx.ring(topic(operation.id), operation.id)


async def expire_overdue(tx: Tx) -> int:
    """Time out every operation whose deadline has passed; return how many did."""
    late = await store.overdue(tx, limit=EXPIRY_BATCH)
    for operation in late:
        failure = await _failure_at_deadline(tx, operation)
        await finish(tx, operation.id, OperationStatus.TIMED_OUT, failure=failure)
    return len(late)


async def fail_stranded(tx: Tx, *, charger_id: str) -> int:
    """Fail what was not sent before a charger closed its socket; return how many operations.

    Not for a node that died or stops: its chargers come back to another one in seconds, and what
    waits for them is sent then, or ends at its deadline.
    """
    stranded = await store.stranded(tx, charger_id=charger_id, limit=EXPIRY_BATCH)
    for operation in stranded:
        failure = failures.charger_left()
        await finish(tx, operation.id, OperationStatus.FAILED, failure=failure)
    await commands.withdraw(tx, charger_id=charger_id)
    return len(stranded)


async def get(tx: Tx, operation_id: str) -> Operation:
    """Return an operation.

    Raises:
        PlatformError: ``not_found``.
    """
    operation = await store.by_id(tx, operation_id)
    if operation is None:
        raise not_found("operation")
    return operation


async def start_of_token(
    tx: Tx, *, charger_id: str, token: str | None, remote_start_id: int | None
) -> Operation | None:
    """Return the start that a charger's token or remoteStartId was made for."""
    if token is not None and not may_be_single_use(token):
        return None  # most cards can be told by their looks
    return await store.start_of_token(
        tx, charger_id=charger_id, token=token, remote_start_id=remote_start_id
    )


async def adopt_waiting_stops(
    tx: Tx, start_operation_id: str, session_id: str
) -> Sequence[Operation]:
    """Tell the stops that waited for a start which session it became; return them."""
    stops = await store.unfinished_stops(tx, start_operation_id=start_operation_id)
    for stop in stops:
        await store.give_session(tx, stop.id, session_id)
    return stops


async def cancel(tx: Tx, operation_id: str) -> Operation | None:
    """Cancel before the charger is asked; ``None`` if it is too late."""
    return await finish(
        tx,
        operation_id,
        OperationStatus.CANCELLED,
        sources=frozenset({OperationStatus.ACCEPTED}),
    )


async def finish_stops(tx: Tx, session_id: str, *, stop_reason: str) -> None:
    """Confirm every stop of a session whose end the charger has reported."""
    for stop in await store.unfinished_stops(tx, session_id=session_id):
        result = {"session_id": session_id, "already_ended": False, "stop_reason": stop_reason}
        await finish(tx, stop.id, OperationStatus.SUCCEEDED, result=result)


async def record_late_start(
    tx: Tx, operation: Operation, session_id: str
) -> tuple[Operation, bool]:
    """Record that a start happened after its end; return the operation and whether it is kept."""
    keep = operation.on_late_start == "keep" and operation.status is OperationStatus.TIMED_OUT
    late_outcome = {
        "outcome": "started",
        "session_id": session_id,
        "at": rfc3339(tx.now),
        "action": "kept" if keep else "stopped",
    }
    recorded = await store.set_late_outcome(tx, operation.id, late_outcome, session_id)
    if recorded is None:
        return operation, keep
    await emit(tx, recorded, "operation.late_outcome")
    return recorded, keep


async def _another_stop_is_under_way(tx: Tx, operation: Operation) -> bool:
    """Tell whether a refused stop may wait for another stop's success.

    A charger that is already stopping a session refuses a second request for it.
    """
    if operation.type is not OperationType.STOP_CHARGE or operation.session_id is None:
        return False
    stops = await store.unfinished_stops(tx, session_id=operation.session_id)
    return any(
        stop.id != operation.id and stop.stage is Stage.ACCEPTED_BY_CHARGER for stop in stops
    )


async def _failure_at_deadline(tx: Tx, operation: Operation) -> Failure:
    sent = await commands.of_operation(tx, operation.id)
    charger = await tx.one(select(chargers).where(chargers.c.id == operation.charger_id), Charger)
    here = select(connectors).where(connectors.c.id == operation.connector_id)
    connector = await tx.one(here, Connector)
    return failures.of_deadline(operation.type, sent[-1] if sent else None, charger, connector)
