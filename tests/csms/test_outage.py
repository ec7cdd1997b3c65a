from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from core.chargers import registry
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database, Tx
from core.kernel.errors import DatabaseUnavailable
from tests.csms.live import Running, charger, closed
from tests.csms.test_commands import UNLOCK, ask, quiet, until
from tests.csms.test_transactions16 import sessions_of, start
from tests.eventually import eventually

STATUS: Final = {
    "1.6": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "2.0.1": {
        "timestamp": "2026-11-28T10:00:00Z",
        "connectorStatus": "Available",
        "evseId": 1,
        "connectorId": 1,
    },
}


class Outage:
    """A database that can be taken away and brought back."""

    def __init__(self, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self._transaction = db.transaction
        self.is_away = False
        self.attempts = 0
        monkeypatch.setattr(db, "transaction", self.transaction)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        self.attempts += 1
        if self.is_away:
            raise DatabaseUnavailable
        async with self._transaction() as tx:
            yield tx


@pytest.fixture
def outage(server: Running, monkeypatch: pytest.MonkeyPatch) -> Outage:
    return Outage(server.db, monkeypatch)


async def test_i19_a_short_outage_only_delays_the_answers(server: Running, outage: Outage) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await quiet(server, cp)
        outage.is_away = True
        await cp.send([2, "start", "StartTransaction", start()])
        await cp.send([2, "beat", "Heartbeat", {}])
        before = outage.attempts

        async def tried() -> bool:
            return outage.attempts >= before + 3

        await eventually(tried)
        assert cp.to("start") == cp.to("beat") == []
        outage.is_away = False
        await cp.until(lambda: len(cp.to("beat")) == 1)
        assert [frame[:2] for frame in cp.answers[-2:]] == [[3, "start"], [3, "beat"]]
        assert len(await sessions_of(server)) == 1


async def test_i19_after_ten_seconds_the_socket_is_closed_and_nothing_refused(
    server: Running, outage: Outage, clock: ShiftedClock, version: str
) -> None:
    row = await server.add_charger()
    async with charger(server, version=version) as cp:
        await cp.boot()
        count = len(cp.answers)
        outage.is_away = True
        for number in range(30):
            await cp.send([2, f"s{number}", "StatusNotification", STATUS[version]])
        before = outage.attempts

        async def tried() -> bool:
            return outage.attempts > before

        await eventually(tried)
        clock.advance(11)
        assert await closed(cp) == 1013
        assert len(cp.answers) == count
    outage.is_away = False
    clock.advance(6)

    async def offline() -> bool:
        async with server.db.transaction() as tx:
            return not (await registry.get(tx, row.id)).online

    await eventually(offline)


async def test_what_tells_nothing_is_answered_during_an_outage(
    server: Running, outage: Outage, version: str
) -> None:
    await server.add_charger()
    async with charger(server, version=version) as cp:
        await cp.boot()
        outage.is_away = True
        await cp.send([2, "beat", "Heartbeat", {}])
        await cp.until(lambda: len(cp.to("beat")) == 1)
        assert cp.to("beat")[0][0] == 3
        outage.is_away = False


async def test_a_socket_that_cannot_be_registered_is_asked_to_come_again(
    server: Running, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> Any:
        raise DatabaseUnavailable

    await server.add_charger()
    with monkeypatch.context() as patch:
        patch.setattr("core.chargers.presence.connected", away)
        async with charger(server) as cp:
            assert await closed(cp) == 1013
    async with charger(server) as cp:
        await cp.boot()


async def test_an_answer_that_comes_in_an_outage_is_recorded_after_it(
    server: Running, outage: Outage
) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await quiet(server, cp)
        row = await ask(server, UNLOCK)
        call = await cp.called("UnlockConnector")
        outage.is_away = True
        before = outage.attempts
        await cp.send([3, call[1], {"status": "Unlocked"}])

        async def tried() -> bool:
            return outage.attempts > before

        await eventually(tried)
        outage.is_away = False
        await until(server, row, row.status.ANSWERED)
