"""Tables: fleet_commands, and a row for each of their chargers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from core.fleet.states import FleetStatus, TargetStatus
from core.kernel.db import BigKey, Json, UtcDateTime, metadata

_OPEN = text("closed_at IS NULL")

fleet_commands = Table(
    "fleet_commands",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("request_id", String(64), nullable=False, unique=True),
    Column("body", Json, nullable=False),
    Column("act", Json),
    Column("wish", Json),
    Column("status", String(16), nullable=False),
    Column("reason", String(200)),
    Column("concurrency", Integer, nullable=False),
    Column("stop_after_failures", Integer),
    Column("offline", String(8), nullable=False),
    Column("timeout_s", Float, nullable=False),
    Column("deadline_at", UtcDateTime, nullable=False),
    Column("requested_by", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Index("ix_fleet_commands_open", "number", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sqlite_autoincrement=True,
)

fleet_targets = Table(
    "fleet_targets",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("fleet_command_id", ForeignKey("fleet_commands.id"), nullable=False),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(500)),
    Column("command_id", String(32)),
    Column("desired_id", String(32)),
    Column("sent_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("fleet_command_id", "charger_id"),
    Index("ix_fleet_targets_status", "fleet_command_id", "status", "number"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCommand:
    """One command for many chargers: an *act* or a *wish*, one of them.

    *act* is a stored command (``kind``, ``arguments``), *wish* the arguments of ``desired.want``
    (``kind``, ``key``, ``wanted``, ``present``). *body* is the request as it came. *concurrency*
    chargers are asked at a time; *offline* is ``skip`` or ``wait`` (until *deadline_at*).
    *closed_at* is when the last charger got its outcome.
    """

    number: int
    id: str
    request_id: str
    body: dict[str, Any]
    act: dict[str, Any] | None
    wish: dict[str, Any] | None
    status: FleetStatus
    reason: str | None
    concurrency: int
    stop_after_failures: int | None
    offline: str
    timeout_s: float
    deadline_at: datetime
    requested_by: str
    created_at: datetime
    changed_at: datetime
    closed_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", FleetStatus(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One charger of a fleet command; *reason* is its word, or ours, for the outcome."""

    number: int
    id: str
    fleet_command_id: str
    charger_id: str
    status: TargetStatus
    reason: str | None
    command_id: str | None
    desired_id: str | None
    sent_at: datetime | None
    ended_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", TargetStatus(self.status))
