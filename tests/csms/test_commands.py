import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from core.chargers import frame_log, registry
from core.commands import service as commands
from core.commands.commands import (
    CancelReservation,
    Command,
    LimitConnectionTimeout,
    Raw,
    ReportInventory,
    ReportStatus,
    ReportTransaction,
    Reserve,
    StartCharging,
    StopCharging,
    Unlock,
    Verdict,
)
from core.commands.models import CommandRow
from core.commands.states import CommandStatus, Priority
from core.kernel.clock import ShiftedClock
from core.kernel.db import Tx
from core.kernel.page import Page
from core.sessions import queries
from csms import schemas
from csms.adapter import Context
from csms.codes import Version
from csms.ocpp16 import OCPP16
from csms.ocpp201 import OCPP201
from tests.csms.live import AT, RawCharger, Running, charger
from tests.eventually import eventually

ADAPTERS = {"1.6": OCPP16, "2.0.1": OCPP201}
UNLOCK = Unlock(evse=1, connector=1)


async def ask(
    server: Running,
    command: Command,
    *,
    timeout_s: float = 20,
    identity: str = "CP-1",
    at_once: bool = False,
) -> CommandRow:
    async with server.db.transaction() as tx:
        return await enqueue(tx, command, timeout_s=timeout_s, identity=identity, at_once=at_once)


async def enqueue(
    tx: Tx,
    command: Command,
    *,
    timeout_s: float = 20,
    identity: str = "CP-1",
    at_once: bool = False,
) -> CommandRow:
    row = await registry.by_identity(tx, identity)
    assert row is not None
    return await commands.enqueue(
        tx,
        charger=row,
        command=command,
        priority=Priority.DRIVER,
        expires_at=tx.now + timedelta(minutes=5),
        timeout_s=timeout_s,
        requested_by="platform",
        at_once=at_once,
    )


async def until(server: Running, row: CommandRow, status: CommandStatus) -> CommandRow:
    async def probe() -> CommandRow | None:
        async with server.db.transaction() as tx:
            found = await commands.get(tx, row.id)
        return found if found.status is status else None

    return await eventually(probe)


async def quiet(server: Running, cp: RawCharger) -> None:
    """Boot, and answer what the platform asks then."""
    cp.replies |= {
        "ChangeConfiguration": {"status": "NotSupported"},
        "GetConfiguration": {},
        "SetVariables": {
            "setVariableResult": [
                {
                    "attributeStatus": "Rejected",
                    "component": {"name": "c"},
                    "variable": {"name": "v"},
                }
            ]
        },
        "GetBaseReport": {"status": "NotSupported"},
        "TriggerMessage": {"status": "NotImplemented"},
    }
    await cp.boot()
    await cp.called("GetBaseReport" if cp.version == "2.0.1" else "TriggerMessage")


async def test_a_raw_command_goes_out_compact_in_the_order_of_the_schema(server: Running) -> None:
    """An operator may name connector 99."""
    await server.add_charger()
    async with charger(server) as cp:
        await quiet(server, cp)
        payload = {"idTag": "T", "connectorId": 99}
        row = await ask(server, Raw(action="RemoteStartTransaction", payload=payload))
        _, message_id, _, _ = await cp.called("RemoteStartTransaction")
        assert cp.texts[-1] == (
            f'[2,"{message_id}","RemoteStartTransaction",{{"connectorId":99,"idTag":"T"}}]'
        )
        await cp.send([3, message_id, {"status": "Rejected"}])
        done = await until(server, row, CommandStatus.ANSWERED)
        assert (done.action, done.response) == ("RemoteStartTransaction", {"status": "Rejected"})
        assert done.message_id == message_id


async def test_i27_one_call_of_ours_at_a_time(server: Running, version: str) -> None:
    await server.add_charger()
    async with charger(server, version=version) as cp:
        await quiet(server, cp)
        rows = [await ask(server, UNLOCK) for _ in range(3)]
        ids = []
        for number, row in enumerate(rows, start=1):
            call = await cp.called("UnlockConnector", number)
            assert "currentTime" in await cp.result("Heartbeat", {})
            assert len(cp.calls_of("UnlockConnector")) == number
            ids.append(call[1])
            await cp.send([3, call[1], {"status": "Unlocked"}])
            await until(server, row, CommandStatus.ANSWERED)
        assert len(set(ids)) == 3


