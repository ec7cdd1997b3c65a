"""Table: what is held against a partner, for each of its two modes apart."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from core.kernel.db import UtcDateTime, metadata
from core.partners.states import Step

partner_standings = Table(
    "partner_standings",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("step", String(16), nullable=False),
    Column("throttled_until", UtcDateTime),
    Column("banned_until", UtcDateTime),
    Column("incident_id", String(32)),
    Column("stepped_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("partner_id", "livemode"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a partner stands in one mode; a partner without a row stands well.

    Attributes:
        throttled_until: It has a part of its limits until then.
        banned_until: It may read a little, and stop its own sessions, until then.
        incident_id: What brought it to its step.
        stepped_at: When the step changed last; what happened before is dealt with.
        version: Grows with each change; whoever saw an older one changes nothing.
    """

    id: str
    partner_id: str
    livemode: bool
    step: Step
    throttled_until: datetime | None
    banned_until: datetime | None
    incident_id: str | None
    stepped_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", Step(self.step))

    def is_banned(self, now: datetime) -> bool:
        return self.banned_until is not None and self.banned_until > now

    def is_throttled(self, now: datetime) -> bool:
        return self.throttled_until is not None and self.throttled_until > now
