"""Bodies of the control calls."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from core.control.requests import (
    CancelReservationRequest,
    ReserveRequest,
    StartRequest,
    StopRequest,
    UnlockRequest,
)
from core.control.requests import Limits as CoreLimits
from partner_api.fields import (
    IdToken,
    In,
    Instant,
    Metadata,
    ObjectId,
    RequestId,
    UserRef,
    Whole,
)


def _highest(name: str, highest: int) -> dict[str, int | str]:
    """Documented here, checked with the price: out of range is ``limit_invalid``."""
    return {"minimum": 1, "maximum": highest, "description": name}


class Limits(In):
    """Where the platform stops the session by itself."""

    max_energy_wh: Annotated[
        Whole | None, Field(json_schema_extra=_highest("In Wh.", 1_000_000))
    ] = None
    max_minutes: Annotated[
        Whole | None, Field(json_schema_extra=_highest("Since the start.", 10_080))
    ] = None
    max_amount: Annotated[
        str | None,
        Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?$", description="Needs a tariff; not yet."),
    ] = None


class StartCharge(In):
    """Ask a charger to start a session."""

    request_id: RequestId
    connector_id: ObjectId
    user_ref: UserRef | None = None
    id_token: IdToken | None = None
    limits: Limits | None = None
    on_late_start: Annotated[
        Literal["stop", "keep"],
        Field(description="What becomes of a session that starts after `timed_out`."),
    ] = "stop"
    reservation_id: ObjectId | None = None
    metadata: Metadata = Field(default_factory=dict)

    def to_core(self) -> StartRequest:
        """Return what the use case takes."""
        return StartRequest(
            request_id=self.request_id,
            connector_id=self.connector_id,
            user_ref=self.user_ref,
            id_token=self.id_token,
            limits=None if self.limits is None else CoreLimits(**self.limits.model_dump()),
            on_late_start=self.on_late_start,
            reservation_id=self.reservation_id,
            metadata=self.metadata,
        )


def _exactly(name: str) -> JsonDict:
    return {"required": [name], "properties": {name: {"type": "string"}}}


class StopCharge(In):
    """End a session, named by its id or by the request that started it."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [_exactly("session_id"), _exactly("start_request_id")]}
    )

    request_id: RequestId
    session_id: ObjectId | None = None
    start_request_id: RequestId | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.session_id is None) == (self.start_request_id is None):
            raise ValueError("name either session_id or start_request_id")
        return self

    def to_core(self) -> StopRequest:
        """Return what the use case takes."""
        return StopRequest(**self.model_dump())


class Reserve(In):
    """Hold a connector until an instant."""

    request_id: RequestId
    connector_id: ObjectId
    expires_at: Annotated[Instant, Field(description="1 minute to 24 hours from now.")]
    user_ref: UserRef | None = None
    id_token: IdToken | None = None

    def to_core(self) -> ReserveRequest:
        """Return what the use case takes."""
        return ReserveRequest(**self.model_dump())


class CancelReservation(In):
    """Release a connector that is held."""

    request_id: RequestId
    reservation_id: ObjectId

    def to_core(self) -> CancelReservationRequest:
        """Return what the use case takes."""
        return CancelReservationRequest(**self.model_dump())


class UnlockConnector(In):
    """Free a cable that is stuck."""

    request_id: RequestId
    connector_id: ObjectId

    def to_core(self) -> UnlockRequest:
        """Return what the use case takes."""
        return UnlockRequest(**self.model_dump())
