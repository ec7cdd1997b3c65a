"""Table: tariffs, append-only; the newest that is valid counts. Amounts are decimal texts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    false,
)

from core.kernel.db import UtcDateTime, metadata
from core.tariffs.cost import Prices

tariffs = Table(
    "tariffs",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("station_id", ForeignKey("stations.id")),
    Column("is_offered", Boolean, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("per_kwh", String(24), nullable=False),
    Column("per_minute", String(24), nullable=False),
    Column("start_fee", String(24), nullable=False),
    Column("tax_percent", String(24)),
    Column("text", String(512)),
    Column("language", String(8)),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("shown", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(64), nullable=False),
    Index("ix_tariffs_station_id", "station_id", "valid_from"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """One version of a station's tariff, or with no station of the platform's default.

    Not *is_offered*: from *valid_from* on there is none (at a station: the default holds again).
    *text* is what drivers are shown. *shown*: stations show it since it began to hold.
    """

    number: int
    id: str
    station_id: str | None
    is_offered: bool
    currency: str
    per_kwh: str
    per_minute: str
    start_fee: str
    tax_percent: str | None
    text: str | None
    language: str | None
    valid_from: datetime
    shown: bool
    created_at: datetime
    created_by: str

    @property
    def prices(self) -> Prices:
        """The amounts as numbers."""
        return Prices(
            currency=self.currency,
            per_kwh=Decimal(self.per_kwh),
            per_minute=Decimal(self.per_minute),
            start_fee=Decimal(self.start_fee),
            tax_percent=None if self.tax_percent is None else Decimal(self.tax_percent),
        )
