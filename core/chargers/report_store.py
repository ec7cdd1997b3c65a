"""SQL of the progress of reports. Every change of the table is in this file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update

from core.chargers.report_models import Report, reports
from core.kernel.db import Tx
from core.kernel.rows import insert_once


async def add(tx: Tx, **values: Any) -> Report | None:
    """Insert; ``None`` if the charger has a report of that request already."""
    return await insert_once(
        tx, reports, Report, parts=0, variables=0, gaps=0, created_at=tx.now, **values
    )


async def by_request(tx: Tx, charger_id: str, request: int) -> Report | None:
    statement = select(reports).where(
        reports.c.charger_id == charger_id, reports.c.request == request
    )
    return await tx.one_or_none(statement, Report)


async def by_id(tx: Tx, report_id: str) -> Report | None:
    return await tx.one_or_none(select(reports).where(reports.c.id == report_id), Report)


async def change(tx: Tx, report_id: str, **values: Any) -> None:
    await tx.execute(update(reports).where(reports.c.id == report_id).values(**values))


async def newest(
    tx: Tx, charger_id: str, *, before_number: int | None, limit: int
) -> Sequence[Report]:
    statement = (
        select(reports)
        .where(reports.c.charger_id == charger_id)
        .order_by(reports.c.number.desc())
        .limit(limit)
    )
    if before_number is not None:
        statement = statement.where(reports.c.number < before_number)
    return await tx.all(statement, Report)


async def keep_newest(tx: Tx, charger_id: str, count: int) -> None:
    """Delete all but the newest *count* of a charger."""
    kept = (
        select(reports.c.number)
        .where(reports.c.charger_id == charger_id)
        .order_by(reports.c.number.desc())
        .limit(count)
    )
    await tx.execute(
        delete(reports).where(reports.c.charger_id == charger_id, reports.c.number.not_in(kept))
    )
