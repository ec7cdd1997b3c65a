"""Operations and reservations as answers."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from core.operations.states import (
    FailureCode,
    OperationStatus,
    OperationType,
    ReservationStatus,
    Responsible,
    Stage,
)
from partner_api.fields import Out


class Failure(Out):
    """Why an operation failed, and who is responsible."""

    code: FailureCode
    message: str
    responsible: Responsible
    ocpp: Annotated[
        dict[str, Any] | None, Field(description="What the charger said, if it said anything.")
    ] = None


class LateOutcome(Out):
    """What happened after the operation had timed out."""

    outcome: Literal["started"]
    session_id: str
    at: AwareDatetime
    action: Literal["stopped", "kept"]


class TimelineStep(Out):
    """One step of an operation, with the evidence for it."""

    stage: Stage
    status: OperationStatus
    at: AwareDatetime
    evidence: dict[str, Any] | None = None


class Operation(Out):
    """What became of a control call; `succeeded`, `failed`, `timed_out`, `cancelled` are final."""

    id: Annotated[str, Field(examples=["op_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["operation"]
    type: OperationType
    request_id: str
    livemode: bool
    status: OperationStatus
    stage: Stage
    connector_id: str
    session_id: str | None
    reservation_id: str | None
    user_ref: str | None
    result: dict[str, Any] | None
    failure: Failure | None
    late_outcome: LateOutcome | None
    metadata: dict[str, Any]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    deadline_at: AwareDatetime
    sequence: Annotated[int, Field(description="Grows with every change.")]
    timeline: list[TimelineStep]


class Reservation(Out):
    """A connector held for a driver of yours."""

    id: Annotated[str, Field(examples=["res_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["reservation"]
    livemode: bool
    operation_id: str
    connector_id: str
    status: ReservationStatus
    expires_at: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime
    sequence: int
