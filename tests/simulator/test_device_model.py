"""The device model of a 2.0.1 station: reports, attributes, characteristics, network profiles."""

import pytest

from simulator import SimulatedCharger
from simulator.switches import Switches
from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger

pytestmark = pytest.mark.parametrize("version", ["2.0.1"])


def variable(component: str, name: str, **more: object) -> Payload:
    place = {"evse": more.pop("evse")} if "evse" in more else {}
    return {"component": {"name": component, **place}, "variable": {"name": name}, **more}


async def reported(central: Central, request_id: int) -> list[Payload]:
    def parts() -> list[Payload]:
        found = [call.payload for call in central.of("NotifyReport")]
        return [part for part in found if part["requestId"] == request_id]

    await central.until(lambda: parts() and not parts()[-1]["tbc"])
    assert [part["seqNo"] for part in parts()] == list(range(len(parts())))
    return [entry for part in parts() for entry in part["reportData"]]


async def base_report(central: Central, number: int, base: str) -> list[Payload]:
    wish = {"requestId": number, "reportBase": base}
    assert await central.ask("CP-1", "GetBaseReport", wish) == {"status": "Accepted"}
    return await reported(central, number)


async def test_base_reports_differ_in_what_they_tell(central: Central, make: MakeCharger) -> None:
    async with make(connectors=2):
        full = await base_report(central, 1, "FullInventory")
        configuration = await base_report(central, 2, "ConfigurationInventory")
        summary = await base_report(central, 3, "SummaryInventory")
    assert len(full) > len(configuration) > len(summary) > 0
    mutability = {e["variableAttribute"][0]["mutability"] for e in configuration}
    assert mutability == {"ReadWrite", "WriteOnly"}
    names = {entry["variable"]["name"] for entry in summary}
    assert names == {"AvailabilityState", "Available", "Problem", "Enabled"}
    (power,) = [
        e
        for e in full
        if e["variable"]["name"] == "Power" and e["component"].get("evse") == {"id": 2}
    ]
    assert power["variableCharacteristics"] == {
        "dataType": "decimal",
        "maxLimit": 22000,
        "minLimit": 0,
        "supportsMonitoring": True,
        "unit": "W",
    }


async def test_report_of_fifty_thousand_variables_comes_in_parts(
    central: Central, make: MakeCharger
) -> None:
    central.unchecked.add("NotifyReport")
    switches = Switches(extra_variables=50_000, report_items=1000)
    async with make(switches=switches, validate=False):
        wish = {"requestId": 1, "reportBase": "FullInventory"}
        assert await central.ask("CP-1", "GetBaseReport", wish) == {"status": "Accepted"}
        await central.until(
            lambda: any(not c.payload["tbc"] for c in central.of("NotifyReport")), timeout_s=50
        )
    assert sum(len(c.payload["reportData"]) for c in central.of("NotifyReport")) > 50_000


async def test_report_by_component_and_criteria(central: Central, make: MakeCharger) -> None:
    async with make(connectors=2) as charger:
        wish: Payload = {"requestId": 1, "componentVariable": [{"component": {"name": "evse"}}]}
        assert await central.ask("CP-1", "GetReport", wish) == {"status": "Accepted"}
        entries = await reported(central, 1)
        assert {entry["component"]["evse"]["id"] for entry in entries} == {1, 2}
        problems: Payload = {"requestId": 2, "componentCriteria": ["Problem"]}
        assert await central.ask("CP-1", "GetReport", problems) == {"status": "EmptyResultSet"}
        charger.fault(2)
        assert await central.ask("CP-1", "GetReport", problems) == {"status": "Accepted"}
        entries = await reported(central, 2)
        names = {entry["component"]["name"] for entry in entries}
        assert names == {"ChargingStation", "EVSE"}
        one: Payload = {
            "requestId": 3,
            "componentVariable": [variable("TxCtrlr", "EVConnectionTimeOut")],
            "componentCriteria": ["Enabled"],
        }
        assert await central.ask("CP-1", "GetReport", one) == {"status": "Accepted"}
        assert len(await reported(central, 3)) == 1
        nothing = {"requestId": 4, "componentVariable": [variable("TxCtrlr", "Nonsense")]}
        assert await central.ask("CP-1", "GetReport", nothing) == {"status": "EmptyResultSet"}


