"""Holds that a charger does not answer: they fail in time, and what comes late is undone."""

from datetime import timedelta
from typing import Any

import pytest

from core.audit.service import CLI
from core.commands import service as commands
from core.commands.commands import Answer, Verdict
from core.commands.models import CommandRow
from core.commands.states import Priority
from core.operations import holds
from core.operations.hold_models import Hold, HoldStatus
from tests.conformance.support import booted, charger_of, done, idle
from tests.csms.live import AT, RawCharger, Running
from tests.eventually import eventually

WHAT: dict[str, Any] = {
    "evse": 1,
    "connector_type": None,
    "token": "0A0B0C0D",
    "token_kind": "ISO14443",
    "group_token": None,
    "group_kind": "Central",
}
RESERVED = {
    "1.6": {"connectorId": 1, "errorCode": "NoError", "status": "Reserved"},
    "2.0.1": {"timestamp": AT, "connectorStatus": "Reserved", "evseId": 1, "connectorId": 1},
}


async def asked(server: Running, *, timeout_s: float = 0.1) -> tuple[Hold, CommandRow]:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        until = tx.now + timedelta(hours=1)
        hold, command = await holds.ask(tx, CLI, row, expires_at=until, **WHAT)
        queued = await commands.enqueue(
            tx,
            charger=row,
            command=command,
            priority=Priority.OPERATOR,
            expires_at=tx.now + timedelta(seconds=20),
            timeout_s=timeout_s,
            requested_by="operator",
        )
    return hold, queued


async def settled(server: Running, hold: Hold) -> Hold:
    """Return the hold after one pass of the worker."""
    async with server.db.transaction() as tx:
        await holds.settle_unanswered(tx)
        return await holds.get(tx, hold.charger_id, hold.id)


async def until_reason(server: Running, hold: Hold, reason: str) -> Hold:
    async def probe() -> Hold | None:
        async with server.db.transaction() as tx:
            found = await holds.get(tx, hold.charger_id, hold.id)
        return found if found.reason == reason else None

    return await eventually(probe)


async def left_unanswered(server: Running, cp: RawCharger) -> tuple[Hold, str]:
    """Return a hold that has failed, and the id of the call that was not answered."""
    hold, command = await asked(server)
    message_id = (await cp.called("ReserveNow"))[1]
    await done(server, command)
    failed = await settled(server, hold)
    assert (failed.status, failed.reason) == (HoldStatus.FAILED, holds.NO_ANSWER)
    return failed, message_id


def reservation_of(call: list[Any]) -> int:
    found: int = call[3]["reservationId"]
    return found


async def test_a_hold_without_an_answer_fails_and_is_cancelled_at_the_charger(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp:
        cp.replies["CancelReservation"] = {"status": "Rejected"}
        hold, _ = await left_unanswered(server, cp)
        assert reservation_of(await cp.called("CancelReservation")) == hold.reservation
        failed = await until_reason(server, hold, holds.NOT_HELD)
        assert failed.status is HoldStatus.FAILED
        await settled(server, hold)
        await idle(server)
        assert len(cp.calls_of("CancelReservation")) == 1


async def test_a_hold_that_is_confirmed_late_is_cancelled_again(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp:
        cp.replies["CancelReservation"] = {"status": "Rejected"}
        hold, message_id = await left_unanswered(server, cp)
        await until_reason(server, hold, holds.NOT_HELD)
        cp.replies["CancelReservation"] = {"status": "Accepted"}
        await cp.send([3, message_id, {"status": "Accepted"}])
        assert reservation_of(await cp.called("CancelReservation", 2)) == hold.reservation
        released = await until_reason(server, hold, holds.RELEASED_LATE)
        assert released.status is HoldStatus.FAILED


async def test_a_hold_that_is_refused_late_is_not_cancelled_again(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp:
        cp.replies["CancelReservation"] = {"status": "Rejected"}
        hold, message_id = await left_unanswered(server, cp)
        await until_reason(server, hold, holds.NOT_HELD)
        await cp.send([3, message_id, {"status": "Occupied"}])
        await until_reason(server, hold, holds.REFUSED_LATE)
        await idle(server)
        assert len(cp.calls_of("CancelReservation")) == 1


async def test_a_charger_that_comes_back_reserved_is_told_to_forget_it(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp:
        hold, command = await asked(server, timeout_s=20)
        await cp.called("ReserveNow")
        await cp.socket.close()
        await done(server, command)

        async def offline() -> bool:
            return not (await charger_of(server)).online

        await eventually(offline)
        assert (await settled(server, hold)).status is HoldStatus.FAILED
    async with booted(server, version) as cp:
        assert cp.calls_of("CancelReservation") == []
        cp.replies["CancelReservation"] = {"status": "Accepted"}
        await cp.result("StatusNotification", RESERVED[version])
        assert reservation_of(await cp.called("CancelReservation")) == hold.reservation
        await until_reason(server, hold, holds.RELEASED_LATE)
        await cp.result("StatusNotification", RESERVED[version])
        await idle(server)
        assert len(cp.calls_of("CancelReservation")) == 1


async def test_a_transaction_that_used_a_failed_hold_is_told(server: Running) -> None:
    async with booted(server) as cp:
        hold, _ = await left_unanswered(server, cp)
        start = {"connectorId": 1, "idTag": "0A0B0C0D", "meterStart": 0, "timestamp": AT}
        await cp.result("StartTransaction", start | {"reservationId": hold.reservation})
        assert (await until_reason(server, hold, holds.USED_LATE)).status is HoldStatus.FAILED


async def test_a_hold_that_was_never_sent_fails_and_nobody_is_asked_to_forget_it(
    server: Running,
) -> None:
    await server.add_charger()
    hold, command = await asked(server)
    async with server.db.transaction() as tx:
        await commands.expire(tx, command.id)
    failed = await settled(server, hold)
    assert (failed.status, failed.reason) == (HoldStatus.FAILED, holds.NOT_SENT)
    async with server.db.transaction() as tx:
        queued = await commands.list_commands(tx, charger_id=hold.charger_id)
    assert [row.id for row in queued] == [command.id]


async def test_an_error_in_answer_to_a_hold_is_a_refusal(server: Running, version: str) -> None:
    async with booted(server, version) as cp:
        hold, command = await asked(server, timeout_s=20)
        message_id = (await cp.called("ReserveNow"))[1]
        await cp.send([4, message_id, "NotSupported", "", {}])
        await done(server, command)
        refused = await settled(server, hold)
        assert (refused.status, refused.reason) == (HoldStatus.REFUSED, "NotSupported")


@pytest.mark.parametrize(
    ("word", "status"), [("Accepted", HoldStatus.ACTIVE), ("Occupied", HoldStatus.REFUSED)]
)
async def test_an_answer_that_nobody_learned_from_is_taken_up(
    server: Running, word: str, status: HoldStatus
) -> None:
    """The process that recorded it died before it could say what that means."""
    await server.add_charger()
    hold, command = await asked(server)
    async with server.db.transaction() as tx:
        await commands.claim(tx, command)
        answer = Answer(verdict=Verdict.ACCEPTED, reason=word, response={"status": word}, at=tx.now)
        await commands.record_answer(tx, command.id, answer)
    assert (await settled(server, hold)).status is status
