"""What we ask of a charger by itself: remote start and stop, unlock; each of their answers.

OCA 1.6 CSMS: TC_010 to TC_012 remote start and stop, TC_017, TC_018, TC_030, TC_031 unlock.
OCPP 2.0.1 F01 to F03, F05.
"""

from typing import Any

import pytest

from core.commands.commands import StartCharging, StopCharging, Unlock, Verdict
from core.commands.states import CommandStatus
from csms.codes import Version
from csms.server import ADAPTERS
from tests.conformance.support import ask, asked_and_answered, booted, done, the_session
from tests.csms.live import AT, SUBPROTOCOLS, Running

START = StartCharging(evse=1, connector=1, token="START-0123456789", remote_start_id=7)
STARTS = {"1.6": "RemoteStartTransaction", "2.0.1": "RequestStartTransaction"}
STOPS = {"1.6": "RemoteStopTransaction", "2.0.1": "RequestStopTransaction"}


def verdict(version: str, action: str, answer: dict[str, Any]) -> Verdict:
    return ADAPTERS[SUBPROTOCOLS[version]].verdict(action, answer)[0]


@pytest.mark.ocpp("1.6", "RemoteStartTransaction")
@pytest.mark.ocpp("2.0.1", "RequestStartTransaction")
@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
async def test_a_remote_start(server: Running, version: Version, status: str) -> None:
    async with booted(server, version) as cp:
        sent, row = await asked_and_answered(server, cp, START, STARTS[version], {"status": status})
    if version == "1.6":
        assert sent == {"connectorId": 1, "idTag": START.token}
    else:
        assert sent["evseId"] == 1
        assert sent["remoteStartId"] == 7
        assert sent["idToken"]["idToken"] == START.token
    assert row.response == {"status": status}
    expected = Verdict.ACCEPTED if status == "Accepted" else Verdict.REJECTED
    assert verdict(version, STARTS[version], {"status": status}) is expected


@pytest.mark.ocpp("1.6", "RemoteStartTransaction")
@pytest.mark.ocpp("2.0.1", "RequestStartTransaction")
async def test_a_remote_start_that_nobody_answers_times_out_and_is_not_sent_again(
    server: Running, version: Version
) -> None:
    """I6: the charger may have heard it."""
    async with booted(server, version) as cp:
        row = await ask(server, START, timeout_s=0.05)
        await cp.called(STARTS[version])
        assert (await done(server, row)).status is CommandStatus.TIMED_OUT
        await cp.result("Heartbeat", {})
        assert len(cp.calls_of(STARTS[version])) == 1


@pytest.mark.ocpp("1.6", "RemoteStopTransaction")
@pytest.mark.ocpp("2.0.1", "RequestStopTransaction")
@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
async def test_a_remote_stop(server: Running, version: Version, status: str) -> None:
    async with booted(server, version) as cp:
        if version == "1.6":
            start = {"connectorId": 1, "idTag": "T1", "meterStart": 0, "timestamp": AT}
            number = (await cp.result("StartTransaction", start))["transactionId"]
            reference, expected = str(number), number
        else:
            info = {"transactionId": "tx-1"}
            started = {
                "eventType": "Started",
                "timestamp": AT,
                "triggerReason": "CablePluggedIn",
                "seqNo": 0,
                "transactionInfo": info,
            }
            await cp.result("TransactionEvent", started)
            reference = expected = "tx-1"
        sent, row = await asked_and_answered(
            server,
            cp,
            StopCharging(transaction_ref=reference),
            STOPS[version],
            {"status": status},
        )
    assert sent == {"transactionId": expected}
    assert row.response == {"status": status}
    assert (await the_session(server)).is_open, "only the charger's own word ends a session"


UNLOCKS = [
    ("1.6", "Unlocked", Verdict.ACCEPTED),
    ("1.6", "UnlockFailed", Verdict.FAILED),
    ("1.6", "NotSupported", Verdict.NOT_SUPPORTED),
    ("2.0.1", "Unlocked", Verdict.ACCEPTED),
    ("2.0.1", "UnlockFailed", Verdict.FAILED),
    ("2.0.1", "OngoingAuthorizedTransaction", Verdict.OCCUPIED),
    ("2.0.1", "UnknownConnector", Verdict.UNKNOWN),
]


@pytest.mark.ocpp("1.6", "UnlockConnector")
@pytest.mark.ocpp("2.0.1", "UnlockConnector")
@pytest.mark.parametrize(("version", "status", "expected"), UNLOCKS)
async def test_an_unlock(server: Running, version: Version, status: str, expected: Verdict) -> None:
    async with booted(server, version) as cp:
        command = Unlock(evse=2, connector=1)
        sent, row = await asked_and_answered(
            server, cp, command, "UnlockConnector", {"status": status}
        )
    assert sent == ({"connectorId": 2} if version == "1.6" else {"evseId": 2, "connectorId": 1})
    assert row.response == {"status": status}
    assert verdict(version, "UnlockConnector", {"status": status}) is expected


@pytest.mark.ocpp("1.6", "UnlockConnector")
@pytest.mark.ocpp("2.0.1", "UnlockConnector")
async def test_a_call_error_is_recorded_with_its_code(server: Running, version: Version) -> None:
    async with booted(server, version) as cp:
        row = await ask(server, Unlock(evse=1, connector=1))
        _, message_id, _, _ = await cp.called("UnlockConnector")
        await cp.send([4, message_id, "NotImplemented", "cannot", {}])
        finished = await done(server, row)
    assert finished.status is CommandStatus.ERRORED
    assert finished.error == {"code": "NotImplemented", "description": "cannot", "details": {}}
