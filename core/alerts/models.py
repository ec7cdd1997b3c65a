"""Tables: alerts, what is to be told of them, notifications, and how busy the channels are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, text

from core.alerts.kinds import AlertKind
from core.alerts.states import AlertStatus, Channel, NotificationStatus, Reason, Severity
from core.kernel.db import Json, UtcDateTime, metadata

_UNRESOLVED: Final = text("status IN ('open', 'acknowledged')")
_NOTICE: Final = text("notice IS NOT NULL")
_WAITING: Final = text("message_id IS NULL")

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("key", String(128), nullable=False),
    Column("status", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("object_id", String(64), index=True),
    Column("title", String(200), nullable=False),
    Column("facts", Json, nullable=False),
    Column("count", Integer, nullable=False),
    Column("notice", String(16)),
    Column("notified_at", UtcDateTime),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", String(64)),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", String(64)),
    Column("note", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(
        "uq_alerts_unresolved",
        "kind",
        "key",
        unique=True,
        sqlite_where=_UNRESOLVED,
        postgresql_where=_UNRESOLVED,
    ),
    Index("ix_alerts_status", "status", "updated_at"),
    Index("ix_alerts_notice", "notice", sqlite_where=_NOTICE, postgresql_where=_NOTICE),
)

notices = Table(
    "alert_notices",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("alert_id", ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("channel", String(16), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("message_id", String(32), index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_alert_notices_waiting", "channel", sqlite_where=_WAITING, postgresql_where=_WAITING),
    sqlite_autoincrement=True,
)

notifications = Table(
    "alert_notifications",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("message_id", String(32), nullable=False, index=True),
    Column("channel", String(16), nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("status", String(16), nullable=False),
    Column("message", Json, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("log", Json, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_alert_notifications_due", "status", "channel", "due_at"),
)

channels = Table(
    "alert_channels",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("composed_at", UtcDateTime, nullable=False),
    Column("hour_began_at", UtcDateTime, nullable=False),
    Column("in_hour", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that operators should know of; one while it is not resolved.

    Attributes:
        key: What it is about; with the kind it is unique among those that are not resolved.
        severity: The highest with which it was raised.
        facts: Of the last time, and *count* is how often it was raised.
        notice: Why operators are to be told, where they have not been yet.
        resolved_by: An actor of the audit trail; ``platform``: the cause is gone.
    """

    id: str
    kind: AlertKind
    key: str
    status: AlertStatus
    severity: Severity
    object_id: str | None
    title: str
    facts: dict[str, Any]
    count: int
    notice: Reason | None
    notified_at: datetime | None
    last_seen_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", AlertKind(self.kind))
        object.__setattr__(self, "status", AlertStatus(self.status))
        object.__setattr__(self, "severity", Severity(self.severity))
        if self.notice is not None:
            object.__setattr__(self, "notice", Reason(self.notice))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An alert that a channel is to tell of; *message_id*: where it has."""

    number: int
    alert_id: str
    channel: Channel
    reason: Reason
    message_id: str | None
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel", Channel(self.channel))
        object.__setattr__(self, "reason", Reason(self.reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """When a channel sent its last message, and how many since the hour began."""

    channel: str
    composed_at: datetime
    hour_began_at: datetime
    in_hour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message to one recipient over one channel.

    Attributes:
        recipient: A mail address, a phone number, or the origin of a webhook's URL.
        message: What is said, see ``messages``.
        log: What came of each attempt.
    """

    id: str
    message_id: str
    channel: Channel
    recipient: str
    status: NotificationStatus
    message: dict[str, Any]
    attempts: int
    log: list[dict[str, Any]]
    due_at: datetime
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel", Channel(self.channel))
        object.__setattr__(self, "status", NotificationStatus(self.status))
