"""Raising and resolving: one alert for one trouble, whoever sees it how often."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerts import handling, store
from core.alerts.kinds import KINDS, AlertKind
from core.alerts.models import Alert
from core.alerts.service import one_line, raise_alert, resolve, resolve_silent
from core.alerts.states import AlertStatus, Reason, Severity
from core.audit import service as audit
from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.page import Page

KIND = AlertKind.JOB_FAILING


async def raised(db: Database, *, key: str = "sweep", **more: Any) -> None:
    async with db.transaction() as tx:
        raise_alert(tx, KIND, key=key, title=f"Job {key} fails", **more)


async def resolved(db: Database, *, key: str = "sweep") -> None:
    async with db.transaction() as tx:
        resolve(tx, KIND, key)


async def listed(db: Database, **wanted: Any) -> list[Alert]:
    async with db.transaction() as tx:
        return list((await handling.list_alerts(tx, Page(), **wanted)).rows)


async def only(db: Database) -> Alert:
    (found,) = await listed(db)
    return found


async def test_the_same_trouble_is_one_alert_that_counts(db: Database, clock: ShiftedClock) -> None:
    await raised(db, facts={"error": "first"})
    clock.advance(60)
    await raised(db, facts={"error": "second"})
    found = await only(db)
    assert (found.count, found.facts, found.status) == (2, {"error": "second"}, AlertStatus.OPEN)
    assert found.severity is KINDS[KIND].severity
    assert found.last_seen_at - found.created_at >= timedelta(seconds=60)
    assert found.notice is Reason.RAISED


async def test_another_key_is_another_alert_and_filters_find_it(db: Database) -> None:
    await raised(db, key="a", object_id="chg_1")
    await raised(db, key="b", severity=Severity.INFO)
    assert [found.key for found in await listed(db, object_id="chg_1")] == ["a"]
    assert [found.key for found in await listed(db, severity=Severity.INFO)] == ["b"]
    assert await listed(db, kind=AlertKind.MAIL_NOT_SENT) == []
    assert await listed(db, status=AlertStatus.RESOLVED) == []


async def test_a_resolved_trouble_that_comes_back_is_a_new_alert(db: Database) -> None:
    await raised(db)
    await resolved(db)
    await resolved(db)
    await raised(db)
    first, second = sorted(await listed(db), key=lambda found: found.id)
    assert {first.status, second.status} == {AlertStatus.RESOLVED, AlertStatus.OPEN}
    assert (first.count, second.count) == (1, 1)


async def test_what_is_over_before_anybody_was_told_is_told_to_nobody(db: Database) -> None:
    await raised(db)
    await resolved(db)
    found = await only(db)
    assert (found.notice, found.resolved_by) == (None, "platform")


async def test_raising_and_resolving_in_one_transaction_keep_their_order(db: Database) -> None:
    async with db.transaction() as tx:
        raise_alert(tx, KIND, key="sweep", title="It fails")
        resolve(tx, KIND, "sweep")
    assert (await only(db)).status is AlertStatus.RESOLVED


async def test_nothing_is_raised_by_a_transaction_that_rolls_back(db: Database) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            raise_alert(tx, KIND, key="sweep", title="It fails")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert await listed(db) == []


async def test_of_racing_transactions_one_makes_the_alert_and_the_others_count(
    db: Database,
) -> None:
    await asyncio.gather(*(raised(db) for _ in range(8)))
    assert (await only(db)).count == 8


async def test_transactions_that_raise_the_same_alerts_in_any_order_do_not_lock_each_other(
    db: Database,
) -> None:
    async def both(*keys: str) -> None:
        async with db.transaction() as tx:
            for key in keys:
                raise_alert(tx, KIND, key=key, title="It fails")

    await asyncio.gather(*(both("a", "b") if each % 2 else both("b", "a") for each in range(8)))
    assert [found.count for found in await listed(db)] == [8, 8]


async def test_an_acknowledged_alert_opens_again_only_if_it_gets_worse(db: Database) -> None:
    await raised(db, severity=Severity.INFO)
    found = await only(db)
    async with db.transaction() as tx:
        await handling.acknowledge(tx, CLI, found.id)
    await raised(db, severity=Severity.INFO)
    assert (await only(db)).status is AlertStatus.ACKNOWLEDGED
    assert (await only(db)).notice is None
    await raised(db, severity=Severity.CRITICAL)
    worse = await only(db)
    assert (worse.status, worse.severity) == (AlertStatus.OPEN, Severity.CRITICAL)
    assert (worse.notice, worse.acknowledged_by) == (Reason.WORSE, None)
    await raised(db, severity=Severity.INFO)
    assert (await only(db)).severity is Severity.CRITICAL


async def test_what_operators_do_is_guarded_and_audited(db: Database) -> None:
    await raised(db)
    found = await only(db)
    async with db.transaction() as tx:
        await handling.acknowledge(tx, CLI, found.id)
        with pytest.raises(PlatformError, match="acknowledged already"):
            await handling.acknowledge(tx, CLI, found.id)
        await handling.settle(tx, CLI, found.id, note="The disk was full.")
        for again in (handling.acknowledge, handling.settle):
            with pytest.raises(PlatformError, match="resolved already"):
                await again(tx, CLI, found.id)
        with pytest.raises(PlatformError, match="not_found"):
            await handling.settle(tx, CLI, "alr_nothing")
        entries = await audit.entries(tx, object_id=found.id, before_number=None, limit=9)
    assert [entry.action for entry in entries] == ["alert.resolved", "alert.acknowledged"]
    assert entries[0].after == {"status": "resolved", "note": "The disk was full."}
    assert (await only(db)).resolved_by == "cli"


async def test_an_alert_ends_by_itself_when_its_kind_says_so(
    db: Database, clock: ShiftedClock
) -> None:
    async with db.transaction() as tx:
        raise_alert(tx, AlertKind.CHARGER_FLAPPING, key="chg_1", title="It flaps")
        raise_alert(tx, KIND, key="sweep", title="It fails")
    for passed_s, left in ((3599, 2), (2, 1), (10**6, 1)):
        clock.advance(passed_s)
        async with db.transaction() as tx:
            await resolve_silent(tx)
        assert len(await listed(db, status=AlertStatus.OPEN)) == left, passed_s


@pytest.mark.parametrize("key", ["", "k" * 129])
async def test_a_key_that_could_not_be_stored_is_a_bug(db: Database, key: str) -> None:
    async with db.transaction() as tx:
        with pytest.raises(ValueError, match="1 to 128 characters"):
            raise_alert(tx, KIND, key=key, title="It fails")


@given(text=st.text(st.characters(exclude_categories=())))
def test_a_title_is_one_line_that_every_database_and_mail_header_can_hold(text: str) -> None:
    line = one_line(text, max_chars=200)
    assert len(line) <= 200
    assert line == line.strip()
    assert len(line.splitlines()) <= 1
    assert "\0" not in line
    line.encode()


async def test_alerts_are_counted_by_severity(db: Database) -> None:
    await raised(db, key="a")
    await raised(db, key="b")
    await raised(db, key="c", severity=Severity.INFO)
    await resolved(db, key="b")
    async with db.transaction() as tx:
        counts = await store.unresolved_by_severity(tx)
    assert counts == {Severity.CRITICAL: 1, Severity.INFO: 1}
