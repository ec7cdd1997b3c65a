"""S24: the audit trail is append-only, and whoever changes it all the same is found."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from structlog.testing import capture_logs

from core.audit import chain, service, store
from core.audit.chain import GENESIS, Verified
from core.audit.models import AuditEntry
from core.audit.service import CLI, Actor
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database, Tx
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import Settings
from tests.eventually import eventually

REFUSED = (sqlite3.IntegrityError, asyncpg.RestrictViolationError)
EVERYTHING = {"number": 3, "name": "K\u00f6ln", "list": [1, 2.5, None], "deep": {"b": 1, "a": True}}


async def write(db: Database, count: int, *, first: int = 1) -> None:
    for number in range(first, first + count):
        async with db.transaction() as tx:
            actor = Actor(name="cli", request_id=f"req_{number}")
            await service.record(
                tx, actor, "thing.changed", f"thing_{number}", before=None, after=EVERYTHING
            )


@pytest.fixture
async def sealed(db: Database) -> Database:
    """Six entries, sealed."""
    await write(db, 6)
    await chain.seal_all(db)
    return db


class Undone(Exception):
    """Rolls a transaction back."""


async def past_the_triggers(tx: Tx, *statements: str) -> None:
    """Do what only somebody can who may change the database itself."""
    if tx.dialect == "postgresql":
        await tx.execute(text("SET LOCAL session_replication_role = replica"))
    else:
        names = await tx.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in names:
            await tx.execute(text(f"DROP TRIGGER {name}"))
    for statement in statements:
        await tx.execute(text(statement))


async def trail(db: Database) -> Sequence[AuditEntry]:
    async with db.transaction() as tx:
        return await store.sealed(tx, after_seal=0, limit=10_000)


async def test_s24_entries_are_sealed_in_order_and_the_chain_holds(sealed: Database) -> None:
    entries = await trail(sealed)
    assert [entry.seal for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert len({entry.hash for entry in entries}) == 6

    found = await chain.verify_all(sealed)
    assert found == Verified(seal=6, hash=entries[-1].hash or "", checked=6, at_end=True)

    await write(sealed, 2, first=7)
    with capture_logs() as logs:
        await chain.seal_all(sealed)
        await chain.seal_all(sealed)
    found = await chain.verify_all(sealed)
    assert found.seal == 8
    (noted,) = logs
    assert (noted["event"], noted["seal"], noted["hash"]) == ("audit_trail_sealed", 8, found.hash)
    assert [entry.hash for entry in await trail(sealed)][:6] == [entry.hash for entry in entries]


async def test_an_empty_trail_holds(db: Database) -> None:
    await chain.seal_all(db)
    assert await chain.verify_all(db) == Verified(seal=0, hash=GENESIS, checked=0, at_end=True)


REFUSED_EVERYWHERE = """
UPDATE audit_entries SET actor = 'nobody' WHERE seal = 3
UPDATE audit_entries SET seal = NULL, hash = NULL WHERE seal = 3
UPDATE audit_entries SET hash = 'x' WHERE seal = 6
UPDATE audit_entries SET seal = 7, hash = 'x', actor = 'nobody' WHERE seal IS NULL
UPDATE audit_entries SET seal = 7, hash = 'x', after = NULL WHERE seal IS NULL
UPDATE audit_entries SET seal = 7, hash = 'x', number = 99 WHERE seal IS NULL
UPDATE audit_entries SET seal = 7 WHERE seal IS NULL
UPDATE audit_entries SET action = 'nothing' WHERE seal IS NULL
DELETE FROM audit_entries WHERE seal = 6
DELETE FROM audit_entries WHERE seal IS NULL
DELETE FROM audit_entries
INSERT INTO audit_entries (at, actor, action, object_id, seal) SELECT at, 'x', 'x', 'x', 7 FROM audit_entries WHERE seal = 6
UPDATE audit_heads SET seal = 5
UPDATE audit_heads SET hash = 'x'
DELETE FROM audit_heads
"""  # noqa: E501
REFUSED_BY = {
    "postgresql": """TRUNCATE audit_entries
TRUNCATE audit_heads
""",
    "sqlite": """INSERT OR REPLACE INTO audit_entries (number, at, actor, action, object_id) SELECT number, at, 'x', 'x', 'x' FROM audit_entries WHERE seal = 3
