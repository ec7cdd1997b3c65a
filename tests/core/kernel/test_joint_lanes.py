"""Works that wait for something, and what may overtake them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from core.chargers import connector_store
from core.kernel.db import Database, Tx
from core.kernel.joint import OVERTAKEN_AFTER_S, Joint
from tests.core.kernel.counting import count_up


async def test_a_work_that_is_stuck_holds_nobody_up(db: Database) -> None:
    """Neither those of its transaction, nor what comes later, nor works about the same rows."""
    if not db.is_shared:
        pytest.skip("on SQLite transactions follow each other anyway")
    joint = Joint(db)
    released = asyncio.Event()

    async def stuck(tx: Tx) -> int:
        before = await count_up(tx, "stuck")
        await released.wait()
        return before

    async def plain(tx: Tx, key: str) -> int:
        return await count_up(tx, key)

    slow = [asyncio.create_task(joint.run(f"s{n}", stuck)) for n in range(1)]
    others = [asyncio.create_task(joint.run(str(n), partial(plain, key=str(n)))) for n in range(9)]
    assert await asyncio.gather(*others) == [1] * 9
    assert await joint.run("s0", partial(plain, key="other")) == 1
    released.set()
    assert await asyncio.gather(*slow) == [1]


class Timers:
    """asyncio, but for what its loop does later: that is due when a test says so."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now_s = 0.0
        self._due: list[tuple[float, asyncio.Handle]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    def get_running_loop(self) -> "Timers":
        return self

    def create_future(self) -> "asyncio.Future[Any]":
        return self._loop.create_future()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.Handle:
        handle = asyncio.Handle(callback, [], self._loop)
        self._due.append((self._now_s + delay_s, handle))
        return handle

    def pass_s(self, seconds: float) -> int:
        """Do what is due within *seconds* from now; return how much that was."""
        self._now_s += seconds
        due = [one for at_s, one in self._due if at_s <= self._now_s and not one.cancelled()]
        self._due = [one for one in self._due if one[0] > self._now_s]
        for handle in due:
            handle._run()
        return len(due)


async def test_works_overtake_a_transaction_that_takes_long_itself(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one that has just begun, however long the one before it took."""
    if not db.is_shared:
        pytest.skip("on SQLite transactions follow each other anyway")
    timers = Timers()
    monkeypatch.setattr("core.kernel.joint.asyncio", timers)
    joint = Joint(db)
    begun: asyncio.Queue[str] = asyncio.Queue()
    released = {name: asyncio.Event() for name in ("first", "second", "third")}

    async def work(tx: Tx, name: str) -> int:
        begun.put_nowait(name)
        await released[name].wait()
        return await count_up(tx, name)

    async with asyncio.TaskGroup() as tasks:

        def begin(name: str) -> None:
            tasks.create_task(joint.run(name, partial(work, name=name)))

        try:
            begin("first")
            assert await begun.get() == "first"
            begin("second")
            await asyncio.sleep(0)  # it waits, and for how long is watched
            assert timers.pass_s(OVERTAKEN_AFTER_S * 0.8) == 0
            released["first"].set()
            assert await begun.get() == "second"
            begin("third")
            await asyncio.sleep(0)
            assert timers.pass_s(OVERTAKEN_AFTER_S * 0.8) == 0
            assert timers.pass_s(OVERTAKEN_AFTER_S * 0.4) == 1
            assert await begun.get() == "third"
        finally:
            for event in released.values():
                event.set()


async def test_a_lock_that_another_has_holds_up_only_who_wants_it(db: Database) -> None:
    if not db.is_shared:
        pytest.skip("on SQLite transactions follow each other anyway")
    joint = Joint(db)
    await joint.run("a", lambda tx: count_up(tx, "locked"))
    async with db.transaction() as tx:
        await count_up(tx, "locked")
        waits = asyncio.create_task(joint.run("a", lambda tx: count_up(tx, "locked")))
        others = [
            asyncio.create_task(joint.run(str(n), lambda tx: count_up(tx, "free")))
            for n in range(9)
        ]
        assert sorted(await asyncio.gather(*others)) == [*range(1, 10)]
        assert not waits.done()
    assert await waits == 3


async def test_a_group_that_is_given_up_holds_no_locks_any_more(db: Database) -> None:
    """One of it waits for a lock: the others are done again, and must not wait for that one."""
    if not db.is_shared:
        pytest.skip("on SQLite transactions follow each other anyway")
    joint = Joint(db)
    names = [str(n) for n in range(12)]
    await asyncio.gather(*(joint.run(name, partial(count_up, name=name)) for name in names))
    async with db.transaction() as other:
        await count_up(other, "11")

        async def work(tx: Tx, name: str) -> int:
            await connector_store.last_number(tx, name)
            return await count_up(tx, name)

        tasks = [asyncio.create_task(joint.run(name, partial(work, name=name))) for name in names]
        assert await asyncio.gather(*tasks[:11]) == [2] * 11
        async with db.transaction() as tx:
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            assert await tx.scalar(waiting) == 1
    assert await tasks[11] == 3
