"""Pending and Rejected: what a charger does until it is accepted."""

from collections.abc import Callable
from typing import Any

import pytest

from simulator import Version
from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger

only_201 = pytest.mark.parametrize("version", ["2.0.1"])


def boots(*states: str, interval: int = 30) -> Callable[[Payload], Payload]:
    left = list(states)

    def answer(_: Payload) -> Payload:
        status = left.pop(0) if len(left) > 1 else left[0]
        return {"status": status, "currentTime": "2026-01-01T00:00:00Z", "interval": interval}

    return answer


@only_201
async def test_2_0_1_pending_station_answers_and_reports_but_says_nothing_else(
    central: Central, make: MakeCharger
) -> None:
    central.answers["BootNotification"] = boots("Pending", interval=10_000)
    async with make(ready=False) as charger:
        await charger.wait_until(lambda: charger.station.registration == "Pending")
        report = {"requestId": 1, "reportBase": "SummaryInventory"}
        assert await central.ask("CP-1", "GetBaseReport", report) == {"status": "Accepted"}
        item: Payload = {
            "component": {"name": "TxCtrlr"},
            "variable": {"name": "EVConnectionTimeOut"},
            "attributeValue": "45",
        }
        answer = await central.ask("CP-1", "SetVariables", {"setVariableData": [item]})
        assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"
        start = {
            "evseId": 1,
            "idToken": {"idToken": "TAG", "type": "Central"},
            "remoteStartId": 7,
        }
        answer = await central.ask("CP-1", "RequestStartTransaction", start)
        assert answer["status"] == "Rejected"
        charger.plug(1)
        charger.security_event("TamperDetectionActivated")
        await central.until(lambda: any(not c.payload["tbc"] for c in central.of("NotifyReport")))
        assert {call.action for call in central.calls} == {"BootNotification", "NotifyReport"}
        central.answers["BootNotification"] = boots("Accepted")
        trigger = {"requestedMessage": "BootNotification"}
        assert await central.ask("CP-1", "TriggerMessage", trigger) == {"status": "Accepted"}
        await charger.wait_online()
        await central.until(lambda: central.of("SecurityEventNotification"))


async def test_triggered_message_is_sent_while_pending(
    central: Central, make: MakeCharger, version: Version
) -> None:
    central.answers["BootNotification"] = boots("Pending", interval=10_000)
    async with make(ready=False) as charger:
        await charger.wait_until(lambda: charger.station.registration == "Pending")
        trigger: dict[str, Any] = {"requestedMessage": "StatusNotification"}
        assert await central.ask("CP-1", "TriggerMessage", trigger) == {"status": "Accepted"}
        await central.until(lambda: central.of("StatusNotification"))


async def test_rejected_charger_comes_back_after_its_interval(
    central: Central, make: MakeCharger, version: Version
) -> None:
    central.answers["BootNotification"] = boots("Rejected", interval=100_000)
    async with make(ready=False) as charger:
        await charger.wait_until(lambda: charger.station.registration == "Rejected")
        answer = await central.ask("CP-1", "ClearCache")
        refused = {"error": "SecurityError"}
        assert answer == (refused if version == "2.0.1" else {"status": "Accepted"})
    assert len(central.of("BootNotification")) == 1


async def test_rejected_charger_without_an_interval_comes_ever_more_rarely(
    central: Central, make: MakeCharger
) -> None:
    central.answers["BootNotification"] = boots("Rejected", interval=0)
    async with make(ready=False, speed=2000.0) as charger:
        start = charger.station.clock.now()
        await central.until(lambda: len(central.of("BootNotification")) == 4)
        assert (charger.station.clock.now() - start).total_seconds() >= 30 + 60 + 120
