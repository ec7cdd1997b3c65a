"""SQLite finds what it wants by index in every table that grows with what is charged."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

from core.kernel.clock import SystemClock
from core.kernel.db import metadata
from core.kernel.engine_sqlite import SqliteConnection
from migrations import run as migrations
from tests.large.__main__ import settings_for
from tests.large.drive import drive
from tests.large.plans import Plans

GROWING: Final = (
    "audit_entries",
    "commands",
    "deliveries",
    "delivery_attempts",
    "events",
    "frames",
    "meter_values",
    "operation_steps",
    "operations",
    "order_versions",
    "orders",
    "request_logs",
    "sessions",
    "transaction_messages",
)
_SCAN: Final = re.compile(rf"SCAN ({'|'.join(GROWING)})$")
_FROM_AN_END: Final = re.compile(r"ORDER BY (\w+)\.number( DESC)?\s+LIMIT \?")
"""What is read in the order of its rows, as far as it is wanted."""


@pytest.mark.timeout(300)
async def test_no_statement_reads_a_table_that_grows_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(GROWING) <= set(metadata.tables)
    seen: dict[str, str] = {}
    usual = SqliteConnection._run

    def explained(self: SqliteConnection, sql: str, arguments: Sequence[Any]) -> Any:
        if sql not in seen and sql.startswith(("SELECT", "UPDATE", "DELETE")) and not _is_ours():
            plan = self.raw.execute(f"EXPLAIN QUERY PLAN {sql}", arguments).fetchall()
            seen[sql] = "\n".join(row[3] for row in plan)
        return usual(self, sql, arguments)

    monkeypatch.setattr(SqliteConnection, "_run", explained)
    url = f"sqlite+aiosqlite:///{tmp_path / 'plans.db'}"
    await migrations.upgrade(url)
    wrong = await drive(
        settings_for(url, tmp_path), SystemClock(), Plans(times=1), versions=("1.6",), told=print
    )
    assert not wrong
    assert len(seen) > 400
    assert [
        f"{plan}: {' '.join(sql.split())}"
        for sql, plan in seen.items()
        if any(_SCAN.match(line) for line in plan.splitlines()) and not _FROM_AN_END.search(sql)
    ] == []


def _is_ours() -> bool:
    """Tell whether the statement is one of the tests', or of the doctor, who does read it all."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith(("core.", "csms.", "partner_api.", "ops.")) and "kernel" not in name:
            return bool(name.startswith("core.doctor"))
        frame = frame.f_back
    return True
