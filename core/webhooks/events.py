"""Reading events: by number, by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.webhooks import store
from core.webhooks.models import Event
from core.webhooks.store import LONGEST_TRANSACTION
from core.webhooks.types import EventType
from core.webhooks.wanted import ALL, Wanted

MAX_EXAMINED: Final = 50_000
"""Events that one call looks at, where no index leads to those that fit."""

_KNOWN: Final = frozenset(EventType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The numbers after *begin* up to *end*; with *has_more* what is wanted may come after it."""

    begin: int
    end: int
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSlice:
    """Events in the order of ``seq``; go on with *next_seq* as ``after_seq``.

    *oldest_seq*: no event from this number on has been deleted.
    """

    rows: Sequence[Event]
    has_more: bool
    next_seq: int
    oldest_seq: int


async def list_events(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool,
    after_seq: int = 0,
    wanted: Wanted = ALL,
    limit: int = 50,
) -> EventSlice:
    """Return the events of a partner after a number, the oldest first.

    Whoever reads until the end and then goes on after the last number misses none: a number is
    visible only when all before it are, and a number below what is kept is refused. 0 means: from
    the oldest that is kept. Where no index leads to what is wanted, 50,000 events are looked at: a
    page may be empty and have more behind it.

    Raises:
        PlatformError: ``events_expired``; ``invalid_parameter``: no such type.
    """
    if wanted.types is not None and not _KNOWN.issuperset(wanted.types):
        raise PlatformError("invalid_parameter", f"type is one of: {' '.join(EventType)}.")
    # Read before the events: all up to its end are among them, or do not fit. So whoever waits for
    # what seldom happens is not left behind what is deleted meanwhile.
    part = None if wanted == ALL else await part_of(tx, partner_id, wanted, after_seq=after_seq)
    rows = await store.events_after(
        tx,
        partner_id=partner_id,
        livemode=livemode,
        after_seq=after_seq if part is None else part.begin,
        until_seq=None if part is None else part.end,
        wanted=wanted,
        limit=limit + 1,
    )
    shown = rows[:limit]
    is_cut = len(rows) > limit
    # Read after them: what was deleted meanwhile is not passed over in silence.
    oldest_seq = await require_kept(tx, partner_id=partner_id, livemode=livemode, after=after_seq)
    last = shown[-1].seq if shown else max(after_seq, oldest_seq - 1)
    return EventSlice(
        rows=shown,
        has_more=is_cut or (part is not None and part.has_more),
        next_seq=last if is_cut or part is None else max(last, part.end),
        oldest_seq=oldest_seq,
    )


async def follow(tx: Tx, *, partner_id: str, livemode: bool, after: int, limit: int) -> list[Event]:
    """Return the next events after number *after*, for a stream.

    Raises:
        PlatformError: ``events_expired``.
    """
    rows = await store.events_after(
        tx,
        partner_id=partner_id,
        livemode=livemode,
        after_seq=after,
        until_seq=None,
        wanted=ALL,
        limit=limit,
    )
    if rows:
        await require_kept(tx, partner_id=partner_id, livemode=livemode, after=after)
    return list(rows)


async def require_kept(tx: Tx, *, partner_id: str, livemode: bool, after: int) -> int:
    """Return the number from which on every event is kept.

    Raises:
        PlatformError: ``events_expired``: events after number *after* (not 0) are deleted.
    """
    deleted = await store.deleted_until(tx, partner_id, livemode=livemode)
    if 0 < after < deleted:
        raise PlatformError(
            "events_expired",
            f"Events after {after} have been deleted; all after {deleted} are kept. Read what has "
            "changed from the lists of operations, sessions and orders with updated_from, then go "
            f"on with after_seq={deleted}.",
            oldest_seq=deleted + 1,
        )
    return deleted + 1


async def get_event(
    tx: Tx, event_id: str, *, partner_id: str | None, livemode: bool | None, keep: bool = False
) -> Event:
    """Return an event; operators look without partner and mode.

    Args:
        keep: It is to be sent, so it may not be deleted meanwhile.

    Raises:
        PlatformError: ``not_found``.
    """
    event = await store.event(tx, event_id, partner_id=partner_id, livemode=livemode, keep=keep)
    if event is None:
        raise not_found("event")
    return event


async def part_of(tx: Tx, partner_id: str, wanted: Wanted, *, after_seq: int) -> Part:
    """Return the run of numbers to look for *wanted* in: not more than one call should read."""
    begin, end = after_seq, await store.newest_seq(tx, partner_id)
    if wanted.is_narrow:
        return Part(begin=begin, end=end, has_more=False)
    if wanted.since is not None:
        begin = max(begin, await store.seq_before(tx, partner_id, wanted.since))
    if wanted.until is not None:
        later = wanted.until + 2 * LONGEST_TRANSACTION
        end = min(end, await store.seq_before(tx, partner_id, later))
    last = min(end, begin + MAX_EXAMINED)
    return Part(begin=begin, end=max(last, after_seq), has_more=last < end)
