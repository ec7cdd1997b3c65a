"""Tables of reports in parts, and of what they bring: monitors, display messages, customer data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
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

from core.kernel.db import BigKey, Json, UtcDateTime, metadata
from core.upkeep.states import ReportKind, ReportStatus

_OPEN = text("status IN ('requested', 'receiving')")

reports = Table(
    "charger_reports",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("request", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("word", String(100)),
    Column("asked", Json, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),
    Column("last_seq", Integer),
    Column("command_id", String(32), nullable=False, index=True),
    Column("requested_by", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("shown_at", UtcDateTime),
    UniqueConstraint("charger_id", "kind", "request"),
    Index("ix_charger_reports_charger_id_number", "charger_id", "number"),
    Index("ix_charger_reports_open", "changed_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sqlite_autoincrement=True,
)

report_parts = Table(
    "charger_report_parts",
    metadata,
    Column("report_id", String(32), ForeignKey("charger_reports.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("data", String(512)),
)

monitors = Table(
    "monitors",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("monitor", Integer, nullable=False),
    Column("component", String(200), nullable=False),
    Column("variable", String(200), nullable=False),
    Column("type", String(24), nullable=False),
    Column("value", Float, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("transaction", Boolean, nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    UniqueConstraint("charger_id", "monitor"),
    sqlite_autoincrement=True,
)

display_messages = Table(
    "display_messages",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("message", Integer, nullable=False),
    Column("content", Json, nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    UniqueConstraint("charger_id", "message"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a charger was asked to tell in several messages, and how much of it has come.

    *entries* were stored, *dropped* were too many. *last_seq* is the number of the last part, once
    it has come. *shown_at*: when customer data was shown; they are gone since.
    """

    number: int
    id: str
    charger_id: str
    kind: ReportKind
    request: int
    status: ReportStatus
    word: str | None
    asked: dict[str, Any]
    parts: int
    entries: int
    dropped: int
    last_seq: int | None
    command_id: str
    requested_by: str
    created_at: datetime
    changed_at: datetime
    shown_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", ReportKind(self.kind))
        object.__setattr__(self, "status", ReportStatus(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """A monitor as a charger reported it; names carry instance and EVSE."""

    number: int
    charger_id: str
    monitor: int
    component: str
    variable: str
    type: str
    value: float
    severity: int
    transaction: bool
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayMessage:
    """A display message as a charger reported it."""

    number: int
    charger_id: str
    message: int
    content: dict[str, Any]
    reported_at: datetime
