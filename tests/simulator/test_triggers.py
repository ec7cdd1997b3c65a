"""Every message a central system can ask for, and other answers with more than one outcome."""

import pytest

from simulator import Version
from simulator.switches import Switches, UnlockOutcome
from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger

TRIGGERS = [
    ("1.6", "TriggerMessage", "DiagnosticsStatusNotification", "DiagnosticsStatusNotification"),
    ("1.6", "TriggerMessage", "FirmwareStatusNotification", "FirmwareStatusNotification"),
    ("1.6", "ExtendedTriggerMessage", "BootNotification", "BootNotification"),
    ("1.6", "ExtendedTriggerMessage", "LogStatusNotification", "LogStatusNotification"),
    (
        "1.6",
        "ExtendedTriggerMessage",
        "FirmwareStatusNotification",
        "SignedFirmwareStatusNotification",
    ),
    ("1.6", "ExtendedTriggerMessage", "Heartbeat", "Heartbeat"),
    ("1.6", "ExtendedTriggerMessage", "MeterValues", "MeterValues"),
    ("1.6", "ExtendedTriggerMessage", "SignChargePointCertificate", "SignCertificate"),
    ("1.6", "ExtendedTriggerMessage", "StatusNotification", "StatusNotification"),
    ("2.0.1", "TriggerMessage", "LogStatusNotification", "LogStatusNotification"),
    ("2.0.1", "TriggerMessage", "FirmwareStatusNotification", "FirmwareStatusNotification"),
    (
        "2.0.1",
        "TriggerMessage",
        "PublishFirmwareStatusNotification",
        "PublishFirmwareStatusNotification",
    ),
    ("2.0.1", "TriggerMessage", "SignChargingStationCertificate", "SignCertificate"),
    ("2.0.1", "TriggerMessage", "SignV2GCertificate", "SignCertificate"),
    ("2.0.1", "TriggerMessage", "SignCombinedCertificate", "SignCertificate"),
]


@pytest.mark.parametrize(("version", "action", "wanted", "told"), TRIGGERS)
async def test_triggered_message_comes(
    central: Central, make: MakeCharger, action: str, wanted: str, told: str
) -> None:
    async with make() as charger:
        before = len(central.of(told))
        answer = await central.ask("CP-1", action, {"requestedMessage": wanted})
        assert answer == {"status": "Accepted"}
        await central.until(lambda: len(central.of(told)) > before)
        if "Status" in told and told != "StatusNotification":
            assert central.of(told)[-1].payload["status"] == "Idle"
        assert charger.online


@pytest.mark.parametrize(("version", "action"), [(v, a) for v, a, *_ in TRIGGERS[::5]])
async def test_trigger_for_a_connector_that_is_not_there_is_rejected(
    central: Central, make: MakeCharger, version: Version, action: str
) -> None:
    place: Payload = {"connectorId": 9} if version == "1.6" else {"evse": {"id": 9}}
    async with make():
        wish = {"requestedMessage": "StatusNotification", **place}
        answer = await central.ask("CP-1", action, wish)
        assert answer["status"] == "Rejected"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (UnlockOutcome.FAILED, {"1.6": "UnlockFailed", "2.0.1": "UnlockFailed"}),
        (UnlockOutcome.NOT_SUPPORTED, {"1.6": "NotSupported", "2.0.1": "UnlockFailed"}),
    ],
)
async def test_lock_that_does_not_open(
    central: Central,
    make: MakeCharger,
    version: Version,
    outcome: UnlockOutcome,
    words: dict[str, str],
) -> None:
    wish: Payload = {"connectorId": 1} if version == "1.6" else {"evseId": 1, "connectorId": 1}
    async with make(switches=Switches(unlock=outcome)):
        answer = await central.ask("CP-1", "UnlockConnector", wish)
        assert answer == {"status": words[version]}


async def test_connector_that_is_not_there_is_not_unlocked(
    central: Central, make: MakeCharger, version: Version
) -> None:
    wish: Payload = {"connectorId": 9} if version == "1.6" else {"evseId": 9, "connectorId": 1}
    async with make():
        answer = await central.ask("CP-1", "UnlockConnector", wish)
        assert answer == {"status": "NotSupported" if version == "1.6" else "UnknownConnector"}


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_2_0_1_reservation_by_connector_type_and_group(
    central: Central, make: MakeCharger
) -> None:
    async with make(connectors=2) as charger:
        wish: Payload = {
            "id": 5,
            "expiryDateTime": "2099-01-01T00:00:00Z",
            "idToken": {"idToken": "MINE", "type": "Central"},
            "groupIdToken": {"idToken": "FAMILY", "type": "Central"},
            "connectorType": "cCCS2",
        }
        answer = await central.ask("CP-1", "ReserveNow", wish)
        assert answer["status"] == "Rejected"
        wish["connectorType"] = "cType2"
        assert await central.ask("CP-1", "ReserveNow", wish) == {"status": "Accepted"}
        start: Payload = {
            "evseId": 1,
            "idToken": {"idToken": "BROTHER", "type": "Central"},
            "remoteStartId": 7,
        }
        answer = await central.ask("CP-1", "RequestStartTransaction", start)
        assert answer == {"status": "Rejected"}
        start["groupIdToken"] = {"idToken": "FAMILY", "type": "Central"}
        answer = await central.ask("CP-1", "RequestStartTransaction", start)
        assert answer == {"status": "Accepted"}
        await charger.wait_transaction(1)


async def test_data_transfer_of_a_message_nobody_knows(central: Central, make: MakeCharger) -> None:
    async with make():
        wish = {"vendorId": "org.voltgate.simulator", "messageId": "Unknown"}
        answer = await central.ask("CP-1", "DataTransfer", wish)
        assert answer == {"status": "UnknownMessageId"}
