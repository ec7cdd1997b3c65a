"""Tables: the audit trail, and where its chain of hashes ends."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from core.kernel.db import Json, UtcDateTime, metadata

_UNSEALED = text("seal IS NULL")
_Compared = Json.with_variant(JSONB(none_as_null=True), "postgresql")
"""A document that a trigger compares; ``json`` cannot be."""

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object_id", String(64), nullable=False),
    Column("before", _Compared),
    Column("after", _Compared),
    Column("request_id", String(64)),
    Column("seal", BigInteger),
    Column("hash", String(64)),
    Index("ix_audit_entries_object_id", "object_id", "number"),
    Index("uq_audit_entries_seal", "seal", unique=True),
    Index(
        "ix_audit_entries_unsealed",
        "number",
        sqlite_where=_UNSEALED,
        postgresql_where=_UNSEALED,
    ),
    sqlite_autoincrement=True,
)
"""Triggers (migration audit_chain) refuse every change of a row but its sealing."""

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seal", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("sealed_at", UtcDateTime, nullable=False),
)
"""One row. Whoever seals updates it first, so that sealers of several nodes queue there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One key action: who (actor), what (action, object), before and after, by which request.

    Attributes:
        seal: Its place in the chain, from 1 on without a hole; ``None`` for a second or so.
        hash: Over the hash before it and the entry, see ``chain``; ``None`` like *seal*.
    """

    number: int
    at: datetime
    actor: str
    action: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None
    seal: int | None = None
    hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest sealed entry: its place and its hash."""

    seal: int
    hash: str
    sealed_at: datetime
