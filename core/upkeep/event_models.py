"""Table: charger_events, what chargers notify of their components (OCPP 2.0.1 N07, N08)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from core.kernel.db import BigKey, UtcDateTime, metadata

charger_events = Table(
    "charger_events",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("key", String(64), nullable=False),
    Column("event", Integer, nullable=False),
    Column("at", UtcDateTime),
    Column("received_at", UtcDateTime, nullable=False),
    Column("trigger", String(10), nullable=False),
    Column("cause", Integer),
    Column("value", Text, nullable=False),
    Column("tech_code", String(50)),
    Column("tech_info", String(500)),
    Column("cleared", Boolean),
    Column("transaction_ref", String(36)),
    Column("component", String(200), nullable=False),
    Column("variable", String(200), nullable=False),
    Column("monitor", Integer),
    Column("notification_type", String(24), nullable=False),
    Column("severity", Integer),
    UniqueConstraint("charger_id", "key"),
    Index("ix_charger_events_charger_id_number", "charger_id", "number"),
    Index("ix_charger_events_severity", "severity", "number"),
    Index("ix_charger_events_received_at", "received_at"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerEvent:
    """One event of a component; *severity* 0 (danger) to 9 (debug) where its monitor is known.

    *at* is the charger's time, ``None`` if it was unreadable. *cause* is the event that led to it.
    """

    number: int
    charger_id: str
    key: str
    event: int
    at: datetime | None
    received_at: datetime
    trigger: str
    cause: int | None
    value: str
    tech_code: str | None
    tech_info: str | None
    cleared: bool | None
    transaction_ref: str | None
    component: str
    variable: str
    monitor: int | None
    notification_type: str
    severity: int | None
