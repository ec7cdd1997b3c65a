"""The chain of the audit trail (S24): each sealed entry's hash covers the one before it.

Entries are written unsealed, so that their writers do not queue, and sealed in order by a job.
Whoever changes, removes or moves a sealed entry breaks the chain there; whoever cuts off its end
has to change the head, too, which a hash that was noted outside the database gives away.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from core.audit import store
from core.audit.models import AuditEntry, Head
from core.kernel.db import Database, Tx
from core.kernel.times import rfc3339

_log = structlog.get_logger()

GENESIS: Final = "0" * 64
"""What the first entry's hash covers in place of a hash before it."""

AT_ONCE: Final = 500
"""Entries that one transaction seals or verifies."""

RECENT: Final = 10_000
"""How many of the newest entries a look within one transaction verifies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The first place where the chain does not hold, and the number of the entry there, if any."""

    seal: int
    number: int | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How far the chain was followed: the place and hash it came to, and what was broken.

    Attributes:
        at_end: Nothing sealed comes after it.
    """

    seal: int
    hash: str
    checked: int
    at_end: bool
    broken: Broken | None = None


def content(entry: AuditEntry, seal: int) -> dict[str, Any]:
    """Return what the hash of an entry covers, besides the hash before it."""
    return {
        "seal": seal,
        "number": entry.number,
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "object_id": entry.object_id,
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
    }


def digest(previous: str, entry: AuditEntry, seal: int) -> str:
    """Return the hash, 64 hex digits, of an entry at place *seal* after the hash *previous*."""
    canonical = json.dumps(content(entry, seal), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{canonical}".encode()).hexdigest()


async def seal_all(db: Database) -> None:
    """Seal what is not sealed, in the order of entries; safe on every node at once.

    The new end of the chain is logged: where logs go elsewhere, it is noted outside the database.
    """
    sealed = AT_ONCE
    while sealed == AT_ONCE:
        async with db.transaction() as tx:
            sealed = await seal(tx, limit=AT_ONCE)
            end = await store.head(tx) if sealed else None
        if end is not None:
            _log.info("audit_trail_sealed", entries=sealed, seal=end.seal, hash=end.hash)


async def seal(tx: Tx, *, limit: int = AT_ONCE) -> int:
    """Seal the oldest entries that are not, *limit* at most; return how many.

    An entry that commits late comes after those that were sealed meanwhile: seals, not numbers,
    are the order of the chain.
    """
    if not await store.unsealed(tx, limit=1):
        return 0
    head = await store.claim_head(tx, genesis=GENESIS)
    waiting = await store.unsealed(tx, limit=limit)  # as of now: another node may have been first
    place, previous = head.seal, head.hash
    seals = []
    for entry in waiting:
        place += 1
        previous = digest(previous, entry, place)
        seals.append((entry.number, place, previous))
    if seals:
        await store.write_seals(tx, seals)
    return len(seals)


async def head(tx: Tx) -> Head | None:
    """Return the newest place of the chain; ``None``: nothing was ever sealed."""
    return await store.head(tx)


async def verify(tx: Tx, *, after_seal: int = 0, limit: int = AT_ONCE) -> Verified:
    """Follow the chain from the place *after_seal*, whose hash is believed, for *limit* entries."""
    known = await store.head(tx)
    previous = GENESIS if after_seal == 0 else await store.hash_at(tx, after_seal)
    if previous is None:
        return _broken(after_seal - 1, GENESIS, 0, None, "no entry has this seal")
    rows = await store.sealed(tx, after_seal=after_seal, limit=limit)
    place = after_seal
    for checked, entry in enumerate(rows):
        if entry.seal != place + 1:
            return _broken(place, previous, checked, None, "the entry with this seal is missing")
        computed = digest(previous, entry, place + 1)
        if computed != entry.hash:
            return _broken(
                place, previous, checked, entry.number, "the entry is not as it was sealed"
            )
        if known is not None and known.seal == entry.seal and known.hash != computed:
            return _broken(
                place, previous, checked, entry.number, "the head of the chain has another hash"
            )
        place, previous = place + 1, computed
    at_end = len(rows) < limit
    if at_end and (what := await _wrong_end(tx, known, place)):
        return _broken(place, previous, len(rows), None, what)
    return Verified(seal=place, hash=previous, checked=len(rows), at_end=at_end)


async def verify_all(db: Database) -> Verified:
    """Follow the whole chain, a piece in each transaction, so that none is long."""
    found = Verified(seal=0, hash=GENESIS, checked=0, at_end=False)
    checked = 0
    while not found.at_end and found.broken is None:
        async with db.transaction() as tx:
            found = await verify(tx, after_seal=found.seal)
        checked += found.checked
    return Verified(
        seal=found.seal, hash=found.hash, checked=checked, at_end=True, broken=found.broken
    )


async def verify_recent(tx: Tx) -> Verified:
    """Follow the chain for its newest 10,000 entries."""
    seal = max(0, await store.last_seal(tx) - RECENT)
    found = Verified(seal=seal, hash=GENESIS, checked=0, at_end=False)
    while not found.at_end and found.broken is None:
        found = await verify(tx, after_seal=found.seal)
    return found


async def verify_noted(tx: Tx, *, seal: int, hash_: str) -> Broken | None:
    """Tell whether the chain still has, at place *seal*, the hash that was noted outside."""
    found = await store.hash_at(tx, seal)
    if found is None:
        return Broken(seal=seal, number=None, what="the entry that was noted is missing")
    if found != hash_.lower():
        return Broken(seal=seal, number=None, what="the hash is not the one that was noted")
    return None


async def export(db: Database, *, after_seal: int = 0) -> AsyncIterator[dict[str, Any]]:
    """Yield every sealed entry with its hash, in the order of the chain, read in pieces."""
    rows: Sequence[AuditEntry] = ()
    while True:
        async with db.transaction() as tx:
            rows = await store.sealed(tx, after_seal=after_seal, limit=AT_ONCE)
        for entry in rows:
            after_seal = entry.seal or 0
            yield {**content(entry, after_seal), "hash": entry.hash}
        if len(rows) < AT_ONCE:
            return


async def _wrong_end(tx: Tx, known: Head | None, place: int) -> str | None:
    """Return what is wrong if the chain ends at *place*; *known* was the head before it was read.

    Somebody may have sealed meanwhile: only then is it right that the head was behind.
    """
    if known is not None and known.seal > place:
        return f"entries are missing from here to {known.seal}, where the chain ended"
    newest = await store.head(tx)
    if place > (0 if newest is None else newest.seal):
        return "the head of the chain was moved back, or it is missing"
    return None


def _broken(place: int, hash_: str, checked: int, number: int | None, what: str) -> Verified:
    broken = Broken(seal=place + 1, number=number, what=what)
    return Verified(seal=place, hash=hash_, checked=checked, at_end=True, broken=broken)
