"""Commands that are claimed in the transaction that queues them."""

from collections.abc import Callable
from typing import Any

import pytest

from core.commands.models import CommandRow
from core.commands.states import CommandStatus
from csms.connection import Connection
from tests.csms.live import BOOT, RawCharger, Running, charger
from tests.csms.test_commands import UNLOCK, ask, enqueue, quiet, until
from tests.eventually import eventually


class GivenUp(Exception):
    pass


async def at_rest(server: Running, cp: RawCharger) -> Connection:
    """Boot, and wait until nothing is asked of the charger any more."""
    await quiet(server, cp)
    connection = next(iter(server.csms.connections.values()))

    async def probe() -> bool:
        return not connection._pump._is_at_work and connection.conduct.is_settled

    await eventually(probe)
    return connection


async def queue(server: Running) -> CommandRow:
    async with server.db.transaction() as tx:
        return await enqueue(tx, UNLOCK, at_once=True)


async def give_up(server: Running, *, meanwhile: Callable[[], None] = lambda: None) -> None:
    async with server.db.transaction() as tx:
        await enqueue(tx, UNLOCK, at_once=True)
        meanwhile()
        raise GivenUp


async def unlocked(server: Running, cp: RawCharger, row: CommandRow, call: list[Any]) -> CommandRow:
    """Answer a call, and wait until the answer is recorded."""
    await cp.send([3, call[1], {"status": "Unlocked"}])
    return await until(server, row, CommandStatus.ANSWERED)


async def test_what_is_asked_of_a_charger_at_rest_is_claimed_by_the_same_commit(
    server: Running, version: str
) -> None:
    await server.add_charger()
    async with charger(server, version=version) as cp:
        await at_rest(server, cp)
        row = await queue(server)
        call = await cp.called("UnlockConnector")
        sent = await until(server, row, CommandStatus.SENT)
        assert sent.sent_at == sent.created_at
        assert sent.message_id == call[1]
        await unlocked(server, cp, row, call)


async def test_i6_what_was_taken_and_not_committed_is_never_sent(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await at_rest(server, cp)
        with pytest.raises(GivenUp):
            await give_up(server)
        row = await queue(server)
        call = await cp.called("UnlockConnector")
        done = await unlocked(server, cp, row, call)
        assert (done.message_id, len(cp.calls_of("UnlockConnector"))) == (call[1], 1)


async def test_what_rings_while_a_command_is_taken_and_not_committed_is_not_lost(
    server: Running,
) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        connection = await at_rest(server, cp)
        with pytest.raises(GivenUp):
            await give_up(server, meanwhile=connection.wake)
        assert connection._pump._is_at_work


async def test_i27_a_command_waits_for_the_answer_to_another(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await at_rest(server, cp)
        first = await queue(server)
        call = await cp.called("UnlockConnector")
        second = await queue(server)
        assert await until(server, second, CommandStatus.QUEUED)
        await unlocked(server, cp, first, call)
        await unlocked(server, cp, second, await cp.called("UnlockConnector", 2))


async def test_two_of_one_transaction_are_sent_one_after_the_other(server: Running) -> None:
    await server.add_charger()
    async with charger(server, replies={"UnlockConnector": {"status": "Unlocked"}}) as cp:
        await at_rest(server, cp)
        async with server.db.transaction() as tx:
            rows = [await enqueue(tx, UNLOCK, at_once=True) for _ in range(2)]
        for row in rows:
            await until(server, row, CommandStatus.ANSWERED)
        assert len(cp.calls_of("UnlockConnector")) == 2


async def test_a_command_does_not_overtake_one_that_waits(server: Running) -> None:
    await server.add_charger()
    async with charger(server, replies={"UnlockConnector": {"status": "Unlocked"}}) as cp:
        await at_rest(server, cp)
        async with server.db.transaction() as tx:
            first = await enqueue(tx, UNLOCK)
            second = await enqueue(tx, UNLOCK, at_once=True)
            assert second.status is CommandStatus.QUEUED
        done = [await until(server, row, CommandStatus.ANSWERED) for row in (first, second)]
        calls = [call[1] for call in cp.calls_of("UnlockConnector")]
        assert [row.message_id for row in done] == calls


async def test_a_command_that_was_taken_does_not_overtake_the_answer_to_a_boot(
    server: Running,
) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        connection = await at_rest(server, cp)

        async def is_booting() -> bool:
            return not connection.welcomed.is_set

        async with server.db.transaction() as tx:
            await enqueue(tx, UNLOCK, at_once=True)
            await cp.send([2, "boot-2", "BootNotification", BOOT["1.6"]])
            await eventually(is_booting)
        call = await cp.called("UnlockConnector")
        texts = [text for text in cp.texts if "boot-2" in text or call[1] in text]
        assert "boot-2" in texts[0]


async def test_the_end_of_a_socket_while_a_command_is_taken_costs_only_that(
    server: Running,
) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        connection = await at_rest(server, cp)
        async with server.db.transaction() as tx:
            row = await enqueue(tx, UNLOCK, at_once=True)
            await connection.close(1001, "going")
    assert (await until(server, row, CommandStatus.SENT)).message_id is not None
    async with charger(server) as cp:
        await ask(server, UNLOCK)
        await quiet(server, cp)
        assert await cp.called("UnlockConnector")
