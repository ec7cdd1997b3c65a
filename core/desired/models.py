"""Table: desired_states, one row for each thing that a charger should be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.desired.states import DesiredStatus
from core.kernel.db import Json, UtcDateTime, metadata

_TO_SEND = text("status IN ('pending', 'drifted')")
_SENT = text("status = 'sent'")

desired_states = Table(
    "desired_states",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("key", String(500), nullable=False),
    Column("present", Boolean, nullable=False),
    Column("wanted", Json, nullable=False),
    Column("sealed", Text),
    Column("progress", Json),
    Column("reported", Json),
    Column("reported_at", UtcDateTime),
    Column("status", String(16), nullable=False),
    Column("reason", String(500)),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("command_id", String(32)),
    Column("requested_by", String(64), nullable=False),
    Column("fleet_command_id", String(32), index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    UniqueConstraint("charger_id", "kind", "key"),
    Index("ix_desired_states_due_at", "due_at", sqlite_where=_TO_SEND, postgresql_where=_TO_SEND),
    Index(
        "uq_desired_states_sent",
        "charger_id",
        unique=True,
        sqlite_where=_SENT,
        postgresql_where=_SENT,
    ),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """One thing that a charger should be, and how far it is.

    *kind* is the sort of thing, *key* which one of it at this charger. ``present`` false: it
    should be gone. *wanted* is in the words of the kind, without secrets; *sealed* holds those,
    encrypted. *progress* is what a kind of several commands has done so far. *reason* is the
    charger's word, or ours, for where it stands. *attempts* counts commands that went out since the
    wish changed; *settled_at* is when it was last accepted or rejected. One wish of a charger is
    ``sent`` at a time: a unique index says so, too.
    """

    number: int
    id: str
    charger_id: str
    kind: str
    key: str
    present: bool
    wanted: dict[str, Any]
    sealed: str | None
    progress: dict[str, Any] | None
    reported: dict[str, Any] | None
    reported_at: datetime | None
    status: DesiredStatus
    reason: str | None
    attempts: int
    due_at: datetime
    command_id: str | None
    requested_by: str
    fleet_command_id: str | None
    created_at: datetime
    changed_at: datetime
    settled_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", DesiredStatus(self.status))
