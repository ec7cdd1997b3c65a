"""Table: holds, what operators reserve at chargers for a token or a group of tokens."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, text

from core.kernel.db import UtcDateTime, metadata
from core.kernel.machine import Machine

_OPEN = text("status IN ('pending', 'active')")


class HoldStatus(StrEnum):
    """How far a hold is."""

    PENDING = "pending"
    """Asked for; the charger has not confirmed it."""
    ACTIVE = "active"
    REFUSED = "refused"
    FAILED = "failed"
    """The charger was not asked, or did not answer in time."""
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REMOVED = "removed"
    """The charger gave it up by itself: the connector failed, or was taken out of service."""


_ENDS: Final = frozenset(
    {HoldStatus.USED, HoldStatus.CANCELLED, HoldStatus.EXPIRED, HoldStatus.REMOVED}
)
_NEVER_HELD: Final = frozenset({HoldStatus.REFUSED, HoldStatus.FAILED})
MACHINE: Final = Machine(
    {
        HoldStatus.PENDING: _ENDS | _NEVER_HELD | {HoldStatus.ACTIVE},
        HoldStatus.ACTIVE: _ENDS,
        **{status: frozenset() for status in sorted(_ENDS | _NEVER_HELD)},
    }
)

holds = Table(
    "holds",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("evse", Integer),
    Column("connector_type", String(20)),
    Column("token", String(36), nullable=False),
    Column("token_kind", String(20), nullable=False),
    Column("group_token", String(36)),
    Column("group_kind", String(20), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(100)),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("requested_by", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_holds_charger_id", "charger_id", "number"),
    Index("ix_holds_expires_at", "expires_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Something kept free at a charger until *expires_at*.

    *evse* is ``None`` for any; *connector_type* narrows that (2.x). *reason* is the charger's word
    where it refused; ours, with what became known later, where it failed.
    """

    number: int
    id: str
    charger_id: str
    evse: int | None
    connector_type: str | None
    token: str
    token_kind: str
    group_token: str | None
    group_kind: str
    status: HoldStatus
    reason: str | None
    expires_at: datetime
    requested_by: str
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", HoldStatus(self.status))

    @property
    def reservation(self) -> int:
        """The reservation id that the charger knows."""
        return FIRST_RESERVATION + self.number


FIRST_RESERVATION: Final = 1_000_000_000
"""Above every number of a partner's reservation."""
