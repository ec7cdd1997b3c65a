import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets import InvalidStatus

from core.audit.service import CLI
from core.chargers import presence, registry
from core.chargers.models import Charger
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.settings import Settings
from csms import outbound
from csms import server as server_module
from tests.csms.live import Running, charger, closed, running
from tests.eventually import eventually


async def row_of(db: Database, identity: str = "CP-1") -> Charger:
    async with db.transaction() as tx:
        row = await registry.by_identity(tx, identity)
    assert row is not None
    return row


async def until_online(db: Database, *, online: bool) -> Charger:
    async def probe() -> Charger | None:
        row = await row_of(db)
        return row if row.online is online else None

    return await eventually(probe)


async def test_i26_the_newer_socket_wins_and_the_end_of_the_old_changes_nothing(
    server: Running, version: str
) -> None:
    await server.add_charger()
    async with charger(server, version=version) as old:
        await old.boot()
        first = await row_of(server.db)
        async with charger(server, version=version) as new:
            assert await closed(old) == 1008
            await new.boot()
            row = await row_of(server.db)
            assert (row.online, row.epoch) == (True, first.epoch + 1)
            assert server.csms.connections[row.id].epoch == row.epoch
    assert not (await until_online(server.db, online=False)).online
    assert server.csms.connections == {}


async def test_many_sockets_of_one_identity_at_once_leave_one(server: Running) -> None:
    await server.add_charger()

    async def come() -> int | None:
        async with charger(server) as cp:
            return await closed(cp)

    async def all_but_one() -> bool:
        return sum(one.done() for one in comers) == 9

    async with asyncio.TaskGroup() as tasks:
        comers = [tasks.create_task(come()) for _ in range(10)]
        await eventually(all_but_one)
        async with charger(server) as last:
            await last.boot()
    assert [one.result() for one in comers] == [1008] * 10


async def test_s7_nobody_without_credentials_displaces_a_charger_that_answers(
    server: Running,
) -> None:
    await server.add_charger(security_profile=0, password=None)
    async with charger(server, password=None) as cp:
        await cp.boot()
        with pytest.raises(InvalidStatus) as caught:
            async with charger(server, password=None):
                pass
        assert caught.value.response.status_code == 409
        assert "currentTime" in await cp.result("Heartbeat", {})
    await until_online(server.db, online=False)
    async with charger(server, password=None) as cp:
        await cp.boot()


async def test_s7_nor_one_that_is_on_another_node(server: Running) -> None:
    row = await server.add_charger(security_profile=0, password=None)
    async with server.db.transaction() as tx:
        await presence.node_alive(tx, "node-b")
        await presence.connected(tx, row.id, node_id="node-b", version="1.6", address="::1")
    with pytest.raises(InvalidStatus):
        async with charger(server, password=None):
            pass


async def test_a_stopping_node_says_goodbye_and_releases_its_chargers(
    db: Database, settings: Settings, vault: Vault
) -> None:
    async with running(db, settings, vault) as server:
        await server.add_charger()
        opened = charger(server)
        cp = await opened.__aenter__()
        await cp.boot()
    assert await closed(cp) == 1001
    await opened.__aexit__(None, None, None)
    assert not (await row_of(db)).online


async def test_a_node_stops_though_a_charger_is_just_coming(
    db: Database, settings: Settings, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its handshake is over, and it is entered only when all others have been closed."""
    is_coming, may_come = asyncio.Event(), asyncio.Event()
    connected, drain = presence.connected, server_module._drain

    async def late(tx: Tx, charger_id: str, **more: Any) -> int:
        is_coming.set()
        await may_come.wait()
        return await connected(tx, charger_id, **more)

    async def drained(*about: Any) -> None:
        draining = asyncio.create_task(drain(*about))
        await asyncio.sleep(0)  # nobody is connected: it waits for the handshakes by now
        may_come.set()
        async with asyncio.timeout(30):
            await draining

    monkeypatch.setattr(presence, "connected", late)
    monkeypatch.setattr(server_module, "_drain", drained)
    async with AsyncExitStack() as stack:
        async with running(db, settings, vault) as server:
            await server.add_charger()
            cp = await stack.enter_async_context(charger(server))
            await is_coming.wait()
        assert await closed(cp) == 1001
    assert not (await row_of(db)).online


async def test_what_a_process_of_the_same_name_left_is_released_at_start(
    db: Database, settings: Settings, vault: Vault
) -> None:
    async with db.transaction() as tx:
        row, _ = await registry.register(tx, vault, CLI, identity="CP-1")
        await presence.connected(tx, row.id, node_id=settings.node_id, version="1.6", address="")
    async with running(db, settings, vault):
        assert not (await row_of(db)).online


async def test_a_charger_that_went_to_another_node_is_let_go(
    server: Running, clock: ShiftedClock
) -> None:
    row = await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        async with server.db.transaction() as tx:
            await presence.node_alive(tx, "node-b")
            await presence.connected(tx, row.id, node_id="node-b", version="1.6", address="")
        clock.advance(6)
        assert await closed(cp) == 1008

    async def nobody() -> bool:
        return not server.csms.connections

    await eventually(nobody)
    assert (await row_of(server.db)).node_id == "node-b"


async def test_a_node_taken_for_dead_takes_its_chargers_back(
    server: Running, clock: ShiftedClock
) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        async with server.db.transaction() as tx:
            await presence.release_node(tx, server.settings.node_id)
        await until_online(server.db, online=False)
        clock.advance(6)
        row = await until_online(server.db, online=True)
        assert server.csms.connections[row.id].epoch == row.epoch
        assert "currentTime" in await cp.result("Heartbeat", {})


async def test_a_charger_with_work_is_not_cut_off_by_a_node_taken_for_dead(
    server: Running, clock: ShiftedClock
) -> None:
    """A boot storm of 2,000: whoever had a command waiting was closed with 1008, came back, ..."""
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        async with server.db.transaction() as tx:
            await presence.release_node(tx, server.settings.node_id)
        row = await until_online(server.db, online=False)
        mine = server.csms.connections[row.id]
        assert await outbound.claim(mine._node, row.id, mine._pump._take_next) is None
        clock.advance(6)
        assert (await until_online(server.db, online=True)).epoch == row.epoch + 1
        assert "currentTime" in await cp.result("Heartbeat", {})


async def test_a_socket_whose_end_was_not_recorded_is_swept(
    server: Running, clock: ShiftedClock
) -> None:
    row = await server.add_charger()
    async with server.db.transaction() as tx:
        await presence.connected(
            tx, row.id, node_id=server.settings.node_id, version="1.6", address=""
        )
    clock.advance(6)
    await until_online(server.db, online=False)


async def test_a_charger_that_is_disabled_or_deleted_loses_its_socket(
    server: Running, version: str, clock: ShiftedClock
) -> None:
    row = await server.add_charger()
    async with charger(server, version=version) as cp:
        await cp.boot()
        async with server.db.transaction() as tx:
            await registry.disable(tx, CLI, row.id)
        clock.advance(6)
        assert await closed(cp) == 1008
    async with server.db.transaction() as tx:
        await registry.enable(tx, CLI, row.id)
    async with charger(server, version=version) as cp:
        await cp.boot()
        async with server.db.transaction() as tx:
            await registry.delete(tx, CLI, row.id)
        clock.advance(6)
        assert await closed(cp) == 1008


async def test_a_lost_connection_marks_the_charger_offline(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        await until_online(server.db, online=True)
        cp.socket.transport.abort()
        await closed(cp)
        await until_online(server.db, online=False)
