"""Tables: profiles of real chargers, their deviations counted, what was checked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, UniqueConstraint

from core.kernel.db import Json, UtcDateTime, metadata

charger_profiles = Table(
    "charger_profiles",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("charger_id", ForeignKey("chargers.id")),
    Column("vendor", String(100)),
    Column("model", String(100)),
    Column("firmware", String(100)),
    Column("rules", Json, nullable=False),
    Column("note", String(500)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("charger_id"),
    Index("ix_charger_profiles_updated_at", "updated_at", "id"),
)

charger_deviations = Table(
    "charger_deviations",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("code", String(40), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("action", String(64)),
    Column("message_id", String(64)),
    Column("excerpt", String(500)),
)

checked_messages = Table(
    "checked_messages",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("action", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)

compliance_periods = Table(
    "compliance_periods",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("since", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """A profile as operators keep it.

    It is for one charger (*charger_id*), or for those whose vendor, model and firmware fit its
    patterns (``*`` and ``?``, whatever the case; ``None`` fits all).
    """

    id: str
    name: str
    charger_id: str | None
    vendor: str | None
    model: str | None
    firmware: str | None
    rules: dict[str, Any]
    note: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationRow:
    """One deviation of one charger, counted; the example is the first of the last flush."""

    charger_id: str
    code: str
    count: int
    first_at: datetime
    last_at: datetime
    action: str | None
    message_id: str | None
    excerpt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRow:
    """How many messages of one action were checked (``handshake``: connections)."""

    charger_id: str
    action: str
    count: int
    first_at: datetime
    last_at: datetime
