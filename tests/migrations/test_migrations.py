"""The migrations build, from nothing, exactly the tables that the code knows."""

import json
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text

from core.kernel.clock import SystemClock
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from migrations import run
from tests import services


@pytest.fixture
def empty_url(backend: str, tmp_path: Path) -> str:
    """An empty database without any table."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return services.postgres_url()


async def test_upgrade_from_empty_matches_the_code(empty_url: str) -> None:
    assert await run.current(empty_url) is None

    before, after = await run.upgrade(empty_url)

    assert (before, after) == (None, run.head())
    assert await run.current(empty_url) == run.head()
    await run.check(empty_url)


async def test_upgrade_of_what_is_current_changes_nothing(empty_url: str) -> None:
    await run.upgrade(empty_url)

    assert await run.upgrade(empty_url) == (run.head(), run.head())


async def test_the_unique_rules_of_operations_are_there(empty_url: str) -> None:
    """Partial indexes are what autogenerate compares least; they decide races (I9)."""
    await run.upgrade(empty_url)
    catalogue = (
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if "sqlite" in empty_url
        else "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    async with (
        Database(empty_url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db,
        db.transaction() as tx,
    ):
        indexes = await tx.scalars(text(catalogue))

    partial = [index for index in indexes if " WHERE " in index and "UNIQUE" in index]
    named = " ".join(partial)
    for name in ("uq_operations_unfinished_start", "uq_reservations_open", "uq_sessions_current"):
        assert name in named


async def test_documents_of_before_are_there_after_their_columns_changed(empty_url: str) -> None:
    """0021 writes tables anew, one with partitions among them."""
    document = '{"b": [1.50, null], "a": "\u00fc"}'
    await run.upgrade(empty_url)
    reading = (
        "INSERT INTO meter_values (session_id, at, received_at, accepted, flags, samples) VALUES"
        " ('ses_1', now(), now(), true, '[]', CAST(:document AS jsonb))"
        if "postgresql" in empty_url
        else "INSERT INTO meter_values (session_id, at, received_at, accepted, flags, samples)"
        " VALUES ('ses_1', '2026-11-30', '2026-11-30', 1, '[]', :document)"
    )

    def there_and_back(connection: Connection) -> str:
        command.downgrade(run.config(connection), "0020")
        connection.execute(text(reading), {"document": document})
        command.upgrade(run.config(connection), "head")
        found: str = connection.execute(
            text("SELECT CAST(samples AS text) FROM meter_values")
        ).scalar_one()
        return found

    assert json.loads(await run.on_connection(empty_url, there_and_back)) == json.loads(document)
    await run.check(empty_url)
