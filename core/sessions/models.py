"""Tables: charging sessions, the messages they are made of, meter readings, orders."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from core.kernel.db import BigKey, Json, UtcDateTime, metadata
from core.sessions.states import DataQuality, SessionStatus

_OPEN = "status IN ('pending', 'charging', 'suspended', 'finishing')"
_OVER = "status IN ('ended', 'invalid')"
_SETTLED = "over_updated_at IS NOT NULL"
_CURRENT = text("is_current")
_OF_A_MESSAGE = text("message_key IS NOT NULL")
_ORPHAN = text("status = 'invalid' AND reported_start_wh IS NULL")
IS_OPEN: Final = text(f"sessions.{_OPEN}")
IS_OVER: Final = text(f"sessions.{_SETTLED}")
IS_CURRENT: Final = text("sessions.is_current")
"""Word for word those of the partial indexes: SQLite knows them by their words alone."""

sessions = Table(
    "sessions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("connector_id", ForeignKey("connectors.id")),
    Column("transaction_ref", String(64), nullable=False),
    Column("start_key", String(80), nullable=False),
    Column("partner_id", ForeignKey("partners.id")),
    Column("livemode", Boolean, nullable=False),
    Column("operation_id", ForeignKey("operations.id"), unique=True),
    Column("reservation_id", String(32)),
    Column("token", String(64)),
    Column("verdict", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("reported_start_wh", BigInteger),
    Column("reported_stop_wh", BigInteger),
    Column("meter_start_wh", BigInteger),
    Column("meter_stop_wh", BigInteger),
    Column("last_wh", BigInteger),
    Column("last_at", UtcDateTime),
    Column("energy_wh", BigInteger, nullable=False),
    Column("power_w", BigInteger),
    Column("soc_percent", Integer),
    Column("stop_reason", String(24)),
    Column("stop_wanted", String(24)),
    Column("data_quality", String(16), nullable=False),
    Column("flags", Json, nullable=False),
    Column("billable", Boolean, nullable=False),
    Column("suspect_since", UtcDateTime),
    Column("last_seq", Integer),
    Column("limits", Json),
    Column("user_ref", String(200)),
    Column("sequence", Integer, nullable=False),
    Column("announced_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # In no index is what every reading of an open session changes: PostgreSQL would write to all
    # of them each time. A HOT update writes to none, if its page has room.
    Column(
        "over_updated_at",
        UtcDateTime,
        Computed(f"CASE WHEN {_OVER} THEN updated_at END", persisted=True),
    ),
    UniqueConstraint("charger_id", "transaction_ref"),
    UniqueConstraint("charger_id", "start_key"),
    Index(
        "uq_sessions_current",
        "connector_id",
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    ),
    Index("ix_sessions_open", "charger_id", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
    Index(
        "ix_sessions_open_of_partner",
        "partner_id",
        "livemode",
        sqlite_where=text(_OPEN),
        postgresql_where=text(_OPEN),
    ),
    Index(
        "ix_sessions_over",
        "over_updated_at",
        "id",
        sqlite_where=text(_SETTLED),
        postgresql_where=text(_SETTLED),
    ),
    Index(
        "ix_sessions_over_of_partner",
        "partner_id",
        "livemode",
        "over_updated_at",
        "id",
        sqlite_where=text(_SETTLED),
        postgresql_where=text(_SETTLED),
    ),
    Index(
        "ix_sessions_orphans",
        "charger_id",
        "ended_at",
        sqlite_where=_ORPHAN,
        postgresql_where=_ORPHAN,
    ),
    Index("ix_sessions_charger_id", "charger_id", "started_at"),
    Index("ix_sessions_token", "token"),
    postgresql_with={"fillfactor": 80},
    sqlite_autoincrement=True,
)

transaction_messages = Table(
    "transaction_messages",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("key", String(120), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("session_id", String(32), nullable=False, index=True),
    Column("action", String(32), nullable=False),
    Column("seq", Integer),
    Column("received_at", UtcDateTime, nullable=False),
    Column("raw", Json, nullable=False),
    Column("samples", Json),
)

meter_values = Table(
    "meter_values",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("session_id", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("energy_wh", BigInteger),
    Column("power_w", BigInteger),
    Column("current_ma", BigInteger),
    Column("voltage_mv", BigInteger),
    Column("soc_percent", Integer),
    Column("context", String(24)),
    Column("accepted", Boolean, nullable=False),
    Column("flags", Json, nullable=False),
    Column("samples", Json),
    Column("message_key", BigInteger),
    Column("message", Json),
    Index("ix_meter_values_session_id", "session_id", "at", "number"),
    Index(
        "ix_meter_values_message",
        "session_id",
        "message_key",
        sqlite_where=_OF_A_MESSAGE,
        postgresql_where=_OF_A_MESSAGE,
    ),
    sqlite_autoincrement=True,
)

orders = Table(
    "orders",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("session_id", ForeignKey("sessions.id"), nullable=False, unique=True),
    Column("partner_id", ForeignKey("partners.id")),
    Column("livemode", Boolean, nullable=False),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Json, nullable=False),
    Column("billable", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_orders_partner_id", "partner_id", "livemode", "updated_at", "id"),
    Index("ix_orders_updated_at", "updated_at", "id"),
)

order_versions = Table(
    "order_versions",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("body", Json, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One transaction of a charger, whoever started it.

    *number* is the transactionId of OCPP 1.6; *transaction_ref* what the charger calls it.
    *start_key* is what a charger repeats when it did not see our answer. *is_current*: it occupies
    its connector now. ``reported_*_wh`` are the registers of the charger's start and stop,
    ``meter_*_wh`` what can be believed, *last_wh* the newest accepted register. *stop_wanted* is
    why the platform asked for the end. *billable* is false for what nobody may be billed for by
    itself. *over_updated_at* is *updated_at*, once the session is over.
    """

    number: int
    id: str
    charger_id: str
    connector_id: str | None
    transaction_ref: str
    start_key: str
    partner_id: str | None
    livemode: bool
    operation_id: str | None
    reservation_id: str | None
    token: str | None
    verdict: str
    status: SessionStatus
    is_current: bool
    started_at: datetime
    ended_at: datetime | None
    reported_start_wh: int | None
    reported_stop_wh: int | None
    meter_start_wh: int | None
    meter_stop_wh: int | None
    last_wh: int | None
    last_at: datetime | None
    energy_wh: int
    power_w: int | None
    soc_percent: int | None
    stop_reason: str | None
    stop_wanted: str | None
    data_quality: DataQuality
    flags: list[str]
    billable: bool
    suspect_since: datetime | None
    last_seq: int | None
    limits: dict[str, Any] | None
    user_ref: str | None
    sequence: int
    announced_at: datetime | None
    created_at: datetime
    updated_at: datetime
    over_updated_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", SessionStatus(self.status))
        object.__setattr__(self, "data_quality", DataQuality(self.data_quality))

    @property
    def is_open(self) -> bool:
        """Whether the charger still has to report the end."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What readings change of an open session."""

    meter_start_wh: int | None
    last_wh: int | None
    last_at: datetime | None
    energy_wh: int
    power_w: int | None
    soc_percent: int | None
    data_quality: DataQuality
    flags: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValue:
    """One reading of a session; *accepted* tells whether its register counts.

    *message_key* is that of the MeterValues it came with, ``None`` for another message; the first
    reading of a MeterValues has the rest of that in *message* (``reading_messages``).
    """

    number: int
    session_id: str
    at: datetime
    received_at: datetime
    energy_wh: int | None
    power_w: int | None
    current_ma: int | None
    voltage_mv: int | None
    soc_percent: int | None
    context: str | None
    accepted: bool
    flags: list[str]
    samples: Any
    message_key: int | None
    message: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a session came to; a new *version* where the charger corrected itself later."""

    id: str
    session_id: str
    partner_id: str | None
    livemode: bool
    charger_id: str
    version: int
    body: dict[str, Any]
    billable: bool
    created_at: datetime
    updated_at: datetime
