"""The request log: written behind the requests' backs, bounded, found, deleted."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.kernel.page import Page
from core.request_log import service, store
from core.request_log.models import Body
from core.request_log.recorder import RequestLog
from core.request_log.service import Wanted, statuses_of
from tests.core.request_log.making import PARTNER, call, logged
from tests.eventually import eventually

ALL = Wanted(partner_id=PARTNER, livemode=True)


async def ids(db: Database, wanted: Wanted = ALL, **page: Any) -> list[str]:
    async with db.transaction() as tx:
        return [entry.id for entry in (await service.newest(tx, wanted, Page(**page))).rows]


@pytest.fixture
def outage(db: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """``outage["on"] = True`` takes the database away."""
    state = {"on": False}
    transaction = db.transaction

    @asynccontextmanager
    async def perhaps() -> Any:
        if state["on"]:
            raise DatabaseUnavailable
        async with transaction() as tx:
            yield tx

    monkeypatch.setattr(db, "transaction", perhaps)
    return state


async def test_a_call_that_cannot_be_written_costs_no_other(db: Database) -> None:
    async with db.transaction():
        pass
    odd = call(db, at=db.now().replace(tzinfo=None))  # a bug of ours
    calls = [call(db) for _ in range(5)]
    log = RequestLog(db)
    for one in (*calls[:3], odd, *calls[3:]):
        log.add(one)

    await log.flush()

    assert set(await ids(db)) == {one.id for one in calls}
    assert log.dropped == 1


async def test_what_waits_is_written_by_a_task_and_the_rest_at_the_end(db: Database) -> None:
    log = RequestLog(db)
    async with db.transaction():
        pass
    first, last = call(db), call(db)
    async with log.running():
        log.add(first)

        async def written() -> bool:
            return await ids(db) == [first.id]

        await eventually(written)
        log.add(last)
    assert set(await ids(db)) == {last.id, first.id}


async def test_a_call_written_twice_is_there_once(db: Database) -> None:
    """A commit whose answer was lost is repeated."""
    async with db.transaction():
        pass
    one = call(db)
    await logged(db, one)
    await logged(db, one, call(db))
    assert len(await ids(db)) == 2


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_full_queue_leaves_out_and_counts(db: Database) -> None:
    async with db.transaction():
        pass
    log = RequestLog(db, capacity=3, of_one_partner=2)
    for partner in ("a", "a", "a", "b", "b"):
        log.add(call(db, partner_id=partner))
    assert log.dropped == 2  # the third of a, and what is beyond the queue
    await log.flush()
    log.add(call(db, partner_id="a"))
    assert log.dropped == 2
    large = RequestLog(db, capacity_bytes=5_000)
    for _ in range(3):
        large.add(call(db, request=Body(2_000, b"x" * 2_000)))
    assert large.dropped == 2


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_calls_wait_while_the_database_is_away(db: Database, outage: dict[str, bool]) -> None:
    async with db.transaction():
        pass
    log = RequestLog(db)
    log.add(call(db))
    outage["on"] = True
    with pytest.raises(DatabaseUnavailable):
        await log.flush()
    outage["on"] = False
    await log.flush()
    assert (len(await ids(db)), log.dropped) == (1, 0)
    async with log.running():
        log.add(call(db))
        outage["on"] = True
    assert log.dropped == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_switched_off_it_keeps_nothing(db: Database) -> None:
    async with db.transaction():
        pass
    log = RequestLog(db, enabled=False)
    log.add(call(db))
    await log.flush()
    assert await ids(db) == []


async def test_entries_are_found_by_what_a_developer_has_in_hand(db: Database) -> None:
    async with db.transaction():
        pass
    body = Body(22, b'{"request_id":"app_1"}')
    good = call(db, request=body)
    busy = call(db, request=body, status=409, code="connector_busy")
    lost = call(db, status=None)
    read = call(db, method="GET", path="/v1/operations/op_1", status=404, code="not_found")
    mode, key = call(db, livemode=False), call(db, key_id="key_other")
    await logged(db, good, busy, lost, read, mode, key, call(db, partner_id="prt_other"))

    async def found(**filters: Any) -> set[str]:
        return set(await ids(db, replace(ALL, **filters)))

    assert await found() == {good.id, busy.id, lost.id, read.id, key.id}
    assert await found(livemode=False) == {mode.id}
    assert await found(key_id="key_other") == {key.id}
    assert await found(statuses=statuses_of("4xx")) == {busy.id, read.id}
    assert await found(statuses=statuses_of("409")) == {busy.id}
    assert await found(code="not_found") == {read.id}
    assert await found(method="GET") == {read.id}
    assert await found(path="/v1/operations/") == {read.id}
    assert await found(path="/v1/op%") == set()
    assert await found(request_id="app_1") == {good.id, busy.id}
    assert await found(request_id=lost.id) == {lost.id}


async def test_pages_go_backwards_without_holes(db: Database) -> None:
    async with db.transaction():
        pass
    calls = [call(db) for _ in range(7)]
    await logged(db, *calls)
    seen: list[str] = []
    cursor = None
    async with db.transaction() as tx:
        while True:
            page = await service.newest(tx, ALL, Page(limit=3, cursor=cursor))
            seen += [entry.id for entry in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert seen == sorted((one.id for one in calls), reverse=True)


async def test_a_filter_that_fits_little_looks_at_so_many_and_goes_on(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SCANNED", 4)
    async with db.transaction():
        pass
    rare = call(db, id="req_" + "0" * 26, code="connector_busy")
    await logged(db, rare, *[call(db) for _ in range(9)])
    wanted = Wanted(partner_id=PARTNER, livemode=True, code="connector_busy")
    pages: list[list[str]] = []
    cursor = None
    async with db.transaction() as tx:
        while cursor is not None or not pages:
            page = await service.newest(tx, wanted, Page(limit=2, cursor=cursor))
            pages.append([entry.id for entry in page.rows])
            cursor = page.next_cursor
    assert pages == [[], [], [rare.id]]


async def test_old_entries_are_deleted_a_batch_at_a_time(
    db: Database, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "DELETED_AT_ONCE", 2)
    async with db.transaction():
        pass
    await logged(db, *[call(db) for _ in range(5)])
    kept = timedelta(days=30)
    clock.advance(kept.total_seconds() - 5)
    young = call(db)
    await logged(db, young)
    assert await service.delete_old(db, kept=kept) == 0
    clock.advance(6)
    assert await service.delete_old(db, kept=kept) == 5
    assert await ids(db) == [young.id]


def test_statuses_are_one_or_a_class() -> None:
    assert (statuses_of("404"), statuses_of("5XX")) == ((404, 404), (500, 599))
    for wrong in ("", "4", "4x", "600", "4xxx", "abc"):
        with pytest.raises(PlatformError):
            statuses_of(wrong)
