"""Who runs a simulated charger: one node at a time, for as long as its lease lasts."""

from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from core.audit.service import CLI
from core.chargers import passwords, registry
from core.fleet import store as fleet
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.partners import service as partners
from core.sandbox import hosting, service
from core.sandbox.hosting import LEASE, Role
from core.sandbox.models import Seen
from core.sandbox.states import Act, ActStatus


async def sandbox(db: Database, vault: Vault) -> tuple[str, Sequence[Seen]]:
    async with db.transaction() as tx:
        partner = await partners.create_partner(tx, CLI, name="P")
        await service.ensure(tx, vault, partner.id)
        return partner.id, await service.chargers(tx, partner.id)


async def claim(db: Database, vault: Vault, host: str, room: int = 100) -> Sequence[Role]:
    async with db.transaction() as tx:
        return await hosting.claim(tx, vault, host=host, room=room)


async def want(db: Database, settings: Settings, partner_id: str, charger: Seen) -> bool:
    async with db.transaction() as tx:
        return await service.want(tx, settings, partner_id, charger.charger_id)


async def test_nobody_runs_what_nobody_wants(db: Database, vault: Vault) -> None:
    await sandbox(db, vault)

    assert await claim(db, vault, "node-a") == []


async def test_a_wanted_charger_is_run_by_one_node_with_its_password(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner_id, (ok, *_) = await sandbox(db, vault)
    assert await want(db, settings, partner_id, ok)

    [role] = await claim(db, vault, "node-a")

    assert (role.charger_id, role.name) == (ok.charger_id, "SIM-OK")
    assert role.identity == f"SIM-OK-{partner_id.removeprefix('prt_')}"
    assert len(role.password) == 40
    assert role.password not in repr(role)
    assert await claim(db, vault, "node-b") == []


async def test_what_a_dead_node_ran_is_run_by_another(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner_id, (ok, *_) = await sandbox(db, vault)
    await want(db, settings, partner_id, ok)
    await claim(db, vault, "node-a")

    clock.advance(LEASE.total_seconds() + 1)

    assert [role.charger_id for role in await claim(db, vault, "node-b")] == [ok.charger_id]
    async with db.transaction() as tx:
        assert await hosting.renew(tx, settings, host="node-a") == frozenset()
        assert await hosting.renew(tx, settings, host="node-b") == {ok.charger_id}
        await hosting.release(tx, [ok.charger_id], host="node-a")  # comes too late
    assert await claim(db, vault, "node-a") == []


async def test_a_charger_that_nobody_has_wanted_for_a_while_is_let_go(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner_id, (ok, *_) = await sandbox(db, vault)
    await want(db, settings, partner_id, ok)
    await claim(db, vault, "node-a")

    clock.advance(settings.sandbox_idle_after.total_seconds() + 1)

    async with db.transaction() as tx:
        assert await hosting.renew(tx, settings, host="node-a") == frozenset()
        await hosting.release_all(tx, host="node-a")
    assert await claim(db, vault, "node-a") == []


async def test_a_node_takes_no_more_than_it_has_room_for(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner_id, chargers = await sandbox(db, vault)
    for charger in chargers:
        await want(db, settings, partner_id, charger)

    assert len(await claim(db, vault, "node-a", room=4)) == 4
    assert await claim(db, vault, "node-a", room=0) == []
    names = {role.name for role in await claim(db, vault, "node-b")}
    assert len(names) == 5
    assert "SIM-OFFLINE" not in names


async def test_an_errand_is_taken_once_and_answered_once(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner_id, (ok, *_) = await sandbox(db, vault)
    asked: dict[str, Any] = {"partner_id": partner_id, "charger_id": ok.charger_id, "arguments": {}}
    async with db.transaction() as tx:
        first = await service.ask(tx, settings, CLI, act=Act.PLUG, **asked)
        given_up = await service.ask(tx, settings, CLI, act=Act.UNPLUG, **asked)
        assert await service.give_up(tx, given_up.id)
    async with db.transaction() as tx:
        taken = await hosting.take_errands(tx, [ok.charger_id])
        assert [errand.id for errand in taken] == [first.id]
        assert not await service.give_up(tx, first.id)
    async with db.transaction() as tx:
        assert await hosting.take_errands(tx, [ok.charger_id]) == []
        await hosting.answered(tx, taken[0], refused="no")
        await hosting.answered(tx, taken[0], refused=None)
        done = await service.outcome(tx, first.id)
    assert (done.status, done.reason) == (ActStatus.REFUSED, "no")


async def test_old_errands_are_deleted(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner_id, (ok, *_) = await sandbox(db, vault)
    async with db.transaction() as tx:
        await service.ask(
            tx,
            settings,
            CLI,
            partner_id=partner_id,
            charger_id=ok.charger_id,
            act=Act.PLUG,
            arguments={},
        )
        assert await service.delete_old(tx) == 0

    clock.advance(service.ERRANDS_KEPT.total_seconds() + 1)

    async with db.transaction() as tx:
        assert await service.delete_old(tx) == 1


async def test_a_password_whose_key_is_gone_is_replaced(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner_id, (ok, *_) = await sandbox(db, vault)
    await want(db, settings, partner_id, ok)
    other_ring = settings.model_copy(update={"encryption_keys": (SecretStr("k9:" + "x" * 40),)})

    [role] = await claim(db, Vault(other_ring), "node-a")

    async with db.transaction() as tx:
        await hosting.release_all(tx, host="node-a")
        charger = await registry.get(tx, ok.charger_id)
    assert passwords.matches(vault.hasher, role.password.encode(), charger.credential)
    [again] = await claim(db, Vault(other_ring), "node-a")
    assert again.password == role.password


async def test_a_fleet_command_leaves_simulated_chargers_out(db: Database, vault: Vault) -> None:
    _, (ok, *_) = await sandbox(db, vault)
    async with db.transaction() as tx:
        real, _ = await registry.register(tx, vault, CLI, identity="CP-1")

        everything = await fleet.choose(tx, fleet.Selection(), limit=100)
        named = await fleet.choose(tx, fleet.Selection(charger_ids=(ok.charger_id,)), limit=100)

    assert [id_ for id_, _ in everything] == [real.id]
    assert [id_ for id_, _ in named] == [ok.charger_id]
