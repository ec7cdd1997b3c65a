"""Tables: operations, the steps of their history, reservations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from core.kernel.db import Json, UtcDateTime, metadata
from core.operations.states import OperationStatus, OperationType, ReservationStatus, Stage

_UNFINISHED = "status IN ('accepted', 'in_progress')"
_UNFINISHED_START = text(f"type = 'start_charge' AND {_UNFINISHED}")
_START_OF_RESERVATION = text(
    "type = 'start_charge' AND status IN ('accepted', 'in_progress', 'succeeded', 'timed_out')"
)
_OPEN_RESERVATION = "status IN ('pending', 'active')"
IS_UNFINISHED: Final = text(f"operations.{_UNFINISHED}")
IS_OPEN_RESERVATION: Final = text(f"reservations.{_OPEN_RESERVATION}")
"""Word for word those of the partial indexes: SQLite knows them by their words alone."""

operations = Table(
    "operations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("request_id", String(64), nullable=False, index=True),
    Column("type", String(24), nullable=False),
    Column("body", Json, nullable=False),
    Column("status", String(16), nullable=False),
    Column("stage", String(24), nullable=False),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("connector_id", ForeignKey("connectors.id"), nullable=False),
    Column("token", String(36), index=True),
    Column("remote_start_id", Integer, index=True),
    Column("session_id", String(32), index=True),
    Column("reservation_id", String(32)),
    Column("start_operation_id", String(32), index=True),
    Column("user_ref", String(200)),
    Column("limits", Json),
    Column("on_late_start", String(8), nullable=False),
    Column("metadata", Json, nullable=False),
    Column("result", Json),
    Column("failure", Json),
    Column("late_outcome", Json),
    Column("sequence", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deadline_at", UtcDateTime, nullable=False),
    Column("traceparent", String(55)),
    UniqueConstraint("partner_id", "livemode", "request_id"),
    Index(
        "uq_operations_unfinished_start",
        "connector_id",
        unique=True,
        sqlite_where=_UNFINISHED_START,
        postgresql_where=_UNFINISHED_START,
    ),
    Index(
        "uq_operations_start_of_reservation",
        "reservation_id",
        unique=True,
        sqlite_where=_START_OF_RESERVATION,
        postgresql_where=_START_OF_RESERVATION,
    ),
    Index(
        "ix_operations_deadline_at",
        "deadline_at",
        sqlite_where=text(_UNFINISHED),
        postgresql_where=text(_UNFINISHED),
    ),
    Index(
        "ix_operations_unfinished",
        "partner_id",
        sqlite_where=text(_UNFINISHED),
        postgresql_where=text(_UNFINISHED),
    ),
    Index("ix_operations_partner_id", "partner_id", "livemode", "updated_at", "id"),
    Index("ix_operations_connector_id", "connector_id", "updated_at"),
    Index("ix_operations_updated_at", "updated_at", "id"),
)

operation_steps = Table(
    "operation_steps",
    metadata,
    Column("operation_id", ForeignKey("operations.id"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("status", String(16), nullable=False),
    Column("stage", String(24), nullable=False),
    Column("facts", Json, nullable=False),
)

reservations = Table(
    "reservations",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("operation_id", ForeignKey("operations.id"), nullable=False),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("connector_id", ForeignKey("connectors.id"), nullable=False),
    Column("token", String(36), nullable=False),
    Column("status", String(16), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(
        "uq_reservations_open",
        "connector_id",
        unique=True,
        sqlite_where=text(_OPEN_RESERVATION),
        postgresql_where=text(_OPEN_RESERVATION),
    ),
    Index(
        "ix_reservations_open",
        "partner_id",
        sqlite_where=text(_OPEN_RESERVATION),
        postgresql_where=text(_OPEN_RESERVATION),
    ),
    Index("ix_reservations_charger_id", "charger_id", "updated_at"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a partner asked a charger to do.

    *body* is the canonical request, compared when a request_id comes again. *token* and
    *remote_start_id* are what the charger will echo; they tie a transaction to its start.
    *start_operation_id* is the start that a stop waits for, *traceparent* the trace of the request.
    """

    id: str
    partner_id: str
    livemode: bool
    request_id: str
    type: OperationType
    body: dict[str, Any]
    status: OperationStatus
    stage: Stage
    charger_id: str
    connector_id: str
    token: str | None
    remote_start_id: int | None
    session_id: str | None
    reservation_id: str | None
    start_operation_id: str | None
    user_ref: str | None
    limits: dict[str, Any] | None
    on_late_start: str
    metadata: dict[str, Any]
    result: dict[str, Any] | None
    failure: dict[str, Any] | None
    late_outcome: dict[str, Any] | None
    sequence: int
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    traceparent: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", OperationType(self.type))
        object.__setattr__(self, "status", OperationStatus(self.status))
        object.__setattr__(self, "stage", Stage(self.stage))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One entry of an operation's history: the status and stage it entered, and the evidence."""

    operation_id: str
    sequence: int
    at: datetime
    status: OperationStatus
    stage: Stage
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A connector held for a partner; *number* is the reservationId that the charger knows."""

    number: int
    id: str
    partner_id: str
    livemode: bool
    operation_id: str
    charger_id: str
    connector_id: str
    token: str
    status: ReservationStatus
    expires_at: datetime
    sequence: int
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", ReservationStatus(self.status))
