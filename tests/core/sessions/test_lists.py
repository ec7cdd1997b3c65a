"""Lists of sessions: open ones and those that are over stand apart, and are listed together."""

import pytest
from sqlalchemy import text, update

from core.kernel.page import Page
from core.sessions import queries, sampling, store
from core.sessions.facts import MeterSampled, Reading
from core.sessions.models import sessions
from core.sessions.queries import Owner
from core.sessions.states import SessionStatus
from tests.core.sessions.conftest import Bench

IN_ORDER = text("SELECT id FROM sessions ORDER BY updated_at, id")


async def charged(bench: Bench, count: int) -> None:
    """Begin and end *count* sessions, and begin one more."""
    for minute in range(0, 20 * count, 20):
        started = await bench.start("CARD", minute=minute)
        assert started.session is not None
        await bench.end(started.session.transaction_ref, minute=minute + 10)
    await bench.start("CARD", minute=20 * count)


@pytest.mark.parametrize("is_partners", [False, True])
async def test_all_sessions_are_listed_page_by_page_in_the_order_of_their_changes(
    bench: Bench, *, is_partners: bool
) -> None:
    await charged(bench, 5)
    owner = None
    if is_partners:
        owner = Owner(partner_id=bench.requester.partner_id, livemode=bench.requester.livemode)
        async with bench.db.transaction() as tx:
            await tx.execute(
                update(sessions).values(partner_id=owner.partner_id, livemode=owner.livemode)
            )
    seen: list[str] = []
    page = Page(limit=2)
    async with bench.db.transaction() as tx:
        while True:
            found = await queries.list_sessions(tx, page, owner=owner)
            seen += [one.id for one in found.rows]
            if found.next_cursor is None:
                break
            page = Page(limit=2, cursor=found.next_cursor)
        ids = list(await tx.scalars(IN_ORDER))
        over = await queries.list_sessions(tx, Page(), owner=owner, active=False)
        active = await queries.list_sessions(tx, Page(), owner=owner, active=True)

    assert seen == ids
    [is_open] = active.rows
    assert is_open.is_open
    assert [one.id for one in over.rows] == [one for one in ids if one != is_open.id]


async def test_a_session_that_changes_when_it_is_over_is_listed_by_that_change(
    bench: Bench,
) -> None:
    await charged(bench, 2)
    async with bench.db.transaction() as tx:
        before = await queries.list_sessions(tx, Page(), owner=None, active=False)
        changed = await store.change(tx, before.rows[0].id, energy_wh=1)
        since = Page(updated_from=changed.updated_at)
        found = await queries.list_sessions(tx, since, owner=None, active=False)

    assert changed.status is SessionStatus.ENDED
    assert changed.over_updated_at == changed.updated_at
    assert changed in found.rows


async def test_a_reading_of_an_open_session_writes_to_no_index(bench: Bench) -> None:
    if not bench.db.is_shared:
        pytest.skip("SQLite writes only to indexes of what changes")
    started = await bench.start("CARD")
    assert started.session is not None
    hot = "SELECT pg_stat_get_xact_tuples_hot_updated('sessions'::regclass)"
    every = "SELECT pg_stat_get_xact_tuples_updated('sessions'::regclass)"
    reading = MeterSampled(
        source=bench.source("MeterValues", "meter:1"),
        evse=1,
        transaction_ref=started.session.transaction_ref,
        readings=(Reading(at=bench.at(1), energy_wh=1200),),
    )
    async with bench.db.transaction() as tx:
        await sampling.sample(tx, [reading])
        assert await tx.scalar(text(every)) == 1
        assert await tx.scalar(text(hot)) == 1
