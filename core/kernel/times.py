"""Instants: aware, UTC, whole milliseconds; RFC 3339 with ``Z`` on the wire."""

from datetime import UTC, datetime, timedelta


def to_millis(instant: datetime) -> datetime:
    """Return *instant* in UTC, cut to whole milliseconds (what the API can show)."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    beyond = instant.microsecond % 1000
    return instant.replace(microsecond=instant.microsecond - beyond) if beyond else instant


def rfc3339(instant: datetime) -> str:
    """Return *instant* as ``2026-01-31T12:00:00.000Z``."""
    text = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def rfc3339_or_none(instant: datetime | None) -> str | None:
    """Return *instant* as ``rfc3339`` does, and ``None`` for ``None``."""
    return None if instant is None else rfc3339(instant)


def seconds(delay_s: float) -> timedelta:
    """Return a duration of *delay_s* seconds."""
    return timedelta(seconds=delay_s)
