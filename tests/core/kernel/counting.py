"""What works do in tests: count in a counter of the database."""

from core.chargers import connector_store
from core.kernel.db import Database, Tx


async def count_up(tx: Tx, name: str, by: int = 1) -> int:
    return await connector_store.next_numbers(tx, name, by)


async def total(db: Database, name: str) -> int:
    async with db.transaction() as tx:
        return await connector_store.last_number(tx, name)
