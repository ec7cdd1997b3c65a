"""Table: security_events, what chargers and this platform noticed of attacks and failures."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    text,
)

from core.kernel.db import UtcDateTime, metadata

_CRITICAL = text("critical")

security_events = Table(
    "security_events",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("source", String(16), nullable=False),
    Column("type", String(50), nullable=False),
    Column("known", Boolean, nullable=False),
    Column("critical", Boolean, nullable=False),
    Column("tech_info", String(255)),
    Column("happened_at", UtcDateTime),
    Column("received_at", UtcDateTime, nullable=False),
    Index(
        "ix_security_events_critical",
        "number",
        sqlite_where=_CRITICAL,
        postgresql_where=_CRITICAL,
    ),
    Index("ix_security_events_charger_id", "charger_id", "number"),
    Index("ix_security_events_received_at", "received_at"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEvent:
    """Something about security that a charger reported, or that was noticed about it here.

    *source* is ``charger`` or ``platform``; *happened_at* is the charger's time, if readable.
    *known* false: a type that no standard names.
    """

    number: int
    id: str
    charger_id: str
    source: str
    type: str
    known: bool
    critical: bool
    tech_info: str | None
    happened_at: datetime | None
    received_at: datetime
