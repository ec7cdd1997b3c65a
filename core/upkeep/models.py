"""Tables: transfers and their news. Files go between chargers and other servers, not through us."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from core.kernel.db import BigKey, Json, UtcDateTime, metadata
from core.upkeep.states import TransferKind, TransferStatus

_OPEN = text("status IN ('requested', 'accepted', 'running', 'installed')")

transfers = Table(
    "transfers",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("request", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("word", String(100)),
    Column("address", String(512), nullable=False),
    Column("file_name", String(255)),
    Column("detail", Json, nullable=False),
    Column("news", Integer, nullable=False),
    Column("desired_id", String(32)),
    Column("command_id", String(32)),
    Column("requested_by", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("expected_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("charger_id", "kind", "request"),
    Index("ix_transfers_charger_id_number", "charger_id", "number"),
    Index("ix_transfers_desired_id", "desired_id"),
    Index("ix_transfers_command_id", "command_id"),
    Index("ix_transfers_open", "expected_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sqlite_autoincrement=True,
)

transfer_news = Table(
    "transfer_news",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("transfer_id", String(32), ForeignKey("transfers.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("word", String(100), nullable=False),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One file that a charger was asked to fetch or to bring, and how far it is.

    *request* is the id under which the charger reports (1.6 reports without one), below zero once
    an operator's own request has used that id again. *word* is the
    last thing it said, *news* how often it said something; silence counts from *expected_at*, which
    is later than now for what is planned. *address* has no credentials. *detail*
    is what the kind adds: versions, times, checksums.
    """

    number: int
    id: str
    charger_id: str
    kind: TransferKind
    request: int
    status: TransferStatus
    word: str | None
    address: str
    file_name: str | None
    detail: dict[str, Any]
    news: int
    desired_id: str | None
    command_id: str | None
    requested_by: str
    created_at: datetime
    changed_at: datetime
    expected_at: datetime
    ended_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", TransferKind(self.kind))
        object.__setattr__(self, "status", TransferStatus(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One status that a charger reported of a transfer."""

    number: int
    transfer_id: str
    at: datetime
    word: str
