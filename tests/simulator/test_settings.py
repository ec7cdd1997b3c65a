"""Configuration keys of 1.6, device model of 2.0.1."""

import pytest

from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger

only_16 = pytest.mark.parametrize("version", ["1.6"])
only_201 = pytest.mark.parametrize("version", ["2.0.1"])


@only_16
@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("ConnectionTimeOut", "45", "Accepted"),
        ("connectiontimeout", "45", "Accepted"),
        ("ConnectionTimeOut", "soon", "Rejected"),
        ("NumberOfConnectors", "7", "Rejected"),
        ("LocalPreAuthorize", "maybe", "Rejected"),
        ("WebSocketPingInterval", "10", "RebootRequired"),
        ("FlyToTheMoon", "1", "NotSupported"),
    ],
)
async def test_1_6_change_configuration(
    central: Central, make: MakeCharger, key: str, value: str, status: str
) -> None:
    async with make():
        wish = {"key": key, "value": value}
        assert await central.ask("CP-1", "ChangeConfiguration", wish) == {"status": status}


@only_16
async def test_1_6_configuration_lists_known_and_unknown_keys(
    central: Central, make: MakeCharger
) -> None:
    async with make(connectors=2):
        wish = {"key": ["NumberOfConnectors", "AuthorizationKey", "Nonsense"]}
        answer = await central.ask("CP-1", "GetConfiguration", wish)
        assert answer == {
            "configurationKey": [
                {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
                {"key": "AuthorizationKey", "readonly": False},
            ],
            "unknownKey": ["Nonsense"],
        }
        everything = await central.ask("CP-1", "GetConfiguration")
        assert len(everything["configurationKey"]) > 20


@only_16
async def test_1_6_setting_that_needs_a_reboot_waits_for_it(
    central: Central, make: MakeCharger
) -> None:
    async with make() as charger:
        wish = {"key": "WebSocketPingInterval", "value": "10"}
        await central.ask("CP-1", "ChangeConfiguration", wish)
        assert charger.station.settings.text("WebSocketPingInterval") == "30"
        await charger.reboot()
        assert charger.station.settings.text("WebSocketPingInterval") == "10"


@only_16
async def test_1_6_changed_meter_interval_is_obeyed(central: Central, make: MakeCharger) -> None:
    async with make(meter_interval_s=100_000) as charger:
        wish = {"key": "MeterValueSampleInterval", "value": "5"}
        await central.ask("CP-1", "ChangeConfiguration", wish)
        await charger.start_local(1, "LOCAL")
        await central.until(lambda: len(central.of("MeterValues")) >= 2)


@only_16
async def test_1_6_remote_token_is_authorized_first_if_so_configured(
    central: Central, make: MakeCharger
) -> None:
    central.answers["Authorize"] = lambda _: {"idTagInfo": {"status": "Invalid"}}
    async with make() as charger:
        wish = {"key": "AuthorizeRemoteTxRequests", "value": "true"}
        await central.ask("CP-1", "ChangeConfiguration", wish)
        wish = {"connectorId": 1, "idTag": "TAG"}  # type: ignore[dict-item]
        answer = await central.ask("CP-1", "RemoteStartTransaction", dict(wish))
        assert answer == {"status": "Accepted"}
        await central.until(lambda: central.of("Authorize"))
        await charger.wait_settled()
        assert charger.connector(1).authorization is None


def _variable(component: str, variable: str, **rest: object) -> Payload:
    return {"component": {"name": component}, "variable": {"name": variable}, **rest}


@only_201
async def test_2_0_1_get_variables(central: Central, make: MakeCharger) -> None:
    async with make():
        wish = [
            _variable("TxCtrlr", "EVConnectionTimeOut"),
            _variable("TxCtrlr", "Nonsense"),
            _variable("MoonCtrlr", "Phase"),
            _variable("SecurityCtrlr", "BasicAuthPassword"),
            _variable("TxCtrlr", "EVConnectionTimeOut", attributeType="Target"),
        ]
        answer = await central.ask("CP-1", "GetVariables", {"getVariableData": wish})
    results = answer["getVariableResult"]
    assert [result["attributeStatus"] for result in results] == [
        "Accepted",
        "UnknownVariable",
        "UnknownComponent",
        "Rejected",
        "NotSupportedAttributeType",
    ]
    assert results[0]["attributeValue"] == "60"


@only_201
async def test_2_0_1_set_variables(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        wish = [
            _variable("TxCtrlr", "EVConnectionTimeOut", attributeValue="45"),
            _variable("TxCtrlr", "TxStartPoint", attributeValue="Authorized"),
            _variable("OCPPCommCtrlr", "WebSocketPingInterval", attributeValue="10"),
            _variable("TxCtrlr", "Nonsense", attributeValue="1"),
        ]
        answer = await central.ask("CP-1", "SetVariables", {"setVariableData": wish})
        statuses = [result["attributeStatus"] for result in answer["setVariableResult"]]
        assert statuses == ["Accepted", "Rejected", "RebootRequired", "UnknownVariable"]
        assert charger.station.number("connection_timeout_s") == 45


@only_201
async def test_2_0_1_base_report_comes_in_numbered_parts(
    central: Central, make: MakeCharger
) -> None:
    async with make() as charger:
        wish = {"requestId": 3, "reportBase": "FullInventory"}
        assert await central.ask("CP-1", "GetBaseReport", wish) == {"status": "Accepted"}
        await central.until(
            lambda: any(not call.payload["tbc"] for call in central.of("NotifyReport"))
        )
    parts = [call.payload for call in central.of("NotifyReport")]
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {part["requestId"] for part in parts} == {3}
    reported = [entry for part in parts for entry in part["reportData"]]
    assert len(reported) == len(list(charger.station.settings))


@only_201
async def test_2_0_1_transaction_status_and_trigger(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        trigger = {"requestedMessage": "TransactionEvent"}
        assert await central.ask("CP-1", "TriggerMessage", trigger) == {"status": "Rejected"}
        await charger.start_local(1, "LOCAL")
        transaction = await charger.wait_transaction(1)
        await charger.wait_settled()
        wish = {"transactionId": transaction.transaction_id}
        answer = await central.ask("CP-1", "GetTransactionStatus", wish)
        assert answer == {"ongoingIndicator": True, "messagesInQueue": False}
        assert await central.ask("CP-1", "TriggerMessage", trigger) == {"status": "Accepted"}
        reasons = [call.payload["triggerReason"] for call in central.of("TransactionEvent")]
        await central.until(
            lambda: (
                "Trigger"
                in [call.payload["triggerReason"] for call in central.of("TransactionEvent")]
            )
        )
    assert reasons[0] == "Authorized"


@only_201
async def test_2_0_1_transaction_can_begin_with_the_cable(
    central: Central, make: MakeCharger
) -> None:
    async with make(start_at_plug=True) as charger:
        charger.plug(1)
        transaction = await charger.wait_transaction(1)
        wish = {"evseId": 1, "idToken": {"idToken": "TAG", "type": "Central"}, "remoteStartId": 7}
        answer = await central.ask("CP-1", "RequestStartTransaction", wish)
        assert answer == {"status": "Accepted", "transactionId": transaction.transaction_id}
        await central.until(lambda: len(central.of("TransactionEvent")) >= 3)
    first, second, third, *_ = [call.payload for call in central.of("TransactionEvent")]
    assert (first["eventType"], first["triggerReason"]) == ("Started", "CablePluggedIn")
    assert "idToken" not in first
    assert (second["eventType"], second["triggerReason"]) == ("Updated", "RemoteStart")
    assert second["idToken"]["idToken"] == "TAG"
    assert second["transactionInfo"]["remoteStartId"] == 7
    assert third["transactionInfo"]["chargingState"] == "Charging"


@only_201
@pytest.mark.parametrize(
    ("wish", "status", "goes_on"),
    [
        ({"type": "Immediate", "evseId": 1}, "Accepted", False),
        ({"type": "OnIdle", "evseId": 1}, "Scheduled", True),
        ({"type": "OnIdle", "evseId": 2}, "Accepted", True),
        ({"type": "Immediate", "evseId": 9}, "Rejected", True),
    ],
)
async def test_2_0_1_reset_of_one_evse_leaves_the_station_running(
    central: Central, make: MakeCharger, wish: Payload, status: str, *, goes_on: bool
) -> None:
    async with make(connectors=2) as charger:
        transaction = await charger.start_local(1, "LOCAL")
        await charger.wait_transaction(1)
        assert await central.ask("CP-1", "Reset", wish) == {"status": status}
        await charger.wait_until(lambda: (transaction.ended_at is None) is goes_on)
    assert len(central.of("BootNotification")) == 1
