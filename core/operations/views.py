"""How partners see operations and reservations: in answers, and frozen into events."""

from collections.abc import Sequence
from typing import Any

from core.kernel.times import rfc3339
from core.operations.models import Operation, Reservation, Step


def operation_view(operation: Operation, steps: Sequence[Step]) -> dict[str, Any]:
    """Return the operation of the partner API, its timeline included."""
    return {
        "id": operation.id,
        "object": "operation",
        "type": operation.type.value,
        "request_id": operation.request_id,
        "livemode": operation.livemode,
        "status": operation.status.value,
        "stage": operation.stage.value,
        "connector_id": operation.connector_id,
        "session_id": operation.session_id,
        "reservation_id": operation.reservation_id,
        "user_ref": operation.user_ref,
        "result": operation.result,
        "failure": operation.failure,
        "late_outcome": operation.late_outcome,
        "metadata": operation.metadata,
        "created_at": rfc3339(operation.created_at),
        "updated_at": rfc3339(operation.updated_at),
        "deadline_at": rfc3339(operation.deadline_at),
        "sequence": operation.sequence,
        "timeline": [_step_view(step) for step in steps],
    }


def reservation_view(reservation: Reservation) -> dict[str, Any]:
    """Return the reservation of the partner API."""
    return {
        "id": reservation.id,
        "object": "reservation",
        "livemode": reservation.livemode,
        "operation_id": reservation.operation_id,
        "connector_id": reservation.connector_id,
        "status": reservation.status.value,
        "expires_at": rfc3339(reservation.expires_at),
        "created_at": rfc3339(reservation.created_at),
        "updated_at": rfc3339(reservation.updated_at),
        "sequence": reservation.sequence,
    }


def _step_view(step: Step) -> dict[str, Any]:
    view: dict[str, Any] = {"stage": step.stage, "status": step.status, "at": rfc3339(step.at)}
    if step.facts:
        view["evidence"] = step.facts
    return view
