"""Table: the audit trail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from core.kernel.db import Json, UtcDateTime, metadata

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object_id", String(64), nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("request_id", String(64)),
    Index("ix_audit_entries_object_id", "object_id", "number"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One key action: who (actor), what (action, object), before and after, by which request."""

    number: int
    at: datetime
    actor: str
    action: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None
