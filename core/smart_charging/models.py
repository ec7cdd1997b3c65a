"""Tables: profiles that chargers have, reports of them, limits from outside, vehicles' needs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from core.kernel.db import BigKey, Json, UtcDateTime, metadata
from core.smart_charging.states import Learned, PlanStatus

charging_profiles = Table(
    "charging_profiles",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("source", String(20), nullable=False),
    Column("evse", Integer, nullable=False),
    Column("profile_id", Integer, nullable=False),
    Column("purpose", String(24), nullable=False),
    Column("stack_level", Integer, nullable=False),
    Column("transaction_ref", String(64)),
    Column("document", Json, nullable=False),
    Column("learned", String(10), nullable=False),
    Column("report", Integer),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("charger_id", "source", "evse", "profile_id"),
    Index("ix_charging_profiles_transaction_ref", "charger_id", "transaction_ref"),
    sqlite_autoincrement=True,
)

charging_profile_reports = Table(
    "charging_profile_reports",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("request", Integer, nullable=False),
    Column("is_full", Boolean, nullable=False),
    Column("criteria", Json),
    Column("parts", Integer, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("complete_at", UtcDateTime),
)

charging_limits = Table(
    "charging_limits",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("evse", Integer, primary_key=True),
    Column("source", String(20), primary_key=True),
    Column("is_grid_critical", Boolean),
    Column("schedules", Json, nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
)

charging_needs = Table(
    "charging_needs",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("evse", Integer, primary_key=True),
    Column("status", String(10), nullable=False),
    Column("needs", Json, nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
    Column("transaction_ref", String(64)),
    Column("plan", Json),
    Column("vehicle_schedule", Json),
    Column("vehicle_schedule_at", UtcDateTime),
    Column("vehicle_keeps_limits", Boolean),
    Column("renegotiated", Json),
)

composite_schedules = Table(
    "composite_schedules",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("evse", Integer, primary_key=True),
    Column("document", Json, nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProfile:
    """A profile that a charger has, as far as we know; *source* ``CSO``: it came from us."""

    number: int
    charger_id: str
    source: str
    evse: int
    profile_id: int
    purpose: str
    stack_level: int
    transaction_ref: str | None
    document: dict[str, Any]
    learned: Learned
    report: int | None
    at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "learned", Learned(self.learned))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The last report of profiles that a charger was asked for; *criteria* is the command."""

    charger_id: str
    request: int
    is_full: bool
    criteria: dict[str, Any] | None
    parts: int
    asked_at: datetime
    complete_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit from outside; *schedules* may be empty: then only that there is one is known."""

    charger_id: str
    evse: int
    source: str
    is_grid_critical: bool | None
    schedules: list[dict[str, Any]]
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleNeeds:
    """What the vehicle at an EVSE last told, what was planned, and what it will do.

    *renegotiated*: for which transaction, how often, and because of which schedule last.
    """

    charger_id: str
    evse: int
    status: PlanStatus
    needs: dict[str, Any]
    told_at: datetime
    transaction_ref: str | None
    plan: dict[str, Any] | None
    vehicle_schedule: dict[str, Any] | None
    vehicle_schedule_at: datetime | None
    vehicle_keeps_limits: bool | None
    renegotiated: dict[str, Any] | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", PlanStatus(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedSchedule:
    """The last composite schedule that a charger answered for an EVSE."""

    charger_id: str
    evse: int
    document: dict[str, Any]
    reported_at: datetime
