"""A row is changed by its key, whatever else is asked of it."""

import pytest

from core.commands.models import commands
from core.kernel import rows
from core.kernel.db import Database
from core.kernel.queries import filled


async def test_a_guarded_row_is_found_by_its_key_however_little_an_index_seems_to_hold(
    db: Database,
) -> None:
    """PostgreSQL keeps a plan: one by what is queued would read all of it in a storm."""
    if not db.is_shared:
        pytest.skip("SQLite takes a unique key first")
    prepared = rows._update(commands, (("status", False),), state=("status", ("queued",)))
    statement = filled(prepared, {"of_id": "cmd_1", "status": "sent"})
    async with db.transaction() as tx:
        _, sql, arguments = statement.render(db._statements)
        plan, _ = await tx._connection.fetch(f"EXPLAIN {sql}", arguments)
    scans = [row[0].strip(" ->") for row in plan if "Scan" in row[0]]
    assert [scan.partition("  (")[0] for scan in scans] == [
        "Index Scan using uq_commands_id on commands"
    ]
