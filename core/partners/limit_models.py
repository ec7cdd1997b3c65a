"""Tables: limits that differ from the defaults, and the nodes that share what they allow."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, String, Table

from core.kernel.db import Json, UtcDateTime, metadata

partner_limits = Table(
    "partner_limits",
    metadata,
    Column("partner_id", ForeignKey("partners.id"), primary_key=True),
    Column("overrides", Json, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

api_nodes = Table(
    "api_nodes",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("reaches_redis", Boolean, nullable=False),
    Column("report", Json),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiNode:
    """A node that takes calls of partners.

    *report* is what it let through in the last window (slot, field, count) before it began to
    count alone; ``None`` while it counts together with the others.
    """

    id: str
    seen_at: datetime
    reaches_redis: bool
    report: list[tuple[int, str, int]] | None
