"""Tables: endpoints, events (what happened), deliveries (the outbox) and their attempts."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.kernel.db import Json, UtcDateTime, metadata
from core.webhooks.states import DeliveryStatus

_DUE = text("status = 'due'")
_DEAD = text("status = 'dead'")
_LATEST = text("status = 'due' AND latest_of IS NOT NULL")

endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("url", String(2048), nullable=False),
    Column("event_types", Json, nullable=False),
    Column("description", String(500)),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", String(40)),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    Column("previous_secret_until", UtcDateTime),
    Column("failing_since", UtcDateTime),
    Column("deleted_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_webhook_endpoints_partner_id", "partner_id", "livemode"),
)

events = Table(
    "events",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", String(40), nullable=False),
    Column("object_id", String(32), nullable=False),
    Column("object_sequence", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("partner_id", "seq"),
    Index("ix_events_object_id", "object_id", "object_sequence"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("event_id", ForeignKey("events.id"), nullable=False, index=True),
    Column("endpoint_id", ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("event_type", String(40), nullable=False),
    Column("latest_of", String(32)),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_deliveries_due", "endpoint_id", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
    Index("ix_deliveries_dead", "updated_at", "id", sqlite_where=_DEAD, postgresql_where=_DEAD),
    Index(
        "ix_deliveries_latest_of",
        "endpoint_id",
        "latest_of",
        sqlite_where=_LATEST,
        postgresql_where=_LATEST,
    ),
    Index("ix_deliveries_endpoint_id", "endpoint_id", "status", "updated_at"),
)

attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", ForeignKey("deliveries.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("status_code", Integer),
    Column("duration_ms", Integer, nullable=False),
    Column("excerpt", Text),
    Column("error", String(300)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a partner receives webhooks; the secrets are encrypted at rest."""

    id: str
    partner_id: str
    livemode: bool
    url: str
    event_types: list[str]
    description: str | None
    enabled: bool
    disabled_reason: str | None
    secret: str
    previous_secret: str | None
    previous_secret_until: datetime | None
    failing_since: datetime | None
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact, rendered once; *body* is the exact text that is sent and shown, for ever."""

    id: str
    partner_id: str
    livemode: bool
    seq: int
    type: str
    object_id: str
    object_sequence: int
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one endpoint: the transactional outbox row itself.

    ``latest_of`` is the object of which only the newest state is worth sending.
    """

    id: str
    event_id: str
    endpoint_id: str
    event_type: str
    latest_of: str | None
    status: DeliveryStatus
    attempts: int
    due_at: datetime
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", DeliveryStatus(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One POST: what the receiver answered (the first 1 KiB) or why there was no answer."""

    delivery_id: str
    number: int
    at: datetime
    status_code: int | None
    duration_ms: int
    excerpt: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A delivery that was given up, with whose it is."""

    id: str
    partner_id: str
    livemode: bool
    event_id: str
    event_type: str
    endpoint_id: str
    url: str
    attempts: int
    created_at: datetime
    updated_at: datetime
