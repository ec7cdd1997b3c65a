"""Endpoints that want the events of a session one after the other (``ordering: "session"``).

A delivery to such an endpoint has a place: the session and the number of the event. While one with
a lower number is unfinished, it is not claimed: the statement that claims decides that, whatever
other workers do. Those that have to wait are put off (*parked*) until the one they wait for is due,
so that they are not looked at again and again; whoever finishes it calls the next.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, bindparam, literal_column, select, update

from core.kernel.db import Tx, UtcDateTime
from core.kernel.given import is_selected
from core.webhooks.models import deliveries
from core.webhooks.outbox import IS_DUE, IS_STILL_DUE, Claim, load
from core.webhooks.schedule import OPERATION_PREFIX

LOOKED_AT: Final = 200
"""Due deliveries of one look; a claim takes some looks if most of them have to wait."""

LOOKS: Final = 10
UNPARKED_AT_ONCE: Final = 10_000

_earlier: Final = deliveries.alias("earlier")
_IS_EARLIER: Final[ColumnElement[bool]] = (
    (_earlier.c.endpoint_id == deliveries.c.endpoint_id)
    & (_earlier.c.order_key == deliveries.c.order_key)
    & (_earlier.c.status == literal_column("'due'"))
    & (_earlier.c.order_seq < deliveries.c.order_seq)
)
_IS_FIRST: Final = ~select(_earlier.c.id).where(_IS_EARLIER).exists()


class Ordering(StrEnum):
    """What an endpoint is promised about the order of what it gets."""

    NONE = "none"
    SESSION = "session"


class Place(NamedTuple):
    """The session (or the operation, while it has none) and the number of an event."""

    key: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    id: str
    waits_until: datetime | None


def place(
    ordering: str, *, type_: str, object_id: str, session_id: str | None, seq: int
) -> Place | None:
    """Return the place of an event at an endpoint; ``None``: it waits for nothing."""
    if ordering != Ordering.SESSION:
        return None
    key = session_id or (object_id if type_.startswith(OPERATION_PREFIX) else None)
    return None if key is None else Place(key, seq)


async def claim(tx: Tx, endpoint_id: str, *, limit: int, lease: datetime) -> Sequence[Claim]:
    """Take up to *limit* due deliveries of an endpoint, of each session the first alone."""
    taken: list[str] = []
    for _ in range(LOOKS):
        found = await _look(tx, endpoint_id)
        free = [row.id for row in found if row.waits_until is None]
        waiting = {row.id: row.waits_until for row in found if row.waits_until is not None}
        taken += await _take(tx, free[: limit - len(taken)], lease=lease)
        await _park(tx, {id_: max(until, lease) for id_, until in waiting.items()})
        if not waiting or len(found) < LOOKED_AT or len(taken) >= limit:
            break
    return await load(tx, taken)


async def call_next(tx: Tx, endpoint_id: str, keys: Collection[str]) -> None:
    """Have the next delivery of each of these sessions attempted now, if it was put off."""
    statement = (
        update(deliveries)
        .where(
            deliveries.c.endpoint_id == endpoint_id,
            deliveries.c.order_key.in_(sorted(keys)),
            IS_DUE,
            deliveries.c.parked,
            _IS_FIRST,
        )
        .values(due_at=tx.now, parked=False)
    )
    await tx.execute(statement)


async def join_session(
    tx: Tx, endpoint_ids: Sequence[str], *, operation_id: str, session_id: str
) -> None:
    """Give what still waits of an operation its place in the session that came of it."""
    statement = (
        update(deliveries)
        .where(
            deliveries.c.endpoint_id.in_(endpoint_ids),
            deliveries.c.order_key == operation_id,
            IS_DUE,
        )
        .values(order_key=session_id)
    )
    await tx.execute(statement)


async def unpark(tx: Tx, endpoint_id: str) -> None:
    """Have what was put off attempted now: the endpoint wants no order any more."""
    parked = (
        select(deliveries.c.id)
        .where(
            deliveries.c.endpoint_id == endpoint_id,
            deliveries.c.order_key.is_not(None),
            IS_DUE,
            deliveries.c.parked,
        )
        .limit(UNPARKED_AT_ONCE)
    )
    statement = update(deliveries).where(is_selected(tx, deliveries.c.id, parked), IS_STILL_DUE)
    await tx.execute(statement.values(due_at=tx.now, parked=False))


async def _look(tx: Tx, endpoint_id: str) -> Sequence[_Looked]:
    """Return the longest due, and until when the first unfinished one before each waits."""
    first = (
        select(_earlier.c.due_at)
        .where(_IS_EARLIER)
        .order_by(_earlier.c.order_seq)
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(deliveries.c.id, first.label("waits_until"))
        .where(deliveries.c.endpoint_id == endpoint_id, IS_DUE, deliveries.c.due_at <= tx.now)
        .order_by(deliveries.c.due_at, deliveries.c.id)
        .limit(LOOKED_AT)
    )
    return await tx.all(statement, _Looked)


async def _take(tx: Tx, delivery_ids: Sequence[str], *, lease: datetime) -> Sequence[str]:
    if not delivery_ids:
        return ()
    statement = (
        update(deliveries)
        .where(
            deliveries.c.id.in_(delivery_ids),
            IS_STILL_DUE,
            deliveries.c.due_at <= tx.now,
            _IS_FIRST,
        )
        .values(due_at=lease, parked=False)
        .returning(deliveries.c.id)
    )
    return await tx.scalars(statement)


async def _park(tx: Tx, until: dict[str, datetime]) -> None:
    statement = (
        update(deliveries)
        .where(
            deliveries.c.id == bindparam("delivery"), IS_STILL_DUE, deliveries.c.due_at <= tx.now
        )
        .values(due_at=bindparam("until", type_=UtcDateTime), parked=True)
    )
    rows = [{"delivery": id_, "until": at} for id_, at in sorted(until.items())]
    await tx.execute(statement, rows)
