"""Tables around id tokens: where they may charge, when one changed; the local lists of chargers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from core.kernel.db import BigKey, Json, UtcDateTime, metadata

id_token_places = Table(
    "id_token_places",
    metadata,
    Column("token", ForeignKey("id_tokens.token", ondelete="CASCADE"), primary_key=True),
    Column("place_id", String(32), primary_key=True),
    Index("ix_id_token_places_place_id", "place_id"),
)

id_token_changes = Table(
    "id_token_changes",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("token", String(64), nullable=False),
    Index("ix_id_token_changes_at", "at"),
    sqlite_autoincrement=True,
)

local_lists = Table(
    "local_lists",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("source", String(16)),
    Column("version", Integer, nullable=False),
    Column("issued", Integer, nullable=False),
    Column("pending", Json),
    Column("reported_version", Integer),
    Column("reported_at", UtcDateTime),
    Column("seen_change", BigInteger, nullable=False),
    Column("verified_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
)

local_list_entries = Table(
    "local_list_entries",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("token", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("digest", String(16), nullable=False),
)

local_list_choices = Table(
    "local_list_choices",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    Column("token", String(64), primary_key=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalList:
    """What we know of a charger's local list.

    *source*: which tokens belong there, ``None``: it should be empty. *version* is the one that
    the charger has taken last, 0 for none that we know; *issued* the highest that was ever sent,
    *pending* the update that was sent last while no answer to it is known. *reported_version* is
    the charger's own word: 0 an empty list, -1 none at all. *seen_change* is the last change of a
    token that was compared with it.
    """

    charger_id: str
    source: str | None
    version: int
    issued: int
    pending: dict[str, Any] | None
    reported_version: int | None
    reported_at: datetime | None
    seen_change: int
    verified_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """A token that a charger's local list has, as it was when it was sent."""

    charger_id: str
    token: str
    kind: str
    digest: str
