"""Local lists of real size: bounded messages, a difference costs what differs."""

from dataclasses import asdict

import pytest
from sqlalchemy import insert

from core.audit.service import CLI
from core.chargers import id_tokens, inventory, local_lists, presence, registry
from core.chargers.facts import VariableReported
from core.chargers.models import Charger
from core.chargers.record_models import id_tokens as table
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx

MANY = 10_000


async def filled(tx: Tx, vault: Vault) -> Charger:
    """A charger that wants 10,000 tokens."""
    await id_tokens.put(tx, CLI, "T00000")
    one = await id_tokens.get(tx, "T00000")
    values = {
        "kind": one.kind,
        "blocked": False,
        "group_kind": one.group_kind,
        "restricted": False,
        "master_pass": False,
        "list_digest": one.list_digest,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    rows = [{"token": f"T{number:05}", **values} for number in range(1, MANY)]
    await tx.execute(insert(table), rows)
    charger, _ = await registry.register(tx, vault, CLI, identity="CP-1")
    await local_lists.set_source(tx, charger.id, "all")
    return charger


async def test_ten_thousand_tokens_go_in_bounded_messages(db: Database, vault: Vault) -> None:
    async with db.transaction() as tx:
        charger = await filled(tx, vault)
        full = True
        for _ in range(20):
            update = await local_lists.next_update(tx, charger, full=full, at_most=500)
            assert update is not None
            assert len(update.entries) <= local_lists.USUAL_ITEMS
            await local_lists.taken(tx, charger.id, asdict(update))
            full = False
        assert await local_lists.counts(tx, charger) == (20 * local_lists.USUAL_ITEMS, MANY)


async def test_bytes_of_a_message_are_bounded_too(db: Database, vault: Vault) -> None:
    async with db.transaction() as tx:
        charger = await filled(tx, vault)
        facts = [
            VariableReported(
                component="LocalAuthListCtrlr",
                variable=name,
                attribute="Actual",
                value=value,
                readonly=True,
            )
            for name, value in (("ItemsPerMessage", "800"), ("BytesPerMessage", "4096"))
        ]
        await inventory.store_variables(tx, charger.id, facts)
        update = await local_lists.next_update(tx, charger, full=True)
        assert update is not None
        assert 1 <= len(update.entries) <= 4096 // 320


async def test_versions_begin_anew_when_they_are_used_up(db: Database, vault: Vault) -> None:
    async with db.transaction() as tx:
        charger = await filled(tx, vault)
        await local_lists.version_reported(tx, charger.id, local_lists.MAX_VERSION)
        update = await local_lists.next_update(tx, charger, full=True)
        assert update is not None
        assert update.version == 1


@pytest.mark.parametrize(("version", "listed"), [("1.6", 1), ("2.0.1", 2)])
async def test_a_master_pass_is_listed_where_it_is_known_as_one(
    db: Database, vault: Vault, version: str, listed: int
) -> None:
    """To a charger of 1.6 each listed token is one that may charge."""
    async with db.transaction() as tx:
        await id_tokens.put(tx, CLI, "DRIVER")
        await id_tokens.put(tx, CLI, "MASTER", master_pass=True, group_token="MASTERS")
        made, _ = await registry.register(tx, vault, CLI, identity="CP-1")
        await presence.connected(tx, made.id, node_id="a", version=version, address="192.0.2.1")
        charger = await registry.get(tx, made.id)
        await local_lists.set_source(tx, charger.id, "all")
        assert await local_lists.counts(tx, charger) == (0, listed)
