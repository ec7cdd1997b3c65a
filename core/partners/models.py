"""Tables: partners, their API keys, and the stations granted to them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table, false

from core.kernel.db import Json, UtcDateTime, metadata
from core.partners.states import PartnerStatus

partners = Table(
    "partners",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("status", String(16), nullable=False),
    Column("event_seq", BigInteger, nullable=False),
    Column("test_only", Boolean, nullable=False, server_default=false()),
    Column("signs_control", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False, index=True),
    Column("livemode", Boolean, nullable=False),
    Column("name", String(100), nullable=False),
    Column("secret_hash", String(128), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("ip_allowlist", Json, nullable=False),
    Column("require_signature", Boolean, nullable=False, server_default=false()),
    Column("signs_as", String(32)),
    Column("expires_at", UtcDateTime),
    Column("expiry_told", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

grants = Table(
    "station_grants",
    metadata,
    Column("partner_id", ForeignKey("partners.id"), primary_key=True),
    Column("station_id", ForeignKey("stations.id"), primary_key=True),
    Column("control", Boolean, nullable=False),
    Column("direct_control", Boolean),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_station_grants_station_id", "station_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A third-party platform.

    Attributes:
        event_seq: The ``seq`` of its newest event.
        test_only: It applied and nobody has approved it: no live keys.
        signs_control: An operator demands that its live control calls are signed.
    """

    id: str
    name: str
    status: PartnerStatus
    event_seq: int
    test_only: bool
    signs_control: bool
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", PartnerStatus(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of a partner, live or test; the secret itself is never stored.

    Attributes:
        require_signature: The partner demands that all calls with it are signed.
        signs_as: The key that it was rotated from, whose signing keys go on; else its own.
        expiry_told: The expiry that ``key.expiring`` told of last.
    """

    id: str
    partner_id: str
    livemode: bool
    name: str
    secret_hash: str
    scopes: list[str]
    ip_allowlist: list[str]
    require_signature: bool
    signs_as: str | None
    expires_at: datetime | None
    expiry_told: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A partner may see a station and, with *control*, charge there.

    ``direct_control`` is what was granted for this station alone; ``None``: groups alone give it.
    """

    partner_id: str
    station_id: str
    control: bool
    direct_control: bool | None
    created_at: datetime
