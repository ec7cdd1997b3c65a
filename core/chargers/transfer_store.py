"""SQL of data transfers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from core.chargers.transfer_models import DataTransfer, data_transfers
from core.kernel.db import Tx

DELETED_AT_ONCE = 5_000


async def add(tx: Tx, **values: Any) -> DataTransfer:
    statement = insert(data_transfers).values(at=tx.now, **values).returning(data_transfers)
    return await tx.one(statement, DataTransfer)


async def search(
    tx: Tx,
    *,
    charger_id: str | None,
    vendor_id: str | None,
    direction: str | None,
    before_number: int | None,
    limit: int,
) -> Sequence[DataTransfer]:
    statement = select(data_transfers).order_by(data_transfers.c.number.desc()).limit(limit)
    wanted = {"charger_id": charger_id, "vendor_id": vendor_id, "direction": direction}
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(data_transfers.c[name] == value)
    if before_number is not None:
        statement = statement.where(data_transfers.c.number < before_number)
    return await tx.all(statement, DataTransfer)


async def keep_newest(tx: Tx, charger_id: str, *, keep: int) -> None:
    of_charger = data_transfers.c.charger_id == charger_id
    newest = select(data_transfers.c.number).where(of_charger)
    oldest_kept = newest.order_by(data_transfers.c.number.desc()).offset(keep - 1).limit(1)
    number = await tx.scalar(oldest_kept)
    if number is not None:
        old = of_charger & (data_transfers.c.number < number)
        await tx.execute(delete(data_transfers).where(old))


async def delete_older(tx: Tx, *, before: datetime) -> int:
    old = select(data_transfers.c.number).where(data_transfers.c.at < before)
    statement = delete(data_transfers).where(
        data_transfers.c.number.in_(old.limit(DELETED_AT_ONCE))
    )
    return await tx.execute(statement)