async def test_every_result_of_setting_a_variable(central: Central, make: MakeCharger) -> None:
    cases = [
        (variable("OCPPCommCtrlr", "ResetRetries", attributeValue="5"), "Accepted", None),
        (
            variable("OCPPCommCtrlr", "ResetRetries", attributeValue="11"),
            "Rejected",
            "ValueOutOfRange",
        ),
        (variable("OCPPCommCtrlr", "ResetRetries", attributeValue="x"), "Rejected", "InvalidValue"),
        (
            variable("AlignedDataCtrlr", "Measurands", attributeValue="Nonsense"),
            "Rejected",
            "InvalidValue",
        ),
        (variable("ChargingStation", "Model", attributeValue="x"), "Rejected", "ReadOnly"),
        (
            variable("EVSE", "Power", attributeValue="1", evse={"id": 1}),
            "Rejected",
            "ReadOnly",
        ),
        (
            variable("OCPPCommCtrlr", "NetworkConfigurationPriority", attributeValue="2"),
            "Rejected",
            "InvalidConfSlot",
        ),
        (
            variable("OCPPCommCtrlr", "WebSocketPingInterval", attributeValue="9"),
            "RebootRequired",
            None,
        ),
        (
            variable("OCPPCommCtrlr", "ResetRetries", attributeValue="1", attributeType="Target"),
            "NotSupportedAttributeType",
            None,
        ),
        (variable("OCPPCommCtrlr", "Nonsense", attributeValue="1"), "UnknownVariable", None),
        (variable("MoonCtrlr", "Phase", attributeValue="1"), "UnknownComponent", None),
    ]
    async with make():
        wish = {"setVariableData": [item for item, _, _ in cases]}
        answer = await central.ask("CP-1", "SetVariables", wish)
    results = answer["setVariableResult"]
    found = [
        (r["attributeStatus"], r.get("attributeStatusInfo", {}).get("reasonCode")) for r in results
    ]
    assert found == [(status, reason) for _, status, reason in cases]


async def test_target_stays_between_minimum_and_maximum(
    central: Central, make: MakeCharger
) -> None:
    async def set_to(kind: str, value: str) -> str:
        item = variable(
            "TemperatureSensor", "Temperature", attributeType=kind, attributeValue=value
        )
        answer = await central.ask("CP-1", "SetVariables", {"setVariableData": [item]})
        return str(answer["setVariableResult"][0]["attributeStatus"])

    async with make():
        assert await set_to("MaxSet", "50") == "Accepted"
        assert await set_to("Target", "60") == "Rejected"
        assert await set_to("Target", "40") == "Accepted"
        item = variable("TemperatureSensor", "Temperature", attributeType="Target")
        answer = await central.ask("CP-1", "GetVariables", {"getVariableData": [item]})
        assert answer["getVariableResult"][0]["attributeValue"] == "40"


async def read(central: Central, component: str, name: str, **place: object) -> str:
    item = variable(component, name, **place)
    answer = await central.ask("CP-1", "GetVariables", {"getVariableData": [item]})
    return str(answer["getVariableResult"][0]["attributeValue"])


async def test_measured_variables_are_as_of_now(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        assert await read(central, "EVSE", "Power", evse={"id": 1}) == "0"
        place = {"id": 1, "connectorId": 1}
        assert await read(central, "Connector", "AvailabilityState", evse=place) == "Available"
        await charger.start_local(1, "LOCAL")
        assert await read(central, "EVSE", "Power", evse={"id": 1}) == "11000"
        assert await read(central, "Connector", "AvailabilityState", evse=place) == "Occupied"


async def network_profile(central: Central, slot: int, **change: object) -> str:
    data: Payload = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": central.url,
        "messageTimeout": 30,
        "securityProfile": 1,
        "ocppInterface": "Wired0",
        **change,
    }
    wish = {"configurationSlot": slot, "connectionData": data}
    return str((await central.ask("CP-1", "SetNetworkProfile", wish))["status"])


async def _use_slot(central: Central, slot: str) -> None:
    item = variable("OCPPCommCtrlr", "NetworkConfigurationPriority", attributeValue=slot)
    answer = await central.ask("CP-1", "SetVariables", {"setVariableData": [item]})
    assert answer["setVariableResult"][0]["attributeStatus"] == "RebootRequired"


async def test_network_profile_is_used_after_a_reboot(central: Central, make: MakeCharger) -> None:
    def active(charger: SimulatedCharger) -> str:
        return charger.station.settings.text("OCPPCommCtrlr.ActiveNetworkProfile")

    async with make() as charger:
        assert await network_profile(central, 9) == "Rejected"
        assert await network_profile(central, 2, securityProfile=0) == "Rejected"
        assert await network_profile(central, 2, ocppCsmsUrl="ftp://a.example") == "Failed"
        assert await network_profile(central, 2, ocppCsmsUrl=f"{central.url}/other") == "Accepted"
        await _use_slot(central, "2,1")
        await charger.reboot()
        assert active(charger) == "2"
        request = central.sockets["CP-1"].request
        assert request is not None
        assert request.path == "/ocpp/other/CP-1"


async def test_address_that_does_not_work_is_given_up(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        await network_profile(central, 2, ocppCsmsUrl="ws://127.0.0.1:1/nobody")
        await _use_slot(central, "2")
        await charger.reboot()
        assert charger.online
        assert charger.ledger.refusals


async def test_secrets_of_a_network_profile_are_not_in_the_ledger(
    central: Central, make: MakeCharger
) -> None:
    apn = {"apn": "internet", "apnAuthentication": "PAP", "apnPassword": "secret", "simPin": 1234}
    async with make() as charger:
        assert await network_profile(central, 2, apn=apn) == "Accepted"
        (call,) = charger.ledger.calls_received("SetNetworkProfile")
    assert call.payload["connectionData"]["apn"]["apnPassword"] == "***"
    assert call.payload["connectionData"]["apn"]["simPin"] == "***"
