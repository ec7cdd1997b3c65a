"""Fail points: where they are, and that nothing passes them for nothing."""

import pytest
from sqlalchemy import insert, select, update

from core.chargers.models import nodes
from core.kernel import failpoints
from core.kernel.db import Database


@pytest.fixture
def backend() -> str:
    return "sqlite"


async def test_a_commit_has_places_before_and_after_it_named_for_the_work(db: Database) -> None:
    passed: list[str] = []
    async with db.transaction() as tx:  # the database's time is known
        now = tx.now
    with failpoints.told(passed.append):
        failpoints.enter("job", "tidy_up")
        async with db.transaction() as tx:
            await tx.execute(insert(nodes).values(id="a", started_at=now, seen_at=now))
            assert passed == []
    assert passed == ["commit.before.job.tidy_up", "commit.after.job.tidy_up"]


async def test_what_wrote_nothing_has_no_places(db: Database) -> None:
    passed: list[str] = []
    with failpoints.told(passed.append):
        async with db.transaction() as tx:
            await tx.all(select(nodes))
            await tx.execute(update(nodes).where(nodes.c.id == "nobody").values(id="somebody"))
    assert passed == []


async def test_who_dies_before_the_commit_leaves_nothing(db: Database) -> None:
    def die(name: str) -> None:
        if name.startswith("commit.before"):
            raise ConnectionResetError

    async with db.transaction() as tx:
        now = tx.now
    with failpoints.told(die), pytest.raises(ConnectionResetError):
        async with db.transaction() as tx:
            await tx.execute(insert(nodes).values(id="a", started_at=now, seen_at=now))
    async with db.transaction() as tx:
        assert await tx.all(select(nodes)) == []
