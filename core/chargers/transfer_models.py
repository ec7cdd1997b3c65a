"""Table: data_transfers, vendors' own messages in both directions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from core.kernel.db import Json, UtcDateTime, metadata

data_transfers = Table(
    "data_transfers",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("vendor_id", String(255), nullable=False),
    Column("message_id", String(50)),
    Column("data", Json),
    Column("status", String(20), nullable=False),
    Column("answer", Json),
    Column("command_id", String(32)),
    Index("ix_data_transfers_charger_id", "charger_id", "number"),
    Index("ix_data_transfers_at", "at"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTransfer:
    """A vendor's message of a charger (``in``) or of ours (``out``), and its answer.

    *data* and *answer* are what was sent, secrets masked, or where that is long
    ``{"cut": its beginning}``. *command_id* is that of ours.
    """

    number: int
    at: datetime
    charger_id: str
    direction: str
    vendor_id: str
    message_id: str | None
    data: Any
    status: str
    answer: Any
    command_id: str | None
