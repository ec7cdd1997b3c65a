"""SQL of tariffs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from core.kernel.db import Tx
from core.tariffs.models import Tariff, tariffs


async def add(tx: Tx, **values: Any) -> Tariff:
    return await tx.one(insert(tariffs).values(**values).returning(tariffs), Tariff)


async def by_id(tx: Tx, tariff_id: str) -> Tariff | None:
    return await tx.one_or_none(select(tariffs).where(tariffs.c.id == tariff_id), Tariff)


async def valid(tx: Tx, station_id: str | None, at: datetime) -> Tariff | None:
    """Return the version of a station (or, with ``None``, of the platform) that holds at *at*."""
    statement = (
        select(tariffs)
        .where(
            tariffs.c.station_id.is_(None)
            if station_id is None
            else tariffs.c.station_id == station_id,
            tariffs.c.valid_from <= at,
        )
        .order_by(tariffs.c.valid_from.desc(), tariffs.c.number.desc())
        .limit(1)
    )
    found = await tx.all(statement, Tariff)
    return found[0] if found else None


async def begun(tx: Tx) -> Tariff | None:
    """Return the oldest version that holds by now and is not shown by stations yet."""
    statement = (
        select(tariffs)
        .where(~tariffs.c.shown, tariffs.c.valid_from <= tx.now)
        .order_by(tariffs.c.valid_from, tariffs.c.number)
        .limit(1)
    )
    return await tx.one_or_none(statement, Tariff)


async def note_shown(tx: Tx, tariff_id: str) -> bool:
    """Note that stations show a version; false if another worker did."""
    statement = update(tariffs).where(tariffs.c.id == tariff_id, ~tariffs.c.shown)
    return await tx.execute(statement.values(shown=True)) > 0


async def newest(
    tx: Tx, *, station_id: str | None, before_number: int | None, limit: int
) -> Sequence[Tariff]:
    statement = select(tariffs).order_by(tariffs.c.number.desc()).limit(limit)
    if station_id is not None:
        statement = statement.where(tariffs.c.station_id == station_id)
    if before_number is not None:
        statement = statement.where(tariffs.c.number < before_number)
    return await tx.all(statement, Tariff)
