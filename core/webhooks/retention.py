"""Old events are deleted, a partner's oldest first, and never one that is still to be delivered.

What is kept of a partner is one run of numbers up to the newest. So the last number that is gone
says all about what a reader has missed.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from sqlalchemy import case, delete, select

from core.kernel.db import Database, Tx, upsert
from core.kernel.metrics import EVENTS_DELETED
from core.partners.models import partners
from core.webhooks.models import (
    attempts,
    deleted_events,
    deliveries,
    events,
    object_sequences,
)
from core.webhooks.states import DeliveryStatus
from core.webhooks.types import OWN_SEQUENCE

BATCH: Final = 500
"""Events of one transaction: whoever sends one of them again waits for a tenth of a second."""

BATCHES: Final = 40
"""Of one pass; what is left is the next one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Old:
    id: str
    seq: int
    livemode: bool
    type: str
    object_id: str
    object_sequence: int
    created_at: datetime


async def delete_old(db: Database, *, kept: timedelta) -> int:
    """Delete events older than *kept* with their deliveries and attempts; return how many events.

    Each batch is a transaction of its own. Whoever dies in between, or does it twice at a time,
    leaves nothing half done.
    """
    async with db.transaction() as tx:
        before = tx.now - kept
        waiting = list(await _partners_with_old(tx, before))
    count = 0
    for _ in range(BATCHES):
        if not waiting:
            break
        async with db.transaction() as tx:
            deleted = await delete_batch(tx, waiting[0], before=before)
        EVENTS_DELETED.inc(deleted)
        count += deleted
        if deleted < BATCH:
            waiting.pop(0)
    return count


async def delete_batch(tx: Tx, partner_id: str, *, before: datetime, limit: int = BATCH) -> int:
    """Delete up to *limit* of a partner's oldest events; return how many."""
    oldest = await _oldest(tx, partner_id, limit=limit)
    # Whoever queues one of them again holds its row, or waits for us: so this sees all that waits.
    unfinished = set(await _unfinished(tx, [event.id for event in oldest]))
    old = list(
        takewhile(lambda event: event.created_at < before and event.id not in unfinished, oldest)
    )
    if not old:
        return 0
    ids = [event.id for event in old]
    of_events = select(deliveries.c.id).where(deliveries.c.event_id.in_(ids))
    await tx.execute(delete(attempts).where(attempts.c.delivery_id.in_(of_events)))
    await tx.execute(delete(deliveries).where(deliveries.c.event_id.in_(ids)))
    await tx.execute(delete(events).where(events.c.id.in_(ids)))
    await _remember_sequences(tx, old)
    await _remember_deleted(tx, partner_id, old)
    return len(old)


async def _partners_with_old(tx: Tx, before: datetime) -> Sequence[str]:
    """Return the partners whose oldest event is old: one probe of an index for each partner."""
    oldest = (
        select(events.c.created_at)
        .where(events.c.partner_id == partners.c.id)
        .order_by(events.c.seq)
        .limit(1)
        .scalar_subquery()
    )
    return await tx.scalars(select(partners.c.id).where(oldest < before).order_by(partners.c.id))


async def _oldest(tx: Tx, partner_id: str, *, limit: int) -> Sequence[_Old]:
    columns = [events.c[name] for name in _Old.__dataclass_fields__]
    statement = (
        select(*columns)
        .where(events.c.partner_id == partner_id)
        .order_by(events.c.seq)
        .limit(limit)
        .with_for_update()
    )
    return await tx.all(statement, _Old)


async def _unfinished(tx: Tx, event_ids: Sequence[str]) -> Sequence[str]:
    statement = select(deliveries.c.event_id).where(
        deliveries.c.event_id.in_(event_ids), deliveries.c.status == DeliveryStatus.DUE
    )
    return await tx.scalars(statement)


async def _remember_sequences(tx: Tx, old: Sequence[_Old]) -> None:
    """Keep the highest sequence of objects that we count, so that their next one is higher."""
    newest: Counter[str] = Counter()
    for event in old:
        if event.type.startswith(OWN_SEQUENCE):
            continue
        newest[event.object_id] = max(newest[event.object_id], event.object_sequence)
    statement = upsert(tx, object_sequences)
    for object_id, sequence in sorted(newest.items()):
        await tx.execute(
            statement.values(object_id=object_id, sequence=sequence).on_conflict_do_update(
                index_elements=[object_sequences.c.object_id],
                set_={"sequence": statement.excluded.sequence},
                where=object_sequences.c.sequence < statement.excluded.sequence,
            )
        )


async def _remember_deleted(tx: Tx, partner_id: str, old: Sequence[_Old]) -> None:
    modes: defaultdict[bool, list[_Old]] = defaultdict(list)
    for event in old:
        modes[event.livemode].append(event)
    statement = upsert(tx, deleted_events)
    for livemode, found in sorted(modes.items()):
        deleted = statement.values(
            partner_id=partner_id,
            livemode=livemode,
            seq=max(event.seq for event in found),
            until=max(event.created_at for event in found),
        )
        # Times follow the numbers only roughly: a transaction's number is given at its end.
        before, later = deleted_events.c.until, deleted.excluded.until
        await tx.execute(
            deleted.on_conflict_do_update(
                index_elements=[deleted_events.c.partner_id, deleted_events.c.livemode],
                set_={
                    "seq": deleted.excluded.seq,
                    "until": case((before > later, before), else_=later),
                },
            )
        )
