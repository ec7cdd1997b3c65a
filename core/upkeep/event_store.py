"""SQL of charger events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from core.kernel.db import Tx, upsert
from core.upkeep.event_models import ChargerEvent, charger_events

_ADDED_AT_ONCE = 500
_DELETED_AT_ONCE = 5_000


async def add_new(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Add the events of a charger that are not there yet; return the keys of the new ones."""
    new: set[str] = set()
    for start in range(0, len(rows), _ADDED_AT_ONCE):
        statement = upsert(tx, charger_events).values(rows[start : start + _ADDED_AT_ONCE])
        statement = statement.on_conflict_do_nothing().returning(charger_events.c.key)
        new.update(await tx.scalars(statement))
    return frozenset(new)


async def newest(
    tx: Tx,
    *,
    charger_id: str | None,
    max_severity: int | None,
    component: str | None,
    before_number: int | None,
    limit: int,
) -> Sequence[ChargerEvent]:
    table = charger_events
    statement = select(table)
    if charger_id is not None:
        statement = statement.where(table.c.charger_id == charger_id)
    if max_severity is not None:
        statement = statement.where(table.c.severity <= max_severity)
    if component is not None:
        statement = statement.where(table.c.component == component)
    if before_number is not None:
        statement = statement.where(table.c.number < before_number)
    return await tx.all(statement.order_by(table.c.number.desc()).limit(limit), ChargerEvent)


async def delete_older(tx: Tx, before: datetime) -> int:
    table = charger_events
    old = select(table.c.number).where(table.c.received_at < before).limit(_DELETED_AT_ONCE)
    return await tx.execute(delete(table).where(table.c.number.in_(old)))
