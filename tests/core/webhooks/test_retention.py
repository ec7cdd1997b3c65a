"""Old events go, oldest first, and nobody who reads on misses that they are gone."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from core.audit.service import CLI
from core.doctor.service import CHECKS, examine
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.webhooks import deliveries, events, retention
from core.webhooks.events import EventSlice
from core.webhooks.models import attempts, object_sequences
from core.webhooks.models import deliveries as delivery_table
from core.webhooks.models import events as event_table
from core.webhooks.wanted import Wanted
from tests.core.webhooks.receiver import receiving
from tests.core.webhooks.scenes import (
    HOUR,
    all_deliveries,
    all_events,
    happen,
    make_endpoint,
    make_partner,
    say,
    sending,
)

DAY = 24 * HOUR


async def delete_old(db: Database, settings: Settings) -> int:
    return await retention.delete_old(db, kept=settings.event_retention)


async def read(db: Database, partner: str, after_seq: int = 0, **values: Any) -> EventSlice:
    async with db.transaction() as tx:
        return await events.list_events(
            tx, partner_id=partner, after_seq=after_seq, **{"livemode": True, **values}
        )


async def rows_of(db: Database) -> tuple[int, int, int]:
    async with db.transaction() as tx:
        counted = [
            int(await tx.scalar(select(func.count()).select_from(table)))
            for table in (delivery_table, attempts)
        ]
    return len(await all_events(db)), counted[0], counted[1]


async def test_old_events_go_with_their_deliveries_and_attempts_in_batches(
    db: Database,
    vault: Vault,
    settings: Settings,
    clock: ShiftedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    partner, quiet = await make_partner(db), await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        for _ in range(5):
            await happen(db, partner)
        while await sender.deliver_once():
            pass
        clock.advance(89 * DAY)
        assert await delete_old(db, settings) == 0
        await happen(db, partner)
        await happen(db, quiet)
        while await sender.deliver_once():
            pass
        assert await rows_of(db) == (7, 6, 6)
        clock.advance(2 * DAY)
        gone = await asyncio.gather(delete_old(db, settings), delete_old(db, settings))
    assert sum(gone) == 5, "twice at a time deletes each event once"
    assert await delete_old(db, settings) == 0
    assert await rows_of(db) == (2, 1, 1)
    async with db.transaction() as tx:
        assert await examine(tx) == []


async def test_what_is_still_to_be_delivered_keeps_itself_and_all_after_it(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        ids = [await happen(db, partner) for _ in range(3)]
        while await sender.deliver_once():
            pass
        async with db.transaction() as tx:
            await deliveries.resend(tx, CLI, partner_id=partner, livemode=True, event_id=ids[1])
        clock.advance(91 * DAY)
        assert await delete_old(db, settings) == 1
        assert [event.id for event in await all_events(db)] == ids[1:]
        while await sender.deliver_once():
            pass
        assert await delete_old(db, settings) == 2
    assert await all_deliveries(db) == []
    async with db.transaction() as tx:
        assert await examine(tx) == []


async def test_a_resend_and_the_deletion_of_its_event_exclude_each_other(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    """Either the event stays until it is delivered, or there is none to send."""
    for _ in range(5):
        partner = await make_partner(db)
        await make_endpoint(db, vault, settings, partner, 9009)
        event_id = await happen(db, partner)
        async with db.transaction() as tx:
            its = delivery_table.c.event_id == event_id
            await tx.execute(delivery_table.update().where(its).values(status="dead"))
        clock.advance(91 * DAY)

        async def resend(partner: str = partner, event_id: str = event_id) -> str:
            try:
                async with db.transaction() as tx:
                    await deliveries.resend(
                        tx, CLI, partner_id=partner, livemode=True, event_id=event_id
                    )
            except PlatformError as exc:
                return exc.code
            return "resent"

        outcome = await asyncio.gather(resend(), delete_old(db, settings))
        assert tuple(outcome) in {("resent", 0), ("not_found", 1)}


async def test_a_reader_is_told_that_it_has_missed_events(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with db.transaction() as tx:
        for livemode in (True, True, False, True, False):
            await say(tx, partner, livemode=livemode)
    clock.advance(91 * DAY)
    assert (await read(db, partner)).oldest_seq == 1
    assert await delete_old(db, settings) == 5
    await happen(db, partner)
    with pytest.raises(PlatformError, match="events_expired") as caught:
        await read(db, partner, after_seq=3)
    assert caught.value.facts == {"oldest_seq": 5}
    assert "after_seq=4" in caught.value.detail
    for after_seq in (0, 4, 5):
        page = await read(db, partner, after_seq=after_seq)
        assert ([e.seq for e in page.rows], page.next_seq, page.oldest_seq) == ([6], 6, 5)
    assert (await read(db, partner, after_seq=5, livemode=False)).rows == []
    with pytest.raises(PlatformError, match="events_expired"):
        await read(db, partner, after_seq=4, livemode=False)


async def test_whoever_reads_to_the_end_is_never_told_so(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    """Also if nothing that fits, or nothing of its mode, happens for longer than all is kept."""
    partner = await make_partner(db)
    await happen(db, partner)
    async with db.transaction() as tx:
        await say(tx, partner, livemode=False)
    wanted = Wanted(types=["order.corrected"])
    seen, seen_in_test = 0, 2
    for _ in range(4):
        clock.advance(50 * DAY)
        await delete_old(db, settings)
        await happen(db, partner)
        seen = (await read(db, partner, after_seq=seen, wanted=wanted)).next_seq
        seen_in_test = (await read(db, partner, after_seq=seen_in_test, livemode=False)).next_seq
    assert (seen, seen_in_test) == (6, 2)
    assert [event.seq for event in await all_events(db)] == [5, 6]


async def test_i15_the_sequence_of_an_object_goes_on_when_its_events_are_gone(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    for _ in range(2):
        async with db.transaction() as tx:
            await say(tx, partner, "key.created", object_id="key_1", object_sequence=None)
            await say(tx, partner, "key.created", object_id="key_1", object_sequence=None)
            await say(tx, partner, "session.ended", object_id="cs_1", object_sequence=7)
        clock.advance(91 * DAY)
        assert await delete_old(db, settings) == 3
    async with db.transaction() as tx:
        await say(tx, partner, "key.revoked", object_id="key_1", object_sequence=None)
        kept = await tx.all(select(object_sequences))
    assert [(row.object_id, row.sequence) for row in kept] == [("key_1", 4)], "only what we count"
    (event,) = await all_events(db)
    assert event.object_sequence == 5


async def test_the_doctor_sees_a_hole_behind_what_was_deleted(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    await happen(db, partner)
    clock.advance(91 * DAY)
    for _ in range(3):
        await happen(db, partner)
    assert await delete_old(db, settings) == 1
    checks = [check for check in CHECKS if "without a hole" in check.title]
    async with db.transaction() as tx:
        assert await examine(tx, checks) == []
        await tx.execute(event_table.delete().where(event_table.c.seq == 3))
        (finding,) = await examine(tx, checks)
    assert (finding.rows[0]["deleted"], finding.rows[0]["events"]) == (1, 2)
