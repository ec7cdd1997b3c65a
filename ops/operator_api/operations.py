"""Operations of all partners, and why one did not do what it should."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from core.kernel.times import rfc3339
from core.operations import history
from core.operations.history import History
from core.operations.states import OperationStatus, OperationType
from core.webhooks.views import attempt_view
from ops.operator_api.deps import resource
from ops.operator_api.views import operator_operation_view
from partner_api.answers import page_of
from partner_api.deps import Paging, Transaction

routes = resource("/operations", tag="operations", reads_only=True)

Id = Annotated[str | None, Query(max_length=64)]
Entry = tuple[datetime, int, dict[str, Any]]


@routes.get("", summary="Operations")
async def list_operations(
    page: Paging,
    tx: Transaction,
    partner_id: Id = None,
    request_id: Id = None,
    status: OperationStatus | None = None,
    type: Annotated[OperationType | None, Query()] = None,  # noqa: A002 - its name on the wire
    connector_id: Id = None,
    charger_id: Id = None,
) -> dict[str, Any]:
    """Of all partners, in both modes."""
    found = await history.search_operations(
        tx,
        page,
        partner_id=partner_id,
        request_id=request_id,
        status=status,
        type_=type,
        connector_id=connector_id,
        charger_id=charger_id,
    )
    return page_of(found, lambda row: operator_operation_view(*row))


@routes.get("/{operation_id}", summary="One operation")
async def show(operation_id: str, tx: Transaction) -> dict[str, Any]:
    """As its partner sees it, and whose it is."""
    found = await history.history(tx, operation_id)
    return operator_operation_view(found.operation, found.steps)


@routes.get("/{operation_id}/timeline", summary="Why did it not start?")
async def timeline(operation_id: str, tx: Transaction) -> dict[str, Any]:
    """Everything that is recorded of it, by time: who said what to whom.

    Steps, the command, the frames that carried it, the answer, events, and every attempt to
    deliver them. `failure.responsible` says whose fault it was.
    """
    found = await history.history(tx, operation_id)
    return {
        "object": "timeline",
        "operation": operator_operation_view(found.operation, found.steps),
        "failure": found.operation.failure,
        "entries": [entry for _, _, entry in sorted(_entries(found), key=lambda one: one[:2])],
    }


def _entries(found: History) -> list[Entry]:
    """Return what happened with its time; what happened at once is in the order of its cause."""
    return [*_of_steps(found), *_of_commands(found), *_of_frames(found), *_of_events(found)]


def _of_steps(found: History) -> list[Entry]:
    return [
        _entry(step.at, 0, "step", status=step.status, stage=step.stage, evidence=step.facts)
        for step in found.steps
    ]


def _of_commands(found: History) -> list[Entry]:
    entries = []
    for command in found.commands:
        facts = {"command_id": command.id, "command": command.kind, "action": command.action}
        entries.append(_entry(command.created_at, 1, "command_queued", **facts))
        if command.sent_at is not None:
            sent = {"message_id": command.message_id, "timeout_s": command.timeout_s}
            entries.append(_entry(command.sent_at, 2, "command_sent", **facts, **sent))
        if command.answered_at is not None:
            said = {"response": command.response, "error": command.error}
            entries.append(_entry(command.answered_at, 4, "command_answered", **facts, **said))
    return entries


def _of_frames(found: History) -> list[Entry]:
    return [
        _entry(
            frame.at,
            3,
            "message",
            frame_id=frame.number,
            direction=frame.direction,
            frame=frame.kind,
            action=frame.action,
            message_id=frame.message_id,
            text=frame.text,
        )
        for frame in found.frames
    ]


def _of_events(found: History) -> list[Entry]:
    entries = []
    for traced in found.events:
        event = traced.event
        told = {"event_id": event.id, "type": event.type, "object_id": event.object_id}
        entries.append(_entry(event.created_at, 5, "event", **told, seq=event.seq))
        for one in traced.deliveries:
            where = {
                "delivery_id": one.delivery.id,
                "event_id": event.id,
                "endpoint_id": one.delivery.endpoint_id,
                "url": one.url,
            }
            status = one.delivery.status
            entries.append(_entry(one.delivery.created_at, 6, "delivery", **where, status=status))
            entries += [
                _entry(attempt.at, 7, "attempt", **where, **attempt_view(attempt))
                for attempt in one.attempts
            ]
    return entries


def _entry(when: datetime, rank: int, kind: str, **facts: Any) -> Entry:
    return when, rank, {"at": rfc3339(when), "kind": kind, **facts}
