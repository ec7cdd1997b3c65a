"""The doctor of the command line: many connections, one snapshot, the findings of one."""

from sqlalchemy import insert

from core.chargers.models import chargers
from core.doctor.service import CHECKS, examine, examine_whole
from core.kernel.db import Database


async def test_many_connections_find_what_one_finds_and_tell_how_far_they_are(
    db: Database,
) -> None:
    async with db.transaction() as tx:
        values = {"id": "cp_1", "identity": "CP-1", "registration": "accepted", "epoch": 0}
        times = {"created_at": tx.now, "updated_at": tx.now}
        secret = {"security_profile": 1, "credential": "in plain text"}
        await tx.execute(insert(chargers).values(**values, **times, **secret))
        alone = await examine(tx)
    ended: list[int] = []
    together = await examine_whole(db, told=lambda _, count, of: ended.append(count))
    assert together == alone
    assert "I34" in {finding.invariant for finding in together}
    if db.is_shared:
        assert sorted(ended) == list(range(1, len(CHECKS)))


async def test_the_doctor_writes_nothing_and_waits_for_nobody_who_writes(db: Database) -> None:
    if not db.is_shared:
        return
    async with db.transaction() as tx:
        await tx.execute(
            insert(chargers).values(
                id="cp_1",
                identity="CP-1",
                registration="accepted",
                epoch=0,
                security_profile=1,
                created_at=tx.now,
                updated_at=tx.now,
            )
        )
        assert await examine_whole(db) == []
