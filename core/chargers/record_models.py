"""Tables of what chargers tell besides status: variables, id tokens, frames, failed logins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Float,
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

from core.kernel.db import BigKey, Json, UtcDateTime, metadata

variables = Table(
    "charger_variables",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("component", String(200), nullable=False),
    Column("variable", String(200), nullable=False),
    Column("attribute", String(10), nullable=False),
    Column("value", Text),
    Column("readonly", Boolean),
    Column("data_type", String(20)),
    Column("unit", String(16)),
    Column("min_limit", Float),
    Column("max_limit", Float),
    Column("values_list", String(1000)),
    Column("supports_monitoring", Boolean),
    Column("reported_at", UtcDateTime, nullable=False),
    UniqueConstraint("charger_id", "component", "variable", "attribute"),
    sqlite_autoincrement=True,
)

id_tokens = Table(
    "id_tokens",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("group_token", String(64)),
    Column("partner_id", String(32)),
    Column("note", String(200)),
    Column("group_kind", String(20), nullable=False, server_default="Central"),
    Column("valid_from", UtcDateTime),
    Column("restricted", Boolean, nullable=False, server_default=false()),
    Column("evses", Json),
    Column("max_sessions", Integer),
    Column("master_pass", Boolean, nullable=False, server_default=false()),
    Column("charging_priority", Integer),
    Column("language1", String(8)),
    Column("language2", String(8)),
    Column("personal_message", Json),
    Column("additional_info", Json),
    Column("list_digest", String(16), nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

_OF_AN_OPERATION = text("operation_id IS NOT NULL")

frames = Table(
    "frames",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("charger_id", String(32), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("message_id", String(64)),
    Column("action", String(64)),
    Column("operation_id", String(32)),
    Column("text", Text, nullable=False),
    Index("ix_frames_charger_id", "charger_id", "number"),
    Index(
        "ix_frames_operation_id",
        "operation_id",
        sqlite_where=_OF_AN_OPERATION,
        postgresql_where=_OF_AN_OPERATION,
    ),
    Index("ix_frames_at", "at"),
    sqlite_autoincrement=True,
)

refused_handshakes = Table(
    "refused_handshakes",
    metadata,
    Column("identity", String(64), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("reason", String(40), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False, index=True),
    Column("detail", String(300), nullable=False),
)

quarantine = Table(
    "quarantined_messages",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("action", String(64), nullable=False),
    Column("message_id", String(64)),
    Column("reasons", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_quarantined_messages_charger_id", "charger_id", "number"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A configuration key (1.6: *component* is empty) or variable as the charger reported it.

    In 2.0.1 a name carries instance and EVSE: ``Name[instance]@evse.connector``, and from reports
    come type, unit and limits.
    """

    number: int
    charger_id: str
    component: str
    variable: str
    attribute: str
    value: str | None
    readonly: bool | None
    data_type: str | None
    unit: str | None
    min_limit: float | None
    max_limit: float | None
    values_list: str | None
    supports_monitoring: bool | None
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """An id token (RFID card, app token) that may or may not charge; *token* is upper case.

    *restricted*: only at the chargers and stations among its places. *evses*: only at these
    numbers there. *max_sessions*: so many at a time, ``None`` for any number. *master_pass*: may
    end the sessions of others, and begins none (OCPP 2.0.1 C16). *list_digest* changes with all
    that a local list says of it.
    """

    token: str
    kind: str
    blocked: bool
    expires_at: datetime | None
    group_token: str | None
    partner_id: str | None
    note: str | None
    group_kind: str
    valid_from: datetime | None
    restricted: bool
    evses: list[int] | None
    max_sessions: int | None
    master_pass: bool
    charging_priority: int | None
    language1: str | None
    language2: str | None
    personal_message: dict[str, Any] | None
    additional_info: list[dict[str, Any]] | None
    list_digest: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame in (``in``) or out (``out``), secrets redacted.

    *kind* is ``call``, ``result``, ``error`` or ``unreadable``.
    """

    number: int
    at: datetime
    charger_id: str
    direction: str
    kind: str
    message_id: str | None
    action: str | None
    operation_id: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedHandshake:
    """Logins of one identity from one address refused for one reason, counted."""

    identity: str
    address: str
    reason: str
    count: int
    first_at: datetime
    last_at: datetime
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A message that was acknowledged but not believed, kept as it came."""

    number: int
    at: datetime
    charger_id: str
    action: str
    message_id: str | None
    reasons: str
    text: str
