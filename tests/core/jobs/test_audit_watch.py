"""An audit trail that somebody changed outside of the platform is an alert."""

import pytest
from sqlalchemy import text

from core.alerts import handling
from core.alerts.kinds import AlertKind
from core.audit import chain
from core.audit import service as audit
from core.audit.service import CLI
from core.jobs import audit_watch
from core.kernel.db import Database
from core.kernel.page import Page


@pytest.fixture
def backend() -> str:
    return "sqlite"


async def test_a_changed_entry_is_a_critical_alert_and_a_sound_trail_is_none(db: Database) -> None:
    await audit_watch.look(db)
    for number in range(1, 4):
        async with db.transaction() as tx:
            await audit.record(tx, CLI, "thing.done", f"thing_{number}")
    await chain.seal_all(db)
    await audit_watch.look(db)
    async with db.transaction() as tx:
        assert (await handling.list_alerts(tx, Page())).rows == []
        for name in await tx.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")):
            await tx.execute(text(f"DROP TRIGGER {name}"))
        await tx.execute(text("UPDATE audit_entries SET action = 'nothing.done' WHERE number = 2"))
    for _ in range(2):
        await audit_watch.look(db)
    async with db.transaction() as tx:
        (alert,) = (await handling.list_alerts(tx, Page())).rows
    assert (alert.kind, alert.severity, alert.count) == (
        AlertKind.AUDIT_CHAIN_BROKEN,
        "critical",
        2,
    )
    assert (alert.facts["seal"], alert.facts["number"]) == (2, 2)
