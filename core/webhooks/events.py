"""Reading events: by number, by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.webhooks import store
from core.webhooks.models import Event
from core.webhooks.types import EventType

_KNOWN: Final = frozenset(EventType)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSlice:
    """Events in the order of ``seq``; go on with *next_seq* as ``after_seq``."""

    rows: Sequence[Event]
    has_more: bool
    next_seq: int


async def list_events(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool,
    after_seq: int = 0,
    type: str | None = None,  # noqa: A002 - the parameter's name on the wire
    limit: int = 50,
) -> EventSlice:
    """Return the events of a partner after a number, the oldest first.

    Whoever reads until the end and then goes on after the last number misses none: a number is
    visible only when all before it are.

    Raises:
        PlatformError: ``invalid_parameter``: no such type.
    """
    if type is not None and type not in _KNOWN:
        raise PlatformError("invalid_parameter", f"type is one of: {' '.join(EventType)}.")
    rows = await store.events_after(
        tx,
        partner_id=partner_id,
        livemode=livemode,
        after_seq=after_seq,
        type_=type,
        limit=limit + 1,
    )
    shown = rows[:limit]
    return EventSlice(
        rows=shown,
        has_more=len(rows) > limit,
        next_seq=shown[-1].seq if shown else after_seq,
    )


async def get_event(
    tx: Tx, event_id: str, *, partner_id: str | None, livemode: bool | None
) -> Event:
    """Return an event; operators look without partner and mode.

    Raises:
        PlatformError: ``not_found``.
    """
    event = await store.event(tx, event_id, partner_id=partner_id, livemode=livemode)
    if event is None:
        raise not_found("event")
    return event
