"""Group commit: many facts, one transaction, and nobody answered before it is durable."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import structlog

from core.kernel.clock import SystemClock
from core.kernel.db import Database, Tx
from core.kernel.errors import DatabaseUnavailable
from core.kernel.gathering import Gathering
from core.kernel.joint import Joint
from tests.core.kernel.counting import count_up, total

BAD = -1
KIND = ("test", "write")


class Writer:
    """Counts in a counter of the database; remembers the groups."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []

    async def __call__(self, tx: Tx, facts: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(facts))
        results = [await count_up(tx, "test", fact) for fact in facts]
        if BAD in facts:
            raise ValueError("a bad fact")
        return results


async def test_i17_what_was_answered_is_committed(db: Database) -> None:
    gathering = Gathering(Joint(db), SystemClock(), Writer(), about=str, kind=KIND)
    assert await gathering.add(3) == 3
    assert await total(db, "test") == 3
    assert sorted(await asyncio.gather(*(gathering.add(1) for _ in range(20)))) == [*range(4, 24)]
    assert await total(db, "test") == 23


async def test_what_comes_during_a_transaction_is_one_group(db: Database) -> None:
    writer = Writer()
    gathering = Gathering(Joint(db), SystemClock(), writer, about=str, kind=KIND)
    await asyncio.gather(*(gathering.add(1) for _ in range(50)))
    assert len(writer.groups) < 5
    assert sum(map(len, writer.groups)) == 50


async def test_what_comes_before_a_transaction_takes_a_group_is_part_of_it(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not what comes after an earlier work about the same: that may not be overtaken."""
    monkeypatch.setattr("core.kernel.joint.OVERTAKEN_AFTER_S", 60.0)
    done: list[str] = []

    async def write(tx: Tx, facts: Sequence[str]) -> Sequence[int]:
        done.append(" ".join(facts))
        return [await count_up(tx, "test")] * len(facts)

    joint = Joint(db)
    gathering = Gathering(joint, SystemClock(), write, about=str, kind=KIND)
    begun, released = asyncio.Event(), asyncio.Event()

    async def first(_: Tx) -> None:
        begun.set()
        await released.wait()

    async def plain(_: Tx) -> None:
        done.append("work about c")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(joint.run("busy", first))
        try:
            await begun.wait()
            tasks.create_task(gathering.add("a"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # its group waits now
            tasks.create_task(joint.run("c", plain))
            await asyncio.sleep(0)
            for name in ("b", "c", "d"):
                tasks.create_task(gathering.add(name))
            await asyncio.sleep(0)
        finally:
            released.set()
    assert done == ["a b d", "work about c", "c"]
    assert not joint.has_waiting("c")


async def test_a_fact_that_cannot_be_stored_costs_no_other(db: Database) -> None:
    gathering = Gathering(Joint(db), SystemClock(), Writer(), about=str, kind=KIND)
    results = await asyncio.gather(
        *(gathering.add(fact) for fact in (1, BAD, 2)), return_exceptions=True
    )
    assert isinstance(results[1], ValueError)
    assert await total(db, "test") == 3


async def test_an_outage_is_told_to_everybody_and_ends(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Any:
        raise DatabaseUnavailable

    gathering = Gathering(Joint(db), SystemClock(), Writer(), about=str, kind=KIND)
    with monkeypatch.context() as patch:
        patch.setattr(db, "transaction", away)
        results = await asyncio.gather(
            *(gathering.add(1) for _ in range(3)), return_exceptions=True
        )
    assert [type(one) for one in results] == [DatabaseUnavailable] * 3
    assert await gathering.add(1) == 1


async def test_who_gives_up_waiting_disturbs_nobody(db: Database) -> None:
    gathering = Gathering(Joint(db), SystemClock(), Writer(), about=str, kind=KIND, within_s=0.01)
    left = asyncio.create_task(gathering.add(1))
    stays = asyncio.create_task(gathering.add(1))
    await asyncio.sleep(0)
    left.cancel()
    assert await stays == 1
    left = asyncio.create_task(gathering.add(1))
    await asyncio.sleep(0)
    left.cancel()
    assert await gathering.add(1) == 2
    assert await total(db, "test") == 2


async def test_what_a_group_logs_belongs_to_no_caller(db: Database) -> None:
    seen: list[dict[str, Any]] = []

    async def write(_: Tx, facts: Sequence[int]) -> Sequence[int]:
        seen.append(structlog.contextvars.get_contextvars())
        return facts

    gathering = Gathering(Joint(db), SystemClock(), write, about=str, kind=KIND)
    with structlog.contextvars.bound_contextvars(charger_id="cp_1"):
        assert await gathering.add(1) == 1
    assert seen == [{}]
