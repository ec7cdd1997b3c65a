"""No statement reads more rows the more there are: each finds an index that leads to what it wants.

The whole of it, on ten million rows, is ``make plans``.
"""

from pathlib import Path

import asyncpg
import pytest

from core.kernel.clock import SystemClock
from migrations import run as migrations
from tests import services
from tests.conftest import _migrate
from tests.large.__main__ import settings_for
from tests.large.drive import drive
from tests.large.fill import Size, fill
from tests.large.judging import findings
from tests.large.plans import Plans
from tests.large.sizes import weights

ROWS = 60_000
READ_AT_MOST = 1_000


@pytest.mark.timeout(300)
async def test_no_statement_reads_more_the_more_rows_there_are(tmp_path: Path) -> None:
    url = services.postgres_url(prepare=_migrate).replace("+asyncpg", "")
    try:
        assert await migrations.current(url) == migrations.head()
        await fill(url, Size(rows=ROWS))
        await _avoid_scans(url)
        plans = Plans(times=1)
        wrong = await drive(
            settings_for(url, tmp_path), SystemClock(), plans, versions=("1.6",), told=print
        )
        sizes = {weight.table: weight.rows for weight in await weights(url)}
        found = [
            f"{plan.where} {what}: {' '.join(plan.sql.split())}"
            for plan, what in findings(plans, sizes=sizes, at_most=READ_AT_MOST)
        ]
    finally:
        services.drop_postgres(url)
    assert sizes["frames"] > 10 * READ_AT_MOST
    assert len(plans.worst) > 400
    assert not wrong
    assert not found


async def _avoid_scans(url: str) -> None:
    """Have tables read from end to end only where no index leads to what is wanted."""
    connection = await asyncpg.connect(url)
    try:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{name}" SET enable_seqscan = off')
    finally:
        await connection.close()
