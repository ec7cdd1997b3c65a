"""Table: commands, the one queue of what the platform asks chargers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, text

from core.commands.states import CommandStatus
from core.kernel.db import Json, UtcDateTime, metadata

_QUEUED = "status = 'queued'"
_OPEN = "status IN ('queued', 'sent')"
_OF_A_SESSION = text("session_id IS NOT NULL")
IS_QUEUED: Final = text(f"commands.{_QUEUED}")
IS_OPEN: Final = text(f"commands.{_OPEN}")
"""Word for word those of the partial indexes: SQLite knows them by their words alone."""

commands = Table(
    "commands",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("arguments", Json, nullable=False),
    Column("action", String(64)),
    Column("priority", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("operation_id", String(32), index=True),
    Column("session_id", String(32)),
    Column("desired_id", String(32)),
    Column("fleet_target_id", String(32)),
    Column("requested_by", String(64), nullable=False),
    Column("message_id", String(36), unique=True),
    Column("timeout_s", Float, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("response", Json),
    Column("error", Json),
    Index(
        "ix_commands_queue",
        "charger_id",
        "priority",
        "number",
        sqlite_where=text(_QUEUED),
        postgresql_where=text(_QUEUED),
    ),
    Index("ix_commands_open", "expires_at", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
    Index("ix_commands_charger_id", "charger_id", "number"),
    Index(
        "ix_commands_session_id",
        "session_id",
        sqlite_where=_OF_A_SESSION,
        postgresql_where=_OF_A_SESSION,
    ),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """One CALL to a charger: queued, sent at most once, answered at most once.

    *kind* and *arguments* are the command in our words; *action* is the OCPP action once sent.
    *requested_by* is ``partner:<id>``, ``operator:<token id>`` or ``platform``.
    """

    number: int
    id: str
    charger_id: str
    kind: str
    arguments: dict[str, Any]
    action: str | None
    priority: int
    status: CommandStatus
    operation_id: str | None
    session_id: str | None
    desired_id: str | None
    fleet_target_id: str | None
    requested_by: str
    message_id: str | None
    timeout_s: float
    expires_at: datetime
    created_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    response: dict[str, Any] | None
    error: dict[str, Any] | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", CommandStatus(self.status))