async def test_a_late_answer_is_recorded_and_the_next_call_did_not_wait_for_it(
    server: Running, version: str
) -> None:
    await server.add_charger()
    async with charger(server, version=version) as cp:
        await quiet(server, cp)
        first = await ask(server, UNLOCK, timeout_s=0.05)
        call = await cp.called("UnlockConnector")
        await until(server, first, CommandStatus.TIMED_OUT)
        second = await ask(server, UNLOCK)
        other = await cp.called("UnlockConnector", 2)
        await cp.send([3, call[1], {"status": "Unlocked"}])
        assert (await until(server, first, CommandStatus.ANSWERED)).response == {
            "status": "Unlocked"
        }
        await cp.send([4, other[1], "NotSupported", "no", {"why": "not"}])
        done = await until(server, second, CommandStatus.ERRORED)
        assert done.error == {
            "code": "NotSupported",
            "description": "no",
            "details": {"why": "not"},
        }


async def test_a_late_answer_over_the_next_socket_is_recorded_too(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await quiet(server, cp)
        row = await ask(server, UNLOCK)
        call = await cp.called("UnlockConnector")
    await until(server, row, CommandStatus.TIMED_OUT)
    async with charger(server) as cp:
        await cp.send([3, call[1], {"status": "Unlocked"}])
        await until(server, row, CommandStatus.ANSWERED)
        assert cp.calls_of("UnlockConnector") == []  # I6


async def test_after_ten_minutes_an_answer_is_nobodys(server: Running, clock: ShiftedClock) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await quiet(server, cp)
        row = await ask(server, UNLOCK, timeout_s=0.05)
        call = await cp.called("UnlockConnector")
        await until(server, row, CommandStatus.TIMED_OUT)
        clock.advance(601)
        await cp.send([3, call[1], {"status": "Unlocked"}])
        await cp.result("Heartbeat", {})
        await until(server, row, CommandStatus.TIMED_OUT)


async def test_i21_nobody_answers_for_another_charger(server: Running) -> None:
    await server.add_charger("CP-1")
    await server.add_charger("CP-2")
    async with charger(server) as cp, charger(server, "CP-2") as thief:
        await quiet(server, cp)
        await thief.boot()
        row = await ask(server, UNLOCK)
        call = await cp.called("UnlockConnector")
        await thief.send([3, call[1], {"status": "UnlockFailed"}])
        await thief.result("Heartbeat", {})
        await cp.send([3, call[1], {"status": "Unlocked"}])
        done = await until(server, row, CommandStatus.ANSWERED)
        assert done.response == {"status": "Unlocked"}


async def test_an_answer_that_fails_its_schema_is_kept_and_is_no_success(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await quiet(server, cp)
        payload: dict[str, Any] = {}
        row = await ask(server, Raw(action="GetConfiguration", payload=payload))
        call = await cp.called("GetConfiguration", 2)
        await cp.send([3, call[1], {"configurationKey": [{"key": 7}]}])
        await until(server, row, CommandStatus.ANSWERED)
        assert "currentTime" in await cp.result("Heartbeat", {})


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_command_that_the_version_does_not_know_is_not_sent(
    server: Running, *, at_once: bool
) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await quiet(server, cp)
        for command in (
            Raw(action="GetBaseReport", payload={}),
            Raw(action="Reset", payload={"type": "Sideways"}),
            StopCharging(transaction_ref="not-a-number"),
        ):
            row = await ask(server, command, at_once=at_once)
            await until(server, row, CommandStatus.TIMED_OUT)
        row = await ask(server, UNLOCK)
        await cp.called("UnlockConnector")
        assert len(cp.calls_of("Reset")) == 0


async def test_a_slow_handler_delays_no_call_of_ours(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inbound and outbound share no lock: we ask and hear while a handler is at work."""
    released = asyncio.Event()

    async def slow(ctx: Context, msg: object) -> dict[str, Any]:
        await released.wait()
        return {"status": "Accepted"}

    await server.add_charger()
    async with charger(server) as cp:
        await quiet(server, cp)
        row = await ask(server, UNLOCK)
        call = await cp.called("UnlockConnector")
        route = OCPP16.routes["DataTransfer"]
        monkeypatch.setitem(
            cast(dict[str, Any], OCPP16.routes),
            "DataTransfer",
            type(route)(message=route.message, handle=slow),
        )
        await cp.send([2, "slow", "DataTransfer", {"vendorId": "v"}])
        await cp.send([3, call[1], {"status": "Unlocked"}])
        if "postgresql" in server.settings.database_url:
            await until(server, row, CommandStatus.ANSWERED)
            assert cp.to("slow") == []
        released.set()
        await cp.until(lambda: len(cp.to("slow")) == 1)
        await until(server, row, CommandStatus.ANSWERED)


EVERY_COMMAND: list[Command] = [
    StartCharging(evse=1, connector=1, token="ABCDEFGH12345678", remote_start_id=7),
    StopCharging(transaction_ref="12"),
    Reserve(evse=1, connector=1, reservation=3, token="T", expires_at="2026-11-21T10:00:00Z"),
    CancelReservation(reservation=3),
    UNLOCK,
    ReportStatus(evse=1, connector=2),
    ReportStatus(evse=1),
    ReportTransaction(transaction_ref="12", evse=1),
    ReportInventory(request=5),
    LimitConnectionTimeout(timeout_s=45),
    Raw(action="ClearCache", payload={}),
]


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=lambda c: type(c).__name__)
def test_every_command_is_a_valid_request_in_schema_order(command: Command, version: str) -> None:
    known = cast(Version, version)
    action, payload = ADAPTERS[version].encode(command)
    assert schemas.validate_outgoing(known, action, payload) is None
    ordered = schemas.order_members(known, action, payload)
    assert ordered == payload


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": "Accepted"}, Verdict.ACCEPTED),
        ({"status": "Unlocked"}, Verdict.ACCEPTED),
        ({"status": "Scheduled"}, Verdict.ACCEPTED),
        ({"status": "Rejected"}, Verdict.REJECTED),
        ({"status": "Occupied"}, Verdict.OCCUPIED),
        ({"status": "Faulted"}, Verdict.FAULTED),
        ({"status": "Unavailable"}, Verdict.UNAVAILABLE),
        ({"status": "UnlockFailed"}, Verdict.FAILED),
        ({"status": "NotImplemented"}, Verdict.NOT_SUPPORTED),
        ({"status": "accepted"}, Verdict.FAILED),
        ({"status": ["Accepted"]}, Verdict.FAILED),
        ({}, Verdict.ACCEPTED),
    ],
)
def test_what_an_answer_means(answer: dict[str, Any], expected: Verdict, version: str) -> None:
    assert ADAPTERS[version].verdict("Any", answer)[0] is expected


async def test_frames_of_an_operation_are_found_by_it(server: Running) -> None:
    row = await server.add_charger()
    async with charger(server) as cp:
        await quiet(server, cp)
        sent = await ask(server, UNLOCK)
        call = await cp.called("UnlockConnector")
        await cp.send([3, call[1], {"status": "Unlocked"}])
        await until(server, sent, CommandStatus.ANSWERED)
    await server.frame_log.flush()
    async with server.db.transaction() as tx:
        frames = await frame_log.search(tx, charger_id=row.id, action="UnlockConnector")
        assert [(frame.direction, frame.kind) for frame in frames] == [
            ("in", "result"),
            ("out", "call"),
        ]


async def test_a_session_in_doubt_is_asked_about_and_goes_on(server: Running, version: str) -> None:
    """After a reboot in mid session (2.x GetTransactionStatus; 1.6 can only send readings)."""
    row = await server.add_charger()
    async with charger(server, version=version) as cp:
        await quiet(server, cp)
        if version == "1.6":
            start = {"connectorId": 1, "idTag": "T", "meterStart": 1, "timestamp": AT}
            await cp.result("StartTransaction", start)
        else:
            started = {
                "eventType": "Started",
                "timestamp": AT,
                "triggerReason": "CablePluggedIn",
                "seqNo": 0,
                "transactionInfo": {"transactionId": "tx"},
                "evse": {"id": 1, "connectorId": 1},
            }
            await cp.result("TransactionEvent", started)
        going_on = {"ongoingIndicator": True, "messagesInQueue": False}
        cp.replies["GetTransactionStatus"] = going_on
        await cp.boot()

        async def settled() -> bool:
            async with server.db.transaction() as tx:
                found = await queries.list_sessions(tx, Page(), owner=None, charger_id=row.id)
            doubted = found.rows[0].suspect_since is not None
            return doubted is (version == "1.6")

        if version == "1.6":
            await cp.called("TriggerMessage", 2)
        else:
            await cp.called("GetTransactionStatus")
        await eventually(settled)
