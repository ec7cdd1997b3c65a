"""The socket of a charger: messages whole and in order, and who is still there."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.protocol import State

from core.chargers.models import Charger
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from csms import pinging
from csms import server as csms_server
from csms.pinging import LOOK_EVERY_S, PORTIONS
from csms.socket import FRAGMENTS_AT_MOST
from tests.csms.live import Running, charger, closed, running
from tests.csms.test_profiles import set_rules
from tests.eventually import eventually


async def test_a_message_in_fragments_is_one_message(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        await cp.socket.send(['[2,"f1",', '"Heart', "", 'beat",{}]'])
        await cp.socket.ping()  # between the messages, as RFC 6455 5.4 allows also within one
        await cp.call("Heartbeat", {}, "f2")
        assert [frame[1] for frame in cp.answers[1:]] == ["f1", "f2"]


async def test_a_text_that_is_no_utf8_ends_the_socket_with_1007(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        await cp.socket.send(b'[2,"a","Heartbeat",{"x":"\xff"}]', text=True)
        await cp.send([2, "b", "Heartbeat", {}])
        assert await closed(cp) == 1007
        assert not cp.to("b")


async def test_a_message_of_too_many_fragments_ends_the_socket_with_1009(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        await cp.socket.send(["["] + [""] * FRAGMENTS_AT_MOST + ["]"])
        assert await closed(cp) == 1009


async def test_what_comes_before_the_charger_is_registered_is_heard_in_its_order(
    server: Running,
) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        ids = [f"e{number}" for number in range(150)]
        await cp.send([2, "boot", "BootNotification", _BOOT])
        for message_id in ids:
            await cp.send([2, message_id, "Heartbeat", {}])
        await cp.until(lambda: len(cp.answers) == len(ids) + 1)
        assert [frame[1] for frame in cp.answers] == ["boot", *ids]


_BOOT = {"chargePointVendor": "Vendor", "chargePointModel": "Model"}


async def test_a_charger_that_answers_pings_stays(server: Running) -> None:
    known = await server.add_charger()
    async with charger(server) as cp:
        connection = await _connection(server, known)
        for _ in range(4):
            connection.keep_alive()
            connection.keep_alive()  # silent since the first: pinged
            assert await connection.answers_ping(within_s=20)  # a later pong: the first is here
        assert cp.socket.state is State.OPEN


async def test_a_charger_that_answers_no_ping_is_disconnected(
    db: Database, settings: Settings, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csms_server, "CLOSE_WITHIN_S", 0.05)
    async with running(db, settings, vault) as server:
        known = await server.add_charger()
        async with charger(server) as cp:
            connection = await _connection(server, known)
            cp.socket.transport.pause_reading()
            connection.keep_alive()
            connection.keep_alive()
            assert known.id in server.csms.connections
            connection.keep_alive()
            await _gone(server, known)
            assert connection._socket.close_code == 1006
            cp.socket.transport.abort()


async def test_a_charger_whose_profile_says_so_is_never_pinged(server: Running) -> None:
    known = await server.add_charger()
    await set_rules(server, known.id, {"pings": False})
    async with charger(server) as cp:
        connection = await _connection(server, known)
        cp.socket.transport.pause_reading()
        for _ in range(5):
            connection.keep_alive()
        cp.socket.transport.resume_reading()
        await cp.boot()


async def test_a_charger_that_does_not_end_its_closing_is_cut_off(server: Running) -> None:
    known = await server.add_charger()
    async with charger(server) as cp:
        connection = await _connection(server, known)
        cp.socket.transport.pause_reading()
        cp.socket.protocol.send_close(1000)
        cp.socket.send_data()
        await eventually(lambda: _closes(connection))
        connection.keep_alive()
        connection.keep_alive()
        await _gone(server, known)
        cp.socket.transport.abort()


async def test_a_socket_that_is_not_read_does_not_count_as_silent(server: Running) -> None:
    known = await server.add_charger()
    async with charger(server) as cp:
        connection = await _connection(server, known)
        connection._socket.hold()
        for _ in range(5):
            connection.keep_alive()
        connection._socket.go_on()
        await cp.boot()


async def test_a_bug_beside_the_calls_ends_the_socket_and_no_other_work_of_it(
    server: Running,
) -> None:
    known = await server.add_charger()
    done = asyncio.Event()

    async def fails() -> None:
        raise RuntimeError("a bug")

    async def goes_on(connection: Any) -> None:
        await connection._socket.wait_closed()
        done.set()

    async with charger(server) as cp:
        connection = await _connection(server, known)
        connection.spawn(goes_on(connection))
        connection.spawn(fails())
        assert await closed(cp) == 1011
        async with asyncio.timeout(20):
            await done.wait()
        await _gone(server, known)


@dataclass
class _Looked:
    times: int = 0

    def keep_alive(self) -> None:
        self.times += 1


async def test_every_connection_is_looked_at_once_in_each_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Clock(ShiftedClock):
        async def sleep(self, delay_s: float) -> None:
            self.advance(delay_s)
            if self.monotonic() - began_s > 3 * LOOK_EVERY_S - LOOK_EVERY_S / PORTIONS / 2:
                raise asyncio.CancelledError

    clock = Clock()
    began_s = clock.monotonic()
    looked = {str(n): _Looked() for n in range(2 * PORTIONS + 3)}
    node: Any = SimpleNamespace(clock=clock, connections=looked)
    with pytest.raises(asyncio.CancelledError):
        await pinging.ping(node)
    assert {one.times for one in looked.values()} == {3}


async def _connection(server: Running, known: Charger) -> Any:
    async def find() -> Any:
        found = server.csms.connections.get(known.id)
        return found if found is not None and found._context is not None else None

    return await eventually(find)


async def _closes(connection: Any) -> bool:
    return bool(connection._socket.state is not State.OPEN)


async def _gone(server: Running, known: Charger) -> None:
    async def is_gone() -> bool:
        return known.id not in server.csms.connections

    await eventually(is_gone)
