"""What is revoked or asked for after the login ends an open socket, on the node that holds it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from websockets.asyncio.client import ClientConnection

from core.audit.service import CLI
from core.certificates import holdings
from core.chargers import registry
from core.commands.commands import Raw
from core.commands.states import CommandStatus
from core.kernel import failpoints
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.doorbell_redis import RedisDoorbell
from core.kernel.settings import Settings
from tests import services
from tests.csms.live import PASSWORD, Running
from tests.csms.secure import client_context, dial, outcome, reasons, secure
from tests.csms.test_commands import ask, until
from tests.eventually import eventually
from tests.pki import Issued, Pki, key_pem

POLICY = 1008


@pytest.fixture
async def server(
    db: Database, settings: Settings, vault: Vault, pki: Pki
) -> AsyncIterator[Running]:
    async with secure(db, settings, vault, pki) as running:
        yield running


@pytest.fixture
async def elsewhere(settings: Settings, clock: ShiftedClock) -> AsyncIterator[Database]:
    """The database as another process sees it, whose bell nobody here hears."""
    async with Database(settings.database_url, doorbell=MemoryDoorbell(), clock=clock) as db:
        yield db


async def revoke(db: Database, *shown: Issued) -> None:
    async with db.transaction() as tx:
        for one in shown:
            serial = f"{one.certificate.serial_number:x}"
            await holdings.revoke(tx, CLI, serial, reason="stolen")


async def raise_profile(db: Database, charger_id: str, profile: int) -> None:
    async with db.transaction() as tx:
        await registry.update(tx, CLI, charger_id, {"security_profile": profile})


async def ended(socket: ClientConnection) -> tuple[int | None, str | None]:
    async with asyncio.timeout(30):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason


async def answers(socket: ClientConnection) -> bool:
    """Tell whether a call is still answered, with whatever."""
    await socket.send(json.dumps([2, "alive", "Heartbeat", {}]))
    async for text in socket:
        if json.loads(text)[1] == "alive":
            return True
    return False


async def held(server: Running, count: int = 1) -> None:
    async def registered() -> bool:
        found = [one for one in server.csms.connections.values() if one.is_registered]
        return len(found) == count

    await eventually(registered)


async def test_s4_a_revoked_certificate_ends_the_socket_that_stands_on_it(
    server: Running, pki: Pki
) -> None:
    await server.add_charger(security_profile=3)
    await server.add_charger("CP-2", security_profile=3)
    shown, other = pki.issue("CP-1"), pki.issue("CP-2")
    async with (
        dial(server, client_context(pki, shown)) as socket,
        dial(server, client_context(pki, other), identity="CP-2") as neighbour,
    ):
        await held(server, 2)
        with structlog.testing.capture_logs() as logs:
            await revoke(server.db, shown)
            assert await ended(socket) == (POLICY, "its certificate was revoked")
        assert await answers(neighbour)
    told = [line for line in logs if line["event"] == "socket_ended"]
    assert [line["reason"] for line in told] == ["its certificate was revoked"]
    assert await outcome(server, client_context(pki, shown)) == 401
    assert (await reasons(server))[0] == "certificate_revoked"


async def test_s4_without_the_bell_the_watch_ends_it(
    server: Running, pki: Pki, clock: ShiftedClock, elsewhere: Database
) -> None:
    await server.add_charger(security_profile=3)
    shown = pki.issue("CP-1")
    await revoke(elsewhere, pki.issue("CP-1"))
    async with dial(server, client_context(pki, shown)) as socket:
        await held(server)
        clock.advance(2)
        assert await answers(socket)
        await revoke(elsewhere, shown)
        clock.advance(2)
        assert await ended(socket) == (POLICY, "its certificate was revoked")


async def test_s4_a_revocation_on_another_node_is_heard_over_redis(
    settings: Settings, clock: ShiftedClock, vault: Vault, pki: Pki, elsewhere: Database
) -> None:
    url = services.redis_url()
    async with (
        RedisDoorbell(url, clock) as here,
        RedisDoorbell(url, clock) as there,
        Database(settings.database_url, doorbell=here, clock=clock) as db,
        Database(settings.database_url, doorbell=there, clock=clock) as other,
        secure(db, settings, vault, pki) as server,
    ):
        await here.wait_connected(within_s=5)
        await there.wait_connected(within_s=5)
        await server.add_charger(security_profile=3)
        shown = pki.issue("CP-1")
        async with dial(server, client_context(pki, shown)) as socket:
            await held(server)
            await revoke(other, shown)
            assert (await ended(socket))[0] == POLICY


async def test_s4_a_revoked_authority_in_the_chain_ends_it_too(
    server: Running, pki: Pki, tmp_path: Path
) -> None:
    await server.add_charger(security_profile=3)
    middle = Pki(tmp_path, name="Middle CA")
    signed = pki.issue("Middle CA", key=middle.key, ca=True)
    leaf = middle.issue("CP-1")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.pem.encode() + signed.pem.encode() + key_pem(leaf.key))
    async with dial(server, client_context(pki, chain)) as socket:
        await held(server)
        await revoke(server.db, signed)
        assert (await ended(socket))[0] == POLICY
    assert await outcome(server, client_context(pki, chain)) == 401


async def test_s4_what_was_sent_along_for_nothing_ends_nothing(
    server: Running, pki: Pki, tmp_path: Path
) -> None:
    """The door asks for the chain alone; a socket that it would let in again has to stay."""
    await server.add_charger(security_profile=3)
    leaf, stray = pki.issue("CP-1"), pki.issue("Stray CA", ca=True)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.pem.encode() + stray.pem.encode() + key_pem(leaf.key))
    async with dial(server, client_context(pki, chain)) as socket:
        await held(server)
        await revoke(server.db, stray)
        assert await answers(socket)
        [connection] = server.csms.connections.values()
        assert connection.serials == {f"{leaf.certificate.serial_number:x}"}


async def test_s4_a_charger_that_owes_an_answer_is_not_waited_for(
    server: Running, pki: Pki
) -> None:
    await server.add_charger(security_profile=3)
    shown = pki.issue("CP-1")
    async with dial(server, client_context(pki, shown)) as socket:
        await held(server)
        await ask(server, Raw(action="ClearCache", payload={}))
        assert json.loads(await socket.recv())[2] == "ClearCache"
        await revoke(server.db, shown)
        assert (await ended(socket))[0] == POLICY


async def test_a_socket_that_ends_while_a_call_is_claimed_sends_it_no_more(server: Running) -> None:
    await server.add_charger()
    async with dial(server, None, password=PASSWORD) as socket:
        await held(server)
        [connection] = server.csms.connections.values()

        def end(place: str) -> None:
            if place == "csms.claimed.raw":
                connection.end("it was told to")

        with failpoints.told(end):
            row = await ask(server, Raw(action="ClearCache", payload={}), timeout_s=3600)
            assert await ended(socket) == (POLICY, "it was told to")
    await until(server, row, CommandStatus.TIMED_OUT)


@pytest.mark.parametrize("is_heard", [True, False])
async def test_s3_a_profile_that_asks_for_tls_ends_a_socket_without(
    server: Running, clock: ShiftedClock, elsewhere: Database, *, is_heard: bool
) -> None:
    row = await server.add_charger()
    async with dial(server, None, password=PASSWORD) as socket:
        await held(server)
        await raise_profile(server.db if is_heard else elsewhere, row.id, 2)
        if not is_heard:
            clock.advance(6)
        assert await ended(socket) == (POLICY, "a higher security profile is required")
    assert await outcome(server, None, password=PASSWORD) == 401
    assert (await reasons(server))[0] == "insecure_profile"


async def test_s3_a_profile_that_asks_for_a_certificate_ends_a_socket_with_a_password(
    server: Running, pki: Pki
) -> None:
    row = await server.add_charger()
    async with dial(server, client_context(pki), password=PASSWORD) as socket:
        await held(server)
        await raise_profile(server.db, row.id, 3)
        assert (await ended(socket))[0] == POLICY
    async with dial(server, client_context(pki, pki.issue("CP-1"))) as socket:
        assert await answers(socket)


async def test_a_password_set_for_a_charger_without_one_holds_from_its_next_login(
    server: Running, clock: ShiftedClock
) -> None:
    """Over the socket that is open it can be told a password; closed, nobody could reach it."""
    row = await server.add_charger(security_profile=0, password=None)
    async with dial(server, None) as socket:
        await held(server)
        async with server.db.transaction() as tx:
            await registry.set_password(tx, server.vault, CLI, row.id, password=PASSWORD)
        clock.advance(6)
        assert await answers(socket)
    assert await outcome(server, None) == 401
