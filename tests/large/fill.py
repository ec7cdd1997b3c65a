"""Fill a PostgreSQL database with a lot of charging, by statements alone; the doctor agrees.

A session brings about 74 rows with it: two operations and their steps, commands, messages of its
charger, readings, an order, events and their deliveries, frames and logged requests. Chargers and
partners grow with the sessions. The first partner has two fifths of all, as somebody always has.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg

from tests.large.charging import CHARGING
from tests.large.places import PLACES

ROWS_PER_SESSION: Final = 74
SESSIONS_PER_CHARGER: Final = 60
READINGS: Final = 12
FRAMES: Final = 22
REQUESTS: Final = 6
PARTNERS: Final = 40

STEPS: Final = (*PLACES, *CHARGING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to be."""

    rows: int

    @property
    def sessions(self) -> int:
        return max(self.rows // ROWS_PER_SESSION, 200)

    @property
    def chargers(self) -> int:
        return max(self.sessions // SESSIONS_PER_CHARGER, 20)

    @property
    def stations(self) -> int:
        return max(self.chargers // 4, 5)


async def fill(
    dsn: str, size: Size, *, told: Callable[[str, int, int], None] | None = None
) -> dict[str, int]:
    """Fill a database that has tables and no rows; return how many rows each step wrote.

    Args:
        dsn: For asyncpg; a role that may switch off triggers (foreign keys hold by construction).
        told: Called with title, number and count of the steps, before each.
    """
    figures = {
        "partners": PARTNERS,
        "sessions": size.sessions,
        "chargers": size.chargers,
        "stations": size.stations,
        "readings": READINGS,
        "frames": FRAMES,
        "requests": REQUESTS,
        "backlog": min(2_000, size.sessions // 100),
    }
    written: dict[str, int] = {}
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("SET synchronous_commit = off")
        await connection.execute("SET work_mem = '256MB'")
        for number, step in enumerate(STEPS):
            if told is not None:
                told(step.title, number, len(STEPS))
            sql = re.sub(r"<(\w+)>", lambda found: str(figures[found[1]]), step.sql)
            status = await connection.execute(sql, timeout=3600)
            count = status.rpartition(" ")[2]
            written[step.title] = int(count) if count.isdigit() else 0
        await connection.execute("RESET session_replication_role")
        await connection.execute("VACUUM (ANALYZE, PARALLEL 2)", timeout=3600)
    finally:
        await connection.close()
    return written
