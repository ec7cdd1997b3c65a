"""SQL of security events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from core.chargers.security_models import SecurityEvent, security_events
from core.kernel.db import Tx

DELETED_AT_ONCE = 5_000
LOOKED_AT = 10_000
"""Events, for those of one type, which no index leads to."""


async def add(tx: Tx, **values: Any) -> SecurityEvent:
    statement = insert(security_events).values(received_at=tx.now, **values)
    return await tx.one(statement.returning(security_events), SecurityEvent)


async def newest(
    tx: Tx,
    *,
    charger_id: str | None,
    critical: bool | None,
    type_: str | None,
    before_number: int | None,
    limit: int,
) -> Sequence[SecurityEvent]:
    table = security_events.c
    statement = select(security_events).order_by(table.number.desc())
    if charger_id is not None:
        statement = statement.where(table.charger_id == charger_id)
    if critical is not None:
        statement = statement.where(table.critical if critical else ~table.critical)
    if before_number is not None:
        statement = statement.where(table.number < before_number)
    if type_ is None:
        return await tx.all(statement.limit(limit), SecurityEvent)
    window = statement.limit(LOOKED_AT).subquery()
    of_type = select(window).where(window.c.type == type_).order_by(window.c.number.desc())
    return await tx.all(of_type.limit(limit), SecurityEvent)


async def delete_older(tx: Tx, before: datetime) -> int:
    table = security_events.c
    old = select(table.number).where(table.received_at < before)
    old = old.order_by(table.received_at).limit(DELETED_AT_ONCE)
    return await tx.execute(delete(security_events).where(table.number.in_(old)))
