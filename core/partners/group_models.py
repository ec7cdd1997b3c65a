"""Tables: groups of stations, and which partners they are granted to.

What a group gives a partner is written out into ``station_grants``, so that whoever asks what a
partner may see asks that table alone.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table

from core.kernel.db import UtcDateTime, metadata

station_groups = Table(
    "station_groups",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
)

group_members = Table(
    "station_group_members",
    metadata,
    Column("group_id", ForeignKey("station_groups.id"), primary_key=True),
    Column("station_id", ForeignKey("stations.id"), primary_key=True),
    Index("ix_station_group_members_station_id", "station_id"),
)

group_grants = Table(
    "station_group_grants",
    metadata,
    Column("partner_id", ForeignKey("partners.id"), primary_key=True),
    Column("group_id", ForeignKey("station_groups.id"), primary_key=True),
    Column("control", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_station_group_grants_group_id", "group_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationGroup:
    """Stations of one mode that are granted together."""

    id: str
    name: str
    livemode: bool
    created_at: datetime
    updated_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupGrant:
    """A partner may see the stations of a group and, with *control*, charge there."""

    partner_id: str
    group_id: str
    control: bool
    created_at: datetime
