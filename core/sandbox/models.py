"""Tables: sandboxes of partners, their simulated chargers, and what is to happen at those."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.kernel.db import Json, UtcDateTime, metadata
from core.sandbox.cast import ABSENT
from core.sandbox.states import Act, ActStatus

_WAITING = text("status = 'waiting'")

sandboxes = Table(
    "sandboxes",
    metadata,
    Column("partner_id", ForeignKey("partners.id"), primary_key=True),
    Column("station_id", ForeignKey("stations.id"), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

sandbox_chargers = Table(
    "sandbox_chargers",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False),
    Column("name", String(16), nullable=False),
    Column("password", Text, nullable=False),
    Column("wanted_until", UtcDateTime),
    Column("host", String(64)),
    Column("lease_until", UtcDateTime),
    Column("away", Boolean, nullable=False),
    UniqueConstraint("partner_id", "name"),
    Index("ix_sandbox_chargers_wanted_until", "wanted_until"),
    Index("ix_sandbox_chargers_host", "host"),
)

sandbox_acts = Table(
    "sandbox_acts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("act", String(16), nullable=False),
    Column("arguments", Json, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(300)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(
        "ix_sandbox_acts_waiting",
        "charger_id",
        "id",
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    ),
    Index("ix_sandbox_acts_created_at", "created_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A simulated charger; the password is encrypted at rest.

    Attributes:
        wanted_until: It is to be connected until then; ``None``: nobody has wanted it yet.
        host: The node that runs it, if its lease is not over.
        away: Its developer has disconnected it.
    """

    charger_id: str
    partner_id: str
    name: str
    password: str
    wanted_until: datetime | None
    host: str | None
    lease_until: datetime | None
    away: bool

    def is_run(self, *, now: datetime) -> bool:
        """Tell whether a node runs it."""
        return self.host is not None and self.lease_until is not None and self.lease_until > now

    @property
    def comes(self) -> bool:
        """Tell whether it connects when it is wanted."""
        return not self.away and self.name not in ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A simulated charger as a developer sees it."""

    charger_id: str
    connector_id: str
    station_id: str
    name: str
    status: str
    online: bool
    away: bool
    is_run: bool
    is_settled: bool
    """It has told its status since it connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Something that is to happen at a simulated charger."""

    id: str
    charger_id: str
    act: Act
    arguments: dict[str, Any]
    status: ActStatus
    reason: str | None
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "act", Act(self.act))
        object.__setattr__(self, "status", ActStatus(self.status))