""",  # noqa: E501
}


async def test_s24_the_database_refuses_every_change(sealed: Database, backend: str) -> None:
    await write(sealed, 1, first=7)
    for statement in (REFUSED_EVERYWHERE + REFUSED_BY[backend]).split("\n")[1:-1]:
        with pytest.raises(REFUSED, match="append-only"):
            async with sealed.transaction() as tx:
                await tx.execute(text(statement))
    assert (await chain.verify_all(sealed)).broken is None
    await chain.seal_all(sealed)
    assert (await chain.verify_all(sealed)).seal == 7


TAMPERED: tuple[tuple[str, int, str], ...] = (
    ("UPDATE audit_entries SET actor = 'nobody' WHERE seal = 3", 3, "not as it was"),
    ("UPDATE audit_entries SET action = 'nothing' WHERE seal = 3", 3, "not as it was"),
    ("UPDATE audit_entries SET object_id = 'other' WHERE seal = 1", 1, "not as it was"),
    ("UPDATE audit_entries SET request_id = NULL WHERE seal = 6", 6, "not as it was"),
    ("UPDATE audit_entries SET number = 99 WHERE seal = 2", 2, "not as it was"),
    ("UPDATE audit_entries SET before = '{}' WHERE seal = 2", 2, "not as it was"),
    ("UPDATE audit_entries SET after = '{\"number\"\\: 4}' WHERE seal = 2", 2, "not as it was"),
    ("UPDATE audit_entries SET after = NULL WHERE seal = 2", 2, "not as it was"),
    (
        "UPDATE audit_entries SET at = '2001-01-01 00\\:00\\:00.000000' WHERE seal = 4",
        4,
        "not as it was",
    ),
    ("UPDATE audit_entries SET hash = 'x' WHERE seal = 4", 4, "not as it was"),
    ("DELETE FROM audit_entries WHERE seal = 4", 4, "missing"),
    ("DELETE FROM audit_entries WHERE seal = 1", 1, "missing"),
    (
        (
            "DELETE FROM audit_entries WHERE seal = 4; "
            "UPDATE audit_entries SET seal = 4 WHERE seal = 5; "
            "UPDATE audit_entries SET seal = 5 WHERE seal = 6; "
            "UPDATE audit_heads SET seal = 5"
        ),
        4,
        "not as it was",
    ),
    (
        (
            "UPDATE audit_entries SET seal = 99 WHERE seal = 3; "
            "UPDATE audit_entries SET seal = 3 WHERE seal = 4; "
            "UPDATE audit_entries SET seal = 4 WHERE seal = 99"
        ),
        3,
        "not as it was",
    ),
    (
        (
            "INSERT INTO audit_entries (number, at, actor, action, object_id, seal, hash) "
            "SELECT 99, at, actor, action, object_id, 7, hash FROM audit_entries WHERE seal = 6"
        ),
        7,
        "not as it was",
    ),
    ("DELETE FROM audit_entries WHERE seal > 4", 5, "missing from here to 6"),
    ("DELETE FROM audit_entries", 1, "missing from here to 6"),
    ("UPDATE audit_heads SET seal = 5", 5, "the head of the chain has another hash"),
    ("UPDATE audit_heads SET hash = 'x'", 6, "the head of the chain has another hash"),
    ("UPDATE audit_heads SET seal = 0", 7, "moved back"),
    ("DELETE FROM audit_heads", 7, "missing"),
)


async def test_s24_who_gets_past_the_triggers_is_found(sealed: Database) -> None:
    for statements, seal, what in TAMPERED:
        with suppress(Undone):
            async with sealed.transaction() as tx:
                await past_the_triggers(tx, *statements.split("; "))
                broken = (await chain.verify(tx)).broken
                assert broken is not None, statements
                assert (broken.seal, what in broken.what) == (seal, True), (statements, broken)
                assert (await chain.verify_recent(tx)).broken == broken
                raise Undone
    assert (await chain.verify_all(sealed)).broken is None


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_s24_an_end_cut_off_with_the_head_shows_by_a_hash_noted_outside(
    sealed: Database,
) -> None:
    async with sealed.transaction() as tx:
        noted = await chain.head(tx)
        assert noted is not None
        assert await chain.verify_noted(tx, seal=noted.seal, hash_=noted.hash.upper()) is None
    entries = await trail(sealed)
    cut_off = f"UPDATE audit_heads SET seal = 4, hash = '{entries[3].hash}'"  # noqa: S608
    async with sealed.transaction() as tx:
        await past_the_triggers(tx, "DELETE FROM audit_entries WHERE seal > 4", cut_off)
    assert (await chain.verify_all(sealed)).broken is None, "in itself it is sound"
    async with sealed.transaction() as tx:
        broken = await chain.verify_noted(tx, seal=noted.seal, hash_=noted.hash)
        assert broken is not None
        assert "missing" in broken.what

    await write(sealed, 2, first=7)
    await chain.seal_all(sealed)
    async with sealed.transaction() as tx:
        broken = await chain.verify_noted(tx, seal=noted.seal, hash_=noted.hash)
        assert broken is not None
        assert "not the one" in broken.what


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_long_trails_are_verified_in_pieces(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "AT_ONCE", 3)
    monkeypatch.setattr(chain, "RECENT", 4)
    await write(db, 7)
    await chain.seal_all(db)
    assert [entry.seal for entry in await trail(db)] == [1, 2, 3, 4, 5, 6, 7]
    assert (await chain.verify_all(db)).checked == 7
    async with db.transaction() as tx:
        piece = await chain.verify(tx, after_seal=2, limit=2)
        assert (piece.seal, piece.checked, piece.at_end) == (4, 2, False)
        beyond = await chain.verify(tx, after_seal=9)
        assert beyond.broken is not None
        assert beyond.broken.seal == 9

    async with db.transaction() as tx:
        await past_the_triggers(tx, "UPDATE audit_entries SET actor = 'x' WHERE seal IN (2, 6)")
    whole = await chain.verify_all(db)
    assert whole.broken is not None
    assert (whole.broken.seal, whole.broken.number) == (2, 2)
    async with db.transaction() as tx:
        recent = await chain.verify_recent(tx)
    assert recent.broken is not None
    assert recent.broken.seal == 6


async def test_s24_writers_and_sealers_of_two_nodes_keep_one_chain(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    """Entries that commit late and sealers that collide neither fork the chain nor lose any."""
    other = Database(settings.database_url, doorbell=MemoryDoorbell(), clock=clock)
    async with other:

        async def seal_until_done(node: Database) -> None:
            while not written.done() or await unsealed(node):
                await chain.seal_all(node)
                await asyncio.sleep(0)

        written = asyncio.gather(
            *(write(node, 10, first=100 * n) for n, node in enumerate([db, other] * 3))
        )
        await asyncio.gather(written, seal_until_done(db), seal_until_done(other))

    entries = await trail(db)
    assert [entry.seal for entry in entries] == list(range(1, 61))
    assert len({entry.number for entry in entries}) == 60
    found = await chain.verify_all(db)
    assert (found.checked, found.broken) == (60, None)


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_s24_an_entry_that_commits_late_comes_later_in_the_chain(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    async with Database(settings.database_url, doorbell=MemoryDoorbell(), clock=clock) as other:
        async with db.transaction() as slow:
            await service.record(slow, CLI, "thing.changed", "late")
            await write(other, 1)
            await chain.seal_all(other)
        await chain.seal_all(other)
    entries = await trail(db)
    assert [(entry.object_id, entry.seal) for entry in entries] == [("thing_1", 1), ("late", 2)]
    assert entries[1].number < entries[0].number


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_s24_a_writer_does_not_wait_for_a_sealer(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    await write(db, 1)
    async with Database(settings.database_url, doorbell=MemoryDoorbell(), clock=clock) as other:
        async with db.transaction() as tx:
            assert await chain.seal(tx) == 1
            await write(other, 1, first=2)  # commits while the other one holds the head
            second = asyncio.create_task(chain.seal_all(other))
            await eventually(lambda: waits_for_a_lock(db))
            assert not second.done(), "a second sealer waits for the first"
        await second
    assert [entry.object_id for entry in await trail(db)] == ["thing_1", "thing_2"]
    assert (await chain.verify_all(db)).broken is None


async def unsealed(db: Database) -> Sequence[AuditEntry]:
    async with db.transaction() as tx:
        return await store.unsealed(tx, limit=1)


async def waits_for_a_lock(db: Database) -> bool:
    async with db.transaction() as tx:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(await tx.scalar(text(waiting)))


async def export_of(db: Database) -> list[dict[str, Any]]:
    return [line async for line in chain.export(db)]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_an_export_holds_what_the_hashes_cover(sealed: Database) -> None:
    lines = await export_of(sealed)
    assert [line["hash"] for line in lines] == [entry.hash for entry in await trail(sealed)]
    assert lines[0]["after"] == EVERYTHING
    assert [line async for line in chain.export(sealed, after_seal=5)] == lines[5:]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.none() | st.dictionaries(st.text(), JSON, max_size=4)


ENTRY = AuditEntry(
    number=1,
    at=datetime(2026, 11, 28, tzinfo=UTC),
    actor="cli",
    action="thing.changed",
    object_id="thing",
    before=None,
    after={"a": 1, "b": [None]},
    request_id=None,
)


@given(after=OBJECTS, text_=st.text())
def test_s24_every_field_is_in_the_hash(after: dict[str, Any] | None, text_: str) -> None:
    first = chain.digest(GENESIS, ENTRY, 7)
    others: list[tuple[str, Any]] = [
        (field, value)
        for field, value in (("actor", text_), ("object_id", text_), ("before", after))
        if value != getattr(ENTRY, field)
    ]
    for field, value in others:
        assert chain.digest(GENESIS, replace(ENTRY, **{field: value}), 7) != first
    assert chain.digest(GENESIS, ENTRY, 8) != first
    assert chain.digest(first, ENTRY, 7) != first


@given(after=OBJECTS)
def test_the_order_of_names_is_not_in_the_hash(after: dict[str, Any] | None) -> None:
    turned = None if after is None else dict(reversed(after.items()))
    one, other = replace(ENTRY, after=after), replace(ENTRY, after=turned)
    assert chain.digest(GENESIS, one, 7) == chain.digest(GENESIS, other, 7)
