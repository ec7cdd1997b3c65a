"""Tables: what was counted, networks of partners, incidents, tuned rules."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

from core.kernel.db import Json, UtcDateTime, metadata
from core.kernel.machine import Machine
from core.partners.states import Step

conduct_counts = Table(
    "conduct_counts",
    metadata,
    Column("partner_id", String(32), primary_key=True),
    Column("livemode", Boolean, primary_key=True),
    Column("signal", String(24), primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("source", String(32), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("examples", Json, nullable=False),
    Index("ix_conduct_counts_minute", "minute", "signal"),
)

partner_networks = Table(
    "partner_networks",
    metadata,
    Column("partner_id", String(32), primary_key=True),
    Column("livemode", Boolean, primary_key=True),
    Column("network", String(64), primary_key=True),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False, index=True),
)

conduct_incidents = Table(
    "conduct_incidents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("rule", String(24), nullable=False),
    Column("status", String(16), nullable=False),
    Column("step_before", String(16), nullable=False),
    Column("step", String(16), nullable=False),
    Column("until", UtcDateTime),
    Column("count", Integer, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("opened_by", String(64), nullable=False),
    Column("closed_by", String(64)),
    Column("closed_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_conduct_incidents_partner_id", "partner_id", "livemode", "created_at"),
    Index("ix_conduct_incidents_updated_at", "updated_at", "id"),
)

conduct_tunings = Table(
    "conduct_tunings",
    metadata,
    Column("scope", String(32), primary_key=True),
    Column("rule", String(24), primary_key=True),
    Column("overrides", Json, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

EVERYBODY: Final = "all"
"""The scope of tunings that hold for every partner without one of its own."""


class IncidentStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


INCIDENTS: Final = Machine(
    {IncidentStatus.OPEN: frozenset({IncidentStatus.CLOSED}), IncidentStatus.CLOSED: frozenset()}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one node counted of one signal in one minute; *examples* are a few of them."""

    partner_id: str
    livemode: bool
    signal: str
    minute: int
    source: str
    count: int
    first_at: datetime
    last_at: datetime
    examples: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What a partner did, the step that was taken, and the evidence.

    Attributes:
        rule: What was broken; ``manual``: an operator acted.
        step: That the partner was at afterwards; the same as before if it was only noted.
        until: When the throttle or ban that came with it ends.
        count: How much of it there was.
        evidence: Count, share, window, thresholds, first and last time, examples; or a reason.
    """

    id: str
    partner_id: str
    livemode: bool
    rule: str
    status: IncidentStatus
    step_before: Step
    step: Step
    until: datetime | None
    count: int
    evidence: dict[str, Any]
    opened_by: str
    closed_by: str | None
    closed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", IncidentStatus(self.status))
        object.__setattr__(self, "step_before", Step(self.step_before))
        object.__setattr__(self, "step", Step(self.step))
