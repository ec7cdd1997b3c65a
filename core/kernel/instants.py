"""Instants on their way into the database and back: aware, UTC, whole milliseconds."""

from datetime import datetime
from functools import lru_cache
from typing import Final

from core.kernel.times import to_millis

_UTC: Final = "+00:00"
_KEPT: Final = 512
"""Whose texts for SQLite are remembered: one instant is written many times in a transaction."""


def in_millis(value: datetime | None) -> datetime | None:
    """Return an instant as PostgreSQL is given it.

    Raises:
        ValueError: It has no time zone.
    """
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("naive datetime")
    return to_millis(value)


@lru_cache(_KEPT)
def as_text(value: datetime | None) -> str | None:
    """Return an instant as SQLAlchemy's own type writes it to SQLite; raises as ``in_millis``."""
    instant = in_millis(value)
    return None if instant is None else instant.isoformat(" ", "microseconds")[: -len(_UTC)]


@lru_cache(_KEPT)
def of_text(value: str | None) -> datetime | None:
    """Return the instant that ``as_text`` wrote."""
    return None if value is None else datetime.fromisoformat(value + _UTC)
