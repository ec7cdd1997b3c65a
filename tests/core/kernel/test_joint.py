"""Works of many callers in one transaction: as if each were alone, and committed together."""

import asyncio
from functools import partial
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from core.chargers import connector_store
from core.kernel import failpoints
from core.kernel.db import Database, Tx
from core.kernel.doorbell import rung
from core.kernel.engine_postgres import PostgresConnection
from core.kernel.errors import Collided, DatabaseUnavailable, PlatformError
from core.kernel.joint import Joint
from core.kernel.rows import insert_once
from core.partners.models import Partner, partners
from tests.core.kernel.counting import count_up, total


@pytest.fixture
def transactions(db: Database, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One element for each transaction that was begun."""
    begun: list[object] = []
    begin = db._engine.begin

    async def counted() -> Any:
        connection = await begin()
        begun.append(connection)
        return connection

    monkeypatch.setattr(db._engine, "begin", counted)
    return begun


async def test_i17_what_a_work_returns_is_committed(db: Database) -> None:
    joint = Joint(db)
    assert await joint.run("one", lambda tx: count_up(tx, "a", 3)) == 3
    assert await total(db, "a") == 3


async def test_works_that_come_together_share_a_transaction(
    db: Database, transactions: list[object]
) -> None:
    joint = Joint(db)
    found = await asyncio.gather(
        *(joint.run(str(n), lambda tx: count_up(tx, "a")) for n in range(40))
    )
    assert sorted(found) == [*range(1, 41)]
    assert len(transactions) < 10


async def test_what_comes_while_a_transaction_is_under_way_shares_the_next(
    db: Database, transactions: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.kernel.joint.OVERTAKEN_AFTER_S", 60.0)
    joint = Joint(db)
    begun, released = asyncio.Event(), asyncio.Event()

    async def first(tx: Tx) -> int:
        begun.set()
        await released.wait()
        return await count_up(tx, "a")

    works = [asyncio.create_task(joint.run("first", first))]
    await begun.wait()
    for n in range(5):
        works.append(asyncio.create_task(joint.run(str(n), lambda tx: count_up(tx, "a"))))
        await asyncio.sleep(0)
    released.set()
    assert sorted(await asyncio.gather(*works)) == [1, 2, 3, 4, 5, 6]
    assert len(transactions) == 2


async def test_each_work_gets_its_own_rows(db: Database) -> None:
    """Whatever the statement is: rows, none, a lock, an upsert that finds its row."""
    joint = Joint(db)
    names = [f"n{n}" for n in range(12)]

    async def work(tx: Tx, n: int) -> tuple[Any, ...]:
        first = await count_up(tx, names[n], n + 1)
        stored = await tx.all(
            text("SELECT value, name FROM counters WHERE name = :name").bindparams(name=names[n])
        )
        none = await tx.all(text("SELECT value FROM counters WHERE name = 'nobody'"))
        touched = await tx.execute(
            text("UPDATE counters SET value = value + 1 WHERE name = :name").bindparams(
                name=names[n] if n % 2 else "nobody"
            )
        )
        return first, [tuple(row) for row in stored], none, touched

    found = await asyncio.gather(
        *(joint.run(str(n), partial(work, n=n)) for n in range(len(names)))
    )
    assert found == [(n + 1, [(n + 1, f"n{n}")], [], n % 2) for n in range(len(names))]


async def test_a_unique_rule_holds_between_works_of_one_transaction(db: Database) -> None:
    joint = Joint(db)

    async def work(tx: Tx) -> Partner | None:
        values: dict[str, Any] = {"name": "same", "status": "active", "event_seq": 0}
        values |= {"test_only": False, "signs_control": False}
        stamps = {"created_at": tx.now, "updated_at": tx.now}
        return await insert_once(tx, partners, Partner, id="prt_same", **stamps, **values)

    found = await asyncio.gather(*(joint.run(str(n), work) for n in range(8)))
    assert [one is not None for one in found].count(True) == 1


async def test_what_many_works_ask_is_sent_once(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not db.is_shared:
        pytest.skip("SQLite is asked in this process")
    sent: list[int] = []
    fetch_each = PostgresConnection.fetch_each

    async def counted(self: PostgresConnection, sql: str, each: Any) -> Any:
        sent.append(len(each))
        return await fetch_each(self, sql, each)

    monkeypatch.setattr(PostgresConnection, "fetch_each", counted)
    joint = Joint(db)
    await asyncio.gather(*(joint.run(str(n), lambda tx: count_up(tx, "a")) for n in range(40)))
    assert max(sent) >= 20


async def test_works_with_the_same_key_never_share(
    db: Database, transactions: list[object]
) -> None:
    joint = Joint(db)
    found = await asyncio.gather(*(joint.run("cp", lambda tx: count_up(tx, "a")) for _ in range(5)))
    assert found == [1, 2, 3, 4, 5]
    assert len(transactions) == 5


async def test_works_with_the_same_key_never_overlap(db: Database) -> None:
    """On PostgreSQL several groups are under way at the same time."""
    joint = Joint(db)
    inside: set[str] = set()
    overlaps: list[str] = []

    async def work(tx: Tx, key: str) -> None:
        if key in inside:
            overlaps.append(key)
        inside.add(key)
        await count_up(tx, key)
        await count_up(tx, key)
        inside.discard(key)

    keys = [str(n % 7) for n in range(60)]
    await asyncio.gather(*(joint.run(key, partial(work, key=key)) for key in keys))
    assert overlaps == []
    assert [await total(db, str(n)) for n in range(7)] == [18, 18, 18, 18, 16, 16, 16]


async def test_a_work_that_fails_costs_no_other(db: Database) -> None:
    joint = Joint(db)

    async def work(tx: Tx, n: int) -> int:
        await count_up(tx, "a")
        if n == 3:
            raise ValueError("this one")
        return n

    found = await asyncio.gather(
        *(joint.run(str(n), partial(work, n=n)) for n in range(8)), return_exceptions=True
    )
    assert [one for one in found if not isinstance(one, ValueError)] == [0, 1, 2, 4, 5, 6, 7]
    assert await total(db, "a") == 7


async def test_a_statement_that_fails_costs_no_other(db: Database) -> None:
    joint = Joint(db)

    async def work(tx: Tx, n: int) -> int:
        await count_up(tx, "a")
        if n == 3:
            await tx.all(text("SELECT nothing FROM nowhere"))
        await count_up(tx, "a")
        return n

    found = await asyncio.gather(
        *(joint.run(str(n), partial(work, n=n)) for n in range(8)), return_exceptions=True
    )
    assert [one for one in found if isinstance(one, int)] == [0, 1, 2, 4, 5, 6, 7]
    assert await total(db, "a") == 14


async def test_a_work_that_refuses_before_it_has_written_disturbs_no_other(
    db: Database, transactions: list[object]
) -> None:
    joint = Joint(db)

    async def work(tx: Tx, n: int) -> int:
        await connector_store.last_number(tx, "a")
        if n % 2:
            raise PlatformError("not_found", "There is no such thing.")
        return await count_up(tx, "a")

    found = await asyncio.gather(
        *(joint.run(str(n), partial(work, n=n)) for n in range(40)), return_exceptions=True
    )
    assert sorted(one for one in found if isinstance(one, int)) == [*range(1, 21)]
    assert [type(one) for one in found[1::2]] == [PlatformError] * 20
    assert len(transactions) < 10


async def test_a_work_that_refuses_after_it_has_written_leaves_nothing(db: Database) -> None:
    joint = Joint(db)

    async def work(tx: Tx, n: int) -> int:
        await count_up(tx, "a")
        if n == 3:
            raise PlatformError("connector_busy", "Somebody was faster.")
        return n

    found = await asyncio.gather(
        *(joint.run(str(n), partial(work, n=n)) for n in range(8)), return_exceptions=True
    )
    assert [n for n, one in enumerate(found) if isinstance(one, PlatformError)] == [3]
    assert await total(db, "a") == 7


async def test_an_outage_is_told_to_everybody_and_ends(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    joint = Joint(db)

    def away() -> Any:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(db, "transaction", away)
        results = await asyncio.gather(
            *(joint.run(str(n), lambda tx: count_up(tx, "a")) for n in range(3)),
            return_exceptions=True,
        )
    assert [type(one) for one in results] == [DatabaseUnavailable] * 3
    assert await joint.run("1", lambda tx: count_up(tx, "a")) == 1


async def test_who_gives_up_waiting_disturbs_nobody(db: Database) -> None:
    joint = Joint(db)
    first = asyncio.create_task(joint.run("0", lambda tx: count_up(tx, "a")))
    left = asyncio.create_task(joint.run("1", lambda tx: count_up(tx, "a")))
    stays = asyncio.create_task(joint.run("2", lambda tx: count_up(tx, "a")))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.gather(first, stays)
    with pytest.raises(asyncio.CancelledError):
        await left
    assert not joint.has_waiting("1")
    assert await joint.run("1", lambda tx: count_up(tx, "a")) == await total(db, "a")


async def test_what_waits_for_the_end_runs_once_for_all(db: Database) -> None:
    """What works gather for the end of their transaction is written, and rung, together."""
    joint = Joint(db)
    wrote: list[list[int]] = []

    async def write(tx: Tx) -> None:
        gathered = sorted(tx.at_last.pop("test"))
        wrote.append(gathered)
        for n in gathered:
            tx.ring("topic", str(n))

    async def work(tx: Tx, n: int) -> None:
        await count_up(tx, "a")
        tx.at_last.setdefault("test", []).append(n)
        tx.at_end("test", write)

    async with db.doorbell.subscribe("topic") as rings:
        await asyncio.gather(*(joint.run(str(n), partial(work, n=n)) for n in range(9)))
        heard: frozenset[str] = frozenset()
        while len(heard) < 9:
            heard |= await rung(rings, within_s=1)
    assert sorted(n for group in wrote for n in group) == [*range(9)]
    assert len(wrote) < 9


async def test_a_work_logs_as_its_caller(db: Database) -> None:
    joint = Joint(db)

    async def seen(_: Tx) -> Any:
        return structlog.contextvars.get_contextvars().get("charger_id")

    async def call(n: int) -> Any:
        with structlog.contextvars.bound_contextvars(charger_id=f"cp_{n}"):
            return await joint.run(str(n), seen)

    assert await asyncio.gather(*map(call, range(5))) == [f"cp_{n}" for n in range(5)]


async def test_each_work_that_wrote_has_its_places_around_the_commit(db: Database) -> None:
    joint = Joint(db)
    passed: list[str] = []

    async def call(n: int) -> None:
        failpoints.enter("test", f"work{n}")
        if n == 2:
            await joint.run(str(n), lambda tx: connector_store.last_number(tx, "a"))
        else:
            await joint.run(str(n), lambda tx: count_up(tx, "a"))

    with failpoints.told(passed.append):
        await asyncio.gather(*(asyncio.create_task(call(n)) for n in range(4)))
    assert sorted(one for one in passed if one.startswith("commit")) == [
        f"commit.{when}.test.work{n}" for when in ("after", "before") for n in (0, 1, 3)
    ]


async def test_a_group_that_collides_with_another_transaction_is_done_again(db: Database) -> None:
    joint = Joint(db)
    collisions = iter([True])

    async def work(tx: Tx, name: str) -> int:
        if name == "7" and next(collisions, False):
            raise Collided
        return await count_up(tx, name)

    names = [str(n) for n in range(12)]
    found = await asyncio.gather(*(joint.run(one, partial(work, name=one)) for one in names))
    assert found == [1] * 12
