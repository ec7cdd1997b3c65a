"""Who may charge when nobody can be asked: local list and authorization cache.

OCPP 1.6 3.4 and 3.5; OCPP 2.0.1 C10-C16, D01-D02. Tokens compare without case.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from simulator.outbox import ask
from simulator.wire import payload_of

if TYPE_CHECKING:
    from simulator.station import Station

ACCEPTED = "Accepted"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the charger knows of a token."""

    token: str
    status: str
    group: str | None = None
    expires_at: datetime | None = None

    def verdict(self, now: datetime) -> str:
        """Return the status as of *now*."""
        expired = self.expires_at is not None and self.expires_at <= now
        return "Expired" if expired and self.status == ACCEPTED else self.status


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a list update; without *known* the token is to be removed."""

    token: str
    known: Known | None


@dataclass(kw_only=True)
class LocalAuthorization:
    """Local list and cache of one charger."""

    version: int = 0
    entries: dict[str, Known] = field(default_factory=dict)
    cache: dict[str, Known] = field(default_factory=dict)


class Updated(StrEnum):
    """Answers to SendLocalList."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"


def update_list(
    store: LocalAuthorization, *, version: int, full: bool, entries: Sequence[Entry], limit: int
) -> Updated:
    """Replace or change the local list; on anything but Accepted it stays as it was."""
    tokens = [entry.token.lower() for entry in entries]
    if version <= 0 or len(set(tokens)) < len(tokens):
        return Updated.FAILED
    if not full and version <= store.version:
        return Updated.VERSION_MISMATCH
    if full and any(entry.known is None for entry in entries):
        return Updated.FAILED
    changed = {} if full else dict(store.entries)
    for token, entry in zip(tokens, entries, strict=True):
        if entry.known is None:
            changed.pop(token, None)
        else:
            changed[token] = entry.known
    if len(changed) > limit:
        return Updated.FAILED
    store.entries, store.version = changed, version
    return Updated.ACCEPTED


def remember(station: "Station", token: str, status: str) -> None:
    """Keep in the cache what the central system says of a token."""
    if token and station.flag("cache_enabled"):
        station.local.cache[token.lower()] = Known(token=token, status=status)


def known_verdict(station: "Station", token: str) -> str | None:
    """Return what list or cache say of a token; the list wins."""
    now = station.clock.now()
    listed = station.local.entries.get(token.lower()) if station.flag("list_enabled") else None
    cached = station.local.cache.get(token.lower()) if station.flag("cache_enabled") else None
    found = listed or cached
    return found.verdict(now) if found is not None else None


async def decide(station: "Station", token: str) -> str:
    """Return the status of a token a driver presents.

    Offline the charger decides by itself. Online it asks, unless ``LocalPreAuthorize`` lets it
    trust what it knows. Raises ``Disconnected``, ``NoAnswer`` or ``Refused``.
    """
    known = known_verdict(station, token)
    if not station.online:
        if known is not None and station.flag("local_authorize_offline"):
            return known
        return ACCEPTED if station.flag("offline_unknown") else "Unknown"
    if known == ACCEPTED and station.flag("local_pre_authorize"):
        return ACCEPTED
    status = station.dialect.verdict(
        await ask(station, *payload_of(station.dialect.authorize(token)))
    )
    remember(station, token, status)
    return status
