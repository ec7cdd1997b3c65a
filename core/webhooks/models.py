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
    false,
    text,
)

from core.kernel.db import Json, UtcDateTime, metadata
from core.webhooks.states import DeliveryStatus

_DUE = text("status = 'due'")
_DEAD = text("status = 'dead'")
_LATEST = text("status = 'due' AND latest_of IS NOT NULL")
_DUE_IN_ORDER = text("status = 'due' AND order_key IS NOT NULL")
_OF_A_SESSION = text("session_id IS NOT NULL")

endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("url", String(2048), nullable=False),
    Column("event_types", Json, nullable=False),
    Column("station_ids", Json),
    Column("ordering", String(16), nullable=False, server_default="none"),
    Column("description", String(500)),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", String(40)),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    Column("previous_secret_until", UtcDateTime),
    Column("failing_since", UtcDateTime),
    Column("last_failure_at", UtcDateTime),
    Column("failure_told", Integer, nullable=False, server_default="0"),
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
    Column("session_id", String(32)),
    Column("station_id", String(32)),
    Column("body", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("traceparent", String(55)),
    UniqueConstraint("partner_id", "seq"),
    Index("ix_events_object_id", "object_id", "object_sequence"),
    Index(
        "ix_events_session_id",
        "session_id",
        "seq",
        sqlite_where=_OF_A_SESSION,
        postgresql_where=_OF_A_SESSION,
    ),
)

deleted_events = Table(
    "deleted_events",
    metadata,
    Column("partner_id", ForeignKey("partners.id"), primary_key=True),
    Column("livemode", Boolean, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)
"""How far the events of a partner and mode are deleted: the last ``seq``, the newest time."""

object_sequences = Table(
    "event_object_sequences",
    metadata,
    Column("object_id", String(32), primary_key=True),
    Column("sequence", Integer, nullable=False),
)
"""The highest sequence in deleted events, of objects that have no sequence of their own (I15)."""

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
    Column("order_key", String(32)),
    Column("order_seq", BigInteger),
    Column("parked", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_deliveries_due", "endpoint_id", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
    Index(
        "ix_deliveries_order",
        "endpoint_id",
        "order_key",
        "order_seq",
        sqlite_where=_DUE_IN_ORDER,
        postgresql_where=_DUE_IN_ORDER,
    ),
    Index("ix_deliveries_dead", "updated_at", "id", sqlite_where=_DEAD, postgresql_where=_DEAD),
    Index(
        "ix_deliveries_latest_of",
        "endpoint_id",
        "latest_of",
        sqlite_where=_LATEST,
        postgresql_where=_LATEST,
    ),
    Index("ix_deliveries_endpoint_id", "endpoint_id", "status", "updated_at"),
    Index("ix_deliveries_updated_at", "endpoint_id", "updated_at", "id"),
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
    """Where a partner receives webhooks; the secrets are encrypted at rest.

    *station_ids*: only what happens at these stations; ``None``: at any, and what is about none.
    *failure_told*: the highest share of its failure budget, in percent, that operators were told.
    """

    id: str
    partner_id: str
    livemode: bool
    url: str
    event_types: list[str]
    station_ids: list[str] | None
    ordering: str
    description: str | None
    enabled: bool
    disabled_reason: str | None
    secret: str
    previous_secret: str | None
    previous_secret_until: datetime | None
    failing_since: datetime | None
    last_failure_at: datetime | None
    failure_told: int
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact, rendered once; *body* is the exact text that is sent and shown, for ever.

    *session_id* and *station_id* are where it belongs, if anywhere: what filters look at.
    """

    id: str
    partner_id: str
    livemode: bool
    seq: int
    type: str
    object_id: str
    object_sequence: int
    session_id: str | None
    station_id: str | None
    body: str
    created_at: datetime
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one endpoint: the transactional outbox row itself.

    ``latest_of`` is the object of which only the newest state is worth sending.

    *order_key*, *order_seq*: its place, if the endpoint wants an order; *parked*: it was put off
    until those before it are done.
    """

    id: str
    event_id: str
    endpoint_id: str
    event_type: str
    latest_of: str | None
    status: DeliveryStatus
    attempts: int
    due_at: datetime
    order_key: str | None
    order_seq: int | None
    parked: bool
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
