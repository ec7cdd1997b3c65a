"""Tables of what chargers tell besides status: variables, id tokens, frames, failed logins."""

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
)

from core.kernel.db import UtcDateTime, metadata

BigKey = BigInteger().with_variant(Integer(), "sqlite")

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
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

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
    Index("ix_frames_operation_id", "operation_id"),
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

    In 2.0.1 a name carries instance and EVSE: ``Name[instance]@evse.connector``.
    """

    number: int
    charger_id: str
    component: str
    variable: str
    attribute: str
    value: str | None
    readonly: bool | None
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """An id token (RFID card, app token) that may or may not charge; *token* is upper case."""

    token: str
    kind: str
    blocked: bool
    expires_at: datetime | None
    group_token: str | None
    partner_id: str | None
    note: str | None
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
