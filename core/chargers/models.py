"""Tables: stations, chargers and where they are connected, connectors and their live status."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from core.chargers.states import ConnectorStatus, Registration
from core.kernel.db import BigKey, Json, UtcDateTime, metadata

stations = Table(
    "stations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("address", String(300)),
    Column("city", String(100)),
    Column("country", String(2)),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("time_zone", String(64), nullable=False),
    Column("opening_times", Json),
    Column("tariff_id", String(32)),
    Column("pictures", Json),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
    Index("ix_stations_updated_at", "updated_at", "id"),
)

chargers = Table(
    "chargers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("station_id", ForeignKey("stations.id"), index=True),
    Column("identity", String(48), nullable=False),
    Column("identity_key", String(48), unique=True),
    Column("registration", String(16), nullable=False),
    Column("held_reason", String(200)),
    Column("credential", String(128)),
    Column("next_credential", String(128)),
    Column("next_credential_sends", Integer),
    Column("security_profile", Integer, nullable=False),
    Column("ocpp_version", String(8)),
    Column("vendor", String(100)),
    Column("model", String(100)),
    Column("serial_number", String(100)),
    Column("firmware_version", String(100)),
    Column("node_id", String(128)),
    Column("epoch", Integer, nullable=False),
    Column("remote_address", String(64)),
    Column("connected_at", UtcDateTime),
    Column("disconnected_at", UtcDateTime),
    Column("last_seen_at", UtcDateTime),
    Column("booted_at", UtcDateTime),
    Column("boot_reason", String(40)),
    Column("boot_status", String(16)),
    Column("status", String(16)),
    Column("error_code", String(60)),
    Column("error_info", Text),
    Column("status_reported_at", UtcDateTime),
    Column("presence_seq", BigInteger, nullable=False, server_default="0", index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
    CheckConstraint("security_profile BETWEEN 0 AND 3", name="security_profile"),
    Index("ix_chargers_node_id", "node_id"),
    Index("ix_chargers_updated_at", "updated_at", "id"),
)

connectors = Table(
    "connectors",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("evse", Integer, nullable=False),
    Column("connector", Integer, nullable=False),
    Column("standard", String(40)),
    Column("format", String(10)),
    Column("power_type", String(12)),
    Column("max_power_w", Integer),
    Column("max_voltage_v", Integer),
    Column("max_current_a", Integer),
    Column("learned", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("error_code", String(60)),
    Column("error_info", Text),
    Column("reported_at", UtcDateTime),
    Column("since", UtcDateTime, nullable=False),
    Column("as_of", UtcDateTime, nullable=False),
    Column("seq", BigInteger, nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("charger_id", "evse", "connector"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

station_changes = Table(
    "station_changes",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("station_id", String(32), nullable=False, index=True),
    sqlite_autoincrement=True,
)

cursors = Table(
    "status_cursors",
    metadata,
    Column("partner_id", ForeignKey("partners.id"), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("moved_at", UtcDateTime, nullable=False),
    Column("grants_version", BigInteger, nullable=False, server_default="0"),
)
"""Up to which number of the feed each partner has been told, by events.

``grants_version`` grows when the partner may see another station, or one less.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConnector:
    """A connector and what decides whether its status can be believed.

    ``offline_since`` is only set while the charger is offline.
    """

    connector: "Connector"
    charger_id: str
    station_id: str | None
    livemode: bool | None
    tariff_id: str | None
    online: bool
    offline_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A place with chargers; ``livemode`` false: test data.

    ``tariff_id`` is the tariff that holds there now, ``pictures`` what is known of their files.
    """

    id: str
    name: str
    livemode: bool
    address: str | None
    city: str | None
    country: str | None
    latitude: float | None
    longitude: float | None
    time_zone: str
    opening_times: dict[str, Any] | None
    tariff_id: str | None
    pictures: list[dict[str, Any]] | None
    created_at: datetime
    updated_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charger:
    """One charging station in OCPP's words (1.6: charge point).

    ``node_id`` and ``epoch`` say which node holds the WebSocket. Every new connection increments
    ``epoch``, so a late disconnect of an old socket cannot clear a newer one. ``identity_key`` is
    the identity in lower case, ``None`` once the charger is removed: so an identity is unique
    whatever its case, and free again after a removal. ``next_credential`` is a password that the
    charger is told to use, ``next_credential_sends`` times so far, until it is known whether it
    does; until then both are good. ``status`` is what the charger last said of
    itself as a whole (OCPP 1.6: connector 0); its connectors have their own. ``held_reason`` is why
    an operator made an accepted charger wait for approval again; ``boot_status`` what it was last
    told at a boot (``Accepted``, ``Pending``, ``Rejected``). ``presence_seq`` is its place in the
    feed of changes since it last came or went.
    """

    id: str
    station_id: str | None
    identity: str
    identity_key: str | None
    registration: Registration
    held_reason: str | None
    credential: str | None
    next_credential: str | None
    next_credential_sends: int | None
    security_profile: int
    ocpp_version: str | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    node_id: str | None
    epoch: int
    remote_address: str | None
    connected_at: datetime | None
    disconnected_at: datetime | None
    last_seen_at: datetime | None
    booted_at: datetime | None
    boot_reason: str | None
    boot_status: str | None
    status: ConnectorStatus | None
    error_code: str | None
    error_info: str | None
    status_reported_at: datetime | None
    presence_seq: int
    created_at: datetime
    updated_at: datetime
    removed_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "registration", Registration(self.registration))
        if self.status is not None:
            object.__setattr__(self, "status", ConnectorStatus(self.status))

    @property
    def online(self) -> bool:
        """Whether a node holds its WebSocket."""
        return self.node_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a node has to know of a charger whose socket it holds."""

    epoch: int
    security_profile: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides whether a charger may be asked for something, and by whom; see ``Charger``."""

    id: str
    station_id: str | None
    registration: Registration
    held_reason: str | None
    security_profile: int
    node_id: str | None
    epoch: int
    boot_status: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "registration", Registration(self.registration))


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One connector of an EVSE, with the status the charger last reported.

    OCPP 1.6 knows no EVSE: there *evse* is its connectorId and *connector* is 1. ``since`` is when
    the status began, ``as_of`` when it was last confirmed, ``reported_at`` the charger's own time.
    """

    id: str
    charger_id: str
    evse: int
    connector: int
    standard: str | None
    format: str | None
    power_type: str | None
    max_power_w: int | None
    max_voltage_v: int | None
    max_current_a: int | None
    learned: bool
    status: ConnectorStatus
    error_code: str | None
    error_info: str | None
    reported_at: datetime | None
    since: datetime
    as_of: datetime
    seq: int
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", ConnectorStatus(self.status))
