"""ON-3: a partner is told before a key ends, once for each end that the key is given."""

from datetime import timedelta
from typing import Any

from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.page import Page
from core.partners import keys
from core.partners import service as partners
from core.webhooks import events, partner_events

WEEK = timedelta(days=7)


async def make_key(db: Database, vault: Vault, **values: Any) -> tuple[str, str]:
    async with db.transaction() as tx:
        partner = await partners.create_partner(tx, CLI, name="Acme")
        key, _ = await keys.create_key(
            tx,
            vault,
            CLI,
            partner_id=partner.id,
            livemode=True,
            name="app",
            scopes=["events:read"],
            **values,
        )
    return partner.id, key.id


async def tell(db: Database) -> int:
    async with db.transaction() as tx:
        return await partner_events.tell_expiring_keys(tx, ahead=WEEK)


async def test_on3_an_end_is_told_of_once_and_a_new_end_again(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    partner_id, key_id = await make_key(db, vault, expires_at=None)
    assert await tell(db) == 0
    for days in (10, 20):
        async with db.transaction() as tx:
            changes = {"expires_at": tx.now + timedelta(days=days)}
            await keys.update_key(tx, CLI, partner_id=partner_id, key_id=key_id, changes=changes)
        assert await tell(db) == 0
        clock.advance(timedelta(days=days - 6).total_seconds())
        assert [await tell(db), await tell(db)] == [1, 0]
    async with db.transaction() as tx:
        found = await events.list_events(
            tx, partner_id=partner_id, livemode=True, after_seq=0, limit=10
        )
        key = await keys.get_key(tx, partner_id=partner_id, key_id=key_id)
        listed = await keys.list_keys(tx, partner_id=partner_id, page=Page(limit=10))
    assert [event.type for event in found.rows] == ["key.expiring", "key.expiring"]
    assert [event.object_id for event in found.rows] == [key_id, key_id]
    assert key.expiry_told == key.expires_at
    assert [row.id for row in listed.rows] == [key_id]


async def test_on3_a_key_that_is_over_revoked_or_rotated_is_not_told_of(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    async with db.transaction() as tx:
        soon_at = tx.now + timedelta(days=1)
    await make_key(db, vault, expires_at=soon_at)
    revoked_of, revoked = await make_key(db, vault, expires_at=soon_at + WEEK)
    rotated_of, rotated = await make_key(db, vault, expires_at=None)
    clock.advance(timedelta(days=2).total_seconds())
    async with db.transaction() as tx:
        await keys.revoke_key(tx, CLI, partner_id=revoked_of, key_id=revoked)
        await partner_events.rotate_key(
            tx, vault, CLI, partner_id=rotated_of, key_id=rotated, overlap_hours=24
        )
    assert await tell(db) == 0
