"""Monitors of a 2.0.1 station and the events they raise."""

import pytest

from simulator.switches import Switches
from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger

pytestmark = pytest.mark.parametrize("version", ["2.0.1"])
TEMPERATURE: Payload = {
    "component": {"name": "TemperatureSensor"},
    "variable": {"name": "Temperature"},
}
POWER: Payload = {
    "component": {"name": "EVSE", "evse": {"id": 1}},
    "variable": {"name": "Power"},
}


def monitor(
    what: Payload = TEMPERATURE,
    kind: str = "UpperThreshold",
    value: float = 60,
    severity: int = 4,
    **more: object,
) -> Payload:
    return {**what, "type": kind, "value": value, "severity": severity, **more}


async def set_monitors(central: Central, *wishes: Payload) -> list[Payload]:
    wish = {"setMonitoringData": list(wishes)}
    answer = await central.ask("CP-1", "SetVariableMonitoring", wish)
    return list(answer["setMonitoringResult"])


def events(central: Central) -> list[Payload]:
    return [event for call in central.of("NotifyEvent") for event in call.payload["eventData"]]


async def test_every_result_of_setting_a_monitor(central: Central, make: MakeCharger) -> None:
    nowhere = {"component": {"name": "MoonCtrlr"}, "variable": {"name": "Phase"}}
    nothing = {"component": {"name": "TemperatureSensor"}, "variable": {"name": "Nonsense"}}
    deaf = {"component": {"name": "TxCtrlr"}, "variable": {"name": "EVConnectionTimeOut"}}
    async with make():
        results = await set_monitors(
            central,
            monitor(),
            monitor(value=70),
            monitor(value=500),
            monitor(severity=10),
            monitor(kind="Periodic", value=0),
            monitor(nowhere),
            monitor(nothing),
            monitor(deaf),
            monitor(id=1),
            monitor(id=4711),
        )
    assert [result["status"] for result in results] == [
        "Accepted",
        "Duplicate",
        "Rejected",
        "Rejected",
        "Rejected",
        "UnknownComponent",
        "UnknownVariable",
        "UnsupportedMonitorType",
        "Rejected",
        "Rejected",
    ]
    assert "id" in results[0]


async def test_threshold_alerts_once_and_clears(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        (result,) = await set_monitors(central, monitor())
        for value in ("61", "62", "59"):
            charger.set_value("TemperatureSensor.Temperature", value)
        await central.until(lambda: len(events(central)) == 2)
    alert, clear = events(central)
    assert (alert["trigger"], alert["actualValue"]) == ("Alerting", "61")
    assert alert["variableMonitoringId"] == result["id"]
    assert alert["eventNotificationType"] == "CustomMonitor"
    assert (clear["cleared"], clear["cause"]) == (True, alert["eventId"])


async def test_power_is_watched_while_a_car_charges(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        await set_monitors(
            central,
            monitor(POWER, "Delta", 5000),
            monitor(POWER, "Periodic", 100, transaction=True),
        )
        transaction = await charger.start_local(1, "LOCAL")
        expected = {"Delta", "Periodic"}
        await central.until(lambda: {event["trigger"] for event in events(central)} == expected)
    periodic = next(event for event in events(central) if event["trigger"] == "Periodic")
    assert periodic["transactionId"] == transaction.transaction_id
    assert periodic["actualValue"] == "11000"


async def test_fault_is_reported_by_the_monitor_that_is_built_in(
    central: Central, make: MakeCharger
) -> None:
    async with make() as charger:
        charger.fault(1)
        charger.clear_fault(1)
        await central.until(lambda: len(events(central)) == 2)
    assert [event["actualValue"] for event in events(central)] == ["true", "false"]
    assert {event["eventNotificationType"] for event in events(central)} == {"HardWiredMonitor"}


async def test_level_keeps_the_lesser_events_silent(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        answer = await central.ask("CP-1", "SetMonitoringLevel", {"severity": 10})
        assert answer["status"] == "Rejected"
        answer = await central.ask("CP-1", "SetMonitoringLevel", {"severity": 3})
        assert answer == {"status": "Accepted"}
        await set_monitors(central, monitor(severity=4))
        charger.set_value("TemperatureSensor.Temperature", "86")
        await central.until(lambda: events(central))
        await charger.wait_settled()
    (only,) = events(central)
    assert only["eventNotificationType"] == "PreconfiguredMonitor"


async def report(central: Central, number: int, **criteria: object) -> list[Payload]:
    wish: Payload = {"requestId": number, **criteria}
    answer = await central.ask("CP-1", "GetMonitoringReport", wish)
    if answer["status"] == "EmptyResultSet":
        return []
    assert answer == {"status": "Accepted"}

    def parts() -> list[Payload]:
        found = [call.payload for call in central.of("NotifyMonitoringReport")]
        return [part for part in found if part["requestId"] == number]

    await central.until(lambda: parts() and not parts()[-1]["tbc"])
    return [entry for part in parts() for entry in part["monitor"]]


async def test_report_by_kind_and_variable(central: Central, make: MakeCharger) -> None:
    async with make(connectors=3, switches=Switches(report_items=2)):
        await set_monitors(central, monitor(POWER, "Periodic", 60))
        assert len(await report(central, 1)) == 5
        found = await report(central, 2, monitoringCriteria=["PeriodicMonitoring"])
        (entry,) = found
        assert entry["component"] == POWER["component"]
        assert [m["type"] for m in entry["variableMonitoring"]] == ["Periodic"]
        assert len(await report(central, 3, componentVariable=[TEMPERATURE])) == 1
        unknown = [{"component": {"name": "TxCtrlr"}}]
        assert await report(central, 4, componentVariable=unknown) == []


async def test_monitors_are_cleared_but_not_the_hardwired(
    central: Central, make: MakeCharger
) -> None:
    async with make():
        (result,) = await set_monitors(central, monitor())
        answer = await central.ask(
            "CP-1", "ClearVariableMonitoring", {"id": [result["id"], result["id"], 1, 2]}
        )
    statuses = [entry["status"] for entry in answer["clearMonitoringResult"]]
    assert statuses == ["Accepted", "NotFound", "Rejected", "Accepted"]


async def test_monitoring_base(central: Central, make: MakeCharger) -> None:
    async with make():
        await set_monitors(central, monitor())
        for base, expected in (("All", 3), ("HardWiredOnly", 1), ("FactoryDefault", 2)):
            answer = await central.ask("CP-1", "SetMonitoringBase", {"monitoringBase": base})
            assert answer == {"status": "Accepted"}
            entries = await report(central, expected)
            assert sum(len(entry["variableMonitoring"]) for entry in entries) == expected
