"""The inbox of test mode keeps what it gets, for a while and not without bound."""

from typing import Any

import pytest

from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from core.partners import service as partners
from core.webhooks import endpoints, inbox


async def make(db: Database, vault: Vault) -> tuple[str, str]:
    async with db.transaction() as tx:
        partner = await partners.create_partner(tx, CLI, name="P")
        endpoint, _ = await endpoints.create_inbox(tx, vault, CLI, partner_id=partner.id)
    assert (endpoint.livemode, endpoint.url) == (False, inbox.URL)
    return partner.id, endpoint.id


def message(endpoint_id: str, number: int = 1) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint_id,
        "delivery_id": f"dlv-{number}",
        "event_id": f"evt-{number}",
        "event_type": "ping",
        "headers": {"webhook-id": f"evt-{number}"},
        "body": "{}",
    }


async def kept(tx: Tx, partner_id: str) -> list[str]:
    page = Page(limit=200)
    found = await inbox.messages(tx, partner_id=partner_id, event_type="ping", page=page)
    return [row.event_id for row in found.rows]


async def test_a_partner_has_one_inbox_until_it_deletes_it(db: Database, vault: Vault) -> None:
    partner_id, endpoint_id = await make(db, vault)
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match="inbox already"):
            await endpoints.create_inbox(tx, vault, CLI, partner_id=partner_id)
        await endpoints.delete(
            tx, CLI, partner_id=partner_id, livemode=False, endpoint_id=endpoint_id
        )
        await endpoints.create_inbox(tx, vault, CLI, partner_id=partner_id)


async def test_what_is_old_is_deleted(db: Database, vault: Vault, clock: ShiftedClock) -> None:
    partner_id, endpoint_id = await make(db, vault)
    async with db.transaction() as tx:
        await inbox.keep(tx, [message(endpoint_id, 1)])
    clock.advance(inbox.KEPT.total_seconds() - 60)
    async with db.transaction() as tx:
        await inbox.keep(tx, [message(endpoint_id, 2)])
        assert await inbox.delete_old(tx) == 0
    clock.advance(120)

    async with db.transaction() as tx:
        assert await inbox.delete_old(tx) == 1
        assert await kept(tx, partner_id) == ["evt-2"]


async def test_of_too_many_the_newest_are_kept(
    db: Database, vault: Vault, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "KEPT_AT_MOST", 2)
    partner_id, endpoint_id = await make(db, vault)
    other_id, other_endpoint = await make(db, vault)
    for number in range(4):
        clock.advance(1)
        async with db.transaction() as tx:
            await inbox.keep(tx, [message(endpoint_id, number)])
    async with db.transaction() as tx:
        await inbox.keep(tx, [message(other_endpoint, 9)])

        assert await inbox.delete_old(tx) == 2

        assert await kept(tx, partner_id) == ["evt-2", "evt-3"]
        assert await kept(tx, other_id) == ["evt-9"]
