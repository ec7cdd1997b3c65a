"""What ``make fuzz`` found once, told so that it does not come back."""

from typing import Any

import pytest

from core.commands import service as commands
from core.commands.commands import Raw
from core.commands.states import CommandStatus
from csms.mending import mend
from csms.ocpp201 import OCPP201
from tests.conformance.support import ask, booted, done
from tests.csms.live import AT, BOOT, Running, charger

EVENT: dict[str, Any] = {
    "eventType": "Updated",
    "timestamp": AT,
    "triggerReason": "Authorized",
    "seqNo": 3,
    "transactionInfo": {"transactionId": "tx-1"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"triggerReason": {"value": "Authorized"}},
        {"idToken": {"idToken": "T", "type": "Central", "additionalInfo": [{"type": "A"}]}},
        {
            "idToken": {
                "idToken": "T",
                "type": "Central",
                "additionalInfo": [{"additionalIdToken": None, "type": "A"}],
            }
        },
        {"customData": {"vendorId": 5}},
    ],
    ids=["an object for a word", "half an additional info", "a null in one", "no vendor"],
)
def test_i19_an_event_with_odd_extras_is_understood(change: dict[str, Any]) -> None:
    message = OCPP201.routes["TransactionEvent"].message
    mended = mend("2.0.1", "TransactionEvent", EVENT | change, message)
    assert mended.reasons
    assert mended.message.transaction_info.transaction_id == "tx-1"


async def test_a_boot_with_more_open_sessions_than_the_queue_holds_is_accepted(
    server: Running,
) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        for number in range(commands.QUEUE_LIMIT + 5):
            start = {"connectorId": 1, "idTag": f"T{number}", "meterStart": 0, "timestamp": AT}
            await cp.result("StartTransaction", start)
        for _ in range(3):
            answer = await cp.call("BootNotification", BOOT["1.6"])
            assert answer[2]["status"] == "Accepted"


async def test_an_answer_of_another_shape_is_recorded_and_the_next_call_goes_out(
    server: Running,
) -> None:
    wanted = {
        "id": 1,
        "value": 1,
        "type": "Periodic",
        "severity": 1,
        "component": {"name": "c"},
        "variable": {"name": "v"},
    }
    raw = Raw(action="SetVariableMonitoring", payload={"setMonitoringData": [wanted]})
    async with booted(server, "2.0.1") as cp:
        for answer in ({"setMonitoringResult": ["x"]}, {"setMonitoringResult": "x"}, {}):
            cp.replies["SetVariableMonitoring"] = answer
            row = await done(server, await ask(server, raw))
            assert (row.status, row.response) == (CommandStatus.ANSWERED, answer)
