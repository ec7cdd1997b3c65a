"""SQLite finds sessions by index: what it reads does not grow with all that ever charged.

Of PostgreSQL ``tests/large`` looks at every statement.
"""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from core.kernel.db import Database
from core.kernel.queries import Filled
from core.sessions import reading_store, store
from tests.core.sessions.conftest import Bench

AT = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (store._current("con_1"), "uq_sessions_current (connector_id=?)"),
        (store._orphans("cp_1", AT), "ix_sessions_orphans (charger_id=? AND ended_at>?)"),
        (store._open_of_charger("cp_1"), "ix_sessions_open (charger_id=?)"),
        (store._ended_since("con_1", AT), "ix_sessions_over (over_updated_at>?)"),
    ],
    ids=["current", "orphans", "open", "ended"],
)
async def test_sessions_are_found_by_index(db: Database, statement: Filled, index: str) -> None:
    if db.is_shared:
        pytest.skip("of PostgreSQL tests/large tells")
    _, sql, arguments = statement.render(db._statements)
    numbers = iter(range(len(arguments)))
    named = re.sub(r"\?", lambda _: f":v{next(numbers)}", sql)
    explain = text(f"EXPLAIN QUERY PLAN {named}")
    values = {f"v{n}": value for n, value in enumerate(arguments)}
    async with db.transaction() as tx:
        plan = await tx.all(explain.bindparams(**values))
    assert [row.detail for row in plan if row.detail.startswith(("SCAN", "SEARCH"))] == [
        f"SEARCH sessions USING INDEX {index}"
    ]


async def test_rows_that_are_given_are_looked_up_by_index_in_a_table_that_was_never_analyzed(
    bench: Bench,
) -> None:
    db = bench.db
    if not db.is_shared:
        pytest.skip("SQLite counts no rows when it plans")
    await bench.start("CARD")
    async with db.transaction() as tx:
        _, sql, arguments = reading_store._metered(tx, [("cp_1", "1")]).render(db._statements)
        rows, _ = await tx._connection.fetch(f"EXPLAIN {sql}", arguments)
    plan = "\n".join(row[0] for row in rows)
    assert "on sessions" in plan
    assert "Seq Scan" not in plan
