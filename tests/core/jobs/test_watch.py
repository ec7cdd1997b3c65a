"""Jobs that fail again and again are alerts until they succeed."""

import asyncio
from contextlib import suppress

import pytest

from core.alerts import handling
from core.alerts.kinds import AlertKind
from core.alerts.models import Alert
from core.alerts.states import AlertStatus, Severity
from core.jobs.runner import Job, running
from core.jobs.watch import Streaks, tell
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable
from core.kernel.page import Page


@pytest.fixture
def backend() -> str:
    return "sqlite"


async def alerts(db: Database) -> list[Alert]:
    async with db.transaction() as tx:
        return list((await handling.list_alerts(tx, Page(), kind=AlertKind.JOB_FAILING)).rows)


class Broken:
    """A job that does what it is told, at the passes of a clock that never waits."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)
        self.done = asyncio.Event()

    async def __call__(self) -> None:
        if not self.ends:
            self.done.set()
            await asyncio.Event().wait()
        end = self.ends.pop(0)
        if end is not None:
            raise end


class NoWait(ShiftedClock):
    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(0)


async def passed(job: Broken, streaks: Streaks) -> None:
    jobs = [Job(name="sweep", every_s=1, work=job)]
    async with running(jobs, NoWait(), streaks):
        await asyncio.wait_for(job.done.wait(), 10)


async def told(db: Database, streaks: Streaks, *, node: str = "node-a") -> None:
    await tell(db, streaks, node_id=node, limit=3)


async def test_the_third_failure_in_a_row_is_an_alert_without_what_the_error_said(
    db: Database,
) -> None:
    streaks = Streaks()
    await passed(Broken(*[ValueError("a secret")] * 2), streaks)
    await told(db, streaks)
    assert await alerts(db) == []
    await passed(Broken(ValueError("a secret")), streaks)
    await told(db, streaks)
    (alert,) = await alerts(db)
    assert (alert.severity, alert.title) == (
        Severity.CRITICAL,
        "Job sweep failed 3 times in a row",
    )
    assert alert.facts == {
        "job": "sweep",
        "node": "node-a",
        "failures": 3,
        "error": "ValueError",
    }


async def test_a_success_in_between_begins_the_row_anew(db: Database) -> None:
    streaks = Streaks()
    fails = ValueError()
    await passed(Broken(fails, fails, None, fails, fails), streaks)
    await told(db, streaks)
    assert await alerts(db) == []


async def test_a_database_that_is_away_is_no_failure_of_the_job(db: Database) -> None:
    streaks = Streaks()
    await passed(Broken(*[DatabaseUnavailable()] * 9), streaks)
    await told(db, streaks)
    assert await alerts(db) == []


async def test_the_alert_ends_with_the_first_success_on_the_same_node(db: Database) -> None:
    here, there = Streaks(), Streaks()
    for streaks, node in ((here, "node-a"), (there, "node-b")):
        await passed(Broken(*[ValueError()] * 3), streaks)
        await told(db, streaks, node=node)
    await passed(Broken(None), here)
    await told(db, here)
    assert {alert.key: alert.status for alert in await alerts(db)} == {
        "sweep node-a": AlertStatus.RESOLVED,
        "sweep node-b": AlertStatus.OPEN,
    }


async def test_a_success_is_not_forgotten_when_the_database_is_away(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    streaks = Streaks()
    await passed(Broken(*[ValueError()] * 3), streaks)
    await told(db, streaks)
    await passed(Broken(None), streaks)
    with monkeypatch.context() as patched, suppress(DatabaseUnavailable):
        patched.setattr(db, "transaction", away)
        await told(db, streaks)
    assert [alert.status for alert in await alerts(db)] == [AlertStatus.OPEN]
    await told(db, streaks)
    assert [alert.status for alert in await alerts(db)] == [AlertStatus.RESOLVED]


def away() -> None:
    raise DatabaseUnavailable
