"""How large the tables of a PostgreSQL database are, partitions counted with their tables."""

from dataclasses import dataclass
from typing import Final

import asyncpg

_SIZES: Final = """
    SELECT coalesce(parent.relname, c.relname) AS name,
        sum(greatest(c.reltuples, 0))::bigint AS rows,
        sum(pg_table_size(c.oid))::bigint AS table_bytes,
        sum(pg_indexes_size(c.oid))::bigint AS index_bytes
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    LEFT JOIN pg_class parent ON parent.oid = i.inhparent
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    GROUP BY 1 ORDER BY sum(pg_total_relation_size(c.oid)) DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A table: its rows as the last ANALYZE counted them, its bytes with TOAST and indexes."""

    table: str
    rows: int
    table_bytes: int
    index_bytes: int

    @property
    def bytes(self) -> int:
        return self.table_bytes + self.index_bytes

    @property
    def bytes_a_row(self) -> float:
        return self.bytes / max(self.rows, 1)

    @property
    def index_bytes_a_row(self) -> float:
        return self.index_bytes / max(self.rows, 1)


async def weights(dsn: str) -> list[Weight]:
    """Return every table with rows, the largest first."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_SIZES)
    finally:
        await connection.close()
    return [
        Weight(
            table=row["name"],
            rows=row["rows"],
            table_bytes=row["table_bytes"],
            index_bytes=row["index_bytes"],
        )
        for row in rows
        if row["rows"] > 0
    ]
