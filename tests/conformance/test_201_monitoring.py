"""OCPP 2.0.1 N02 to N08: presets, levels, monitors, their reports, events."""

from typing import Any

import pytest

from core.audit.service import CLI
from core.commands.monitoring import (
    ClearMonitors,
    Place,
    ReportMonitors,
    SetMonitoringBase,
    SetMonitoringLevel,
)
from core.desired import service as desired
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.upkeep import events, monitors, reports
from core.upkeep.event_models import ChargerEvent
from core.upkeep.report_models import Monitor, Report
from core.upkeep.states import ReportKind, ReportStatus
from tests.conformance.support import (
    ask,
    asked_and_answered,
    booted,
    charger_of,
    quarantined,
)
from tests.csms.live import AT, RawCharger, Running
from tests.eventually import eventually

COMPONENT = {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
VARIABLE = {"name": "Temperature"}
PLACE = Place(component="Connector", evse=1, connector=1, variable="Temperature")


def monitoring(id_: Any = 7, value: Any = 80, severity: Any = 2) -> dict[str, Any]:
    return {
        "id": id_,
        "transaction": False,
        "value": value,
        "type": "UpperThreshold",
        "severity": severity,
    }


def part(request: int, seq: int, *data: dict[str, Any], more: bool = False) -> dict[str, Any]:
    of = {"component": COMPONENT, "variable": VARIABLE}
    listed = {"monitor": [{**of, "variableMonitoring": [one]} for one in data]} if data else {}
    return {"requestId": request, "seqNo": seq, "generatedAt": AT, "tbc": more, **listed}


def event(id_: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "eventId": id_,
        "timestamp": AT,
        "trigger": "Alerting",
        "actualValue": "85",
        "component": COMPONENT,
        "variable": VARIABLE,
        "eventNotificationType": "CustomMonitor",
        **more,
    }


async def notify(cp: RawCharger, *data: dict[str, Any], seq: int = 0) -> None:
    message = {"generatedAt": AT, "seqNo": seq, "tbc": False, "eventData": list(data)}
    assert await cp.result("NotifyEvent", message) == {}


async def want(server: Running, value: float = 80) -> Desired:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return await monitors.want(
            tx, CLI, row, place=PLACE, type_="UpperThreshold", value=value, severity=2
        )


async def wishes(server: Running) -> list[Desired]:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return list(await desired.of_charger(tx, row.id, kind=monitors.KIND))


async def wish_is(server: Running, status: DesiredStatus) -> Desired:
    async def probe() -> Desired | None:
        found = await wishes(server)
        return found[0] if found and found[0].status is status else None

    return await eventually(probe)


async def known(server: Running) -> list[Monitor]:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return list(await monitors.monitors_of(tx, row.id))


async def stored_events(server: Running, **filters: Any) -> list[ChargerEvent]:
    async with server.db.transaction() as tx:
        return list(await events.list_events(tx, **filters))


async def ask_report(server: Running, **members: Any) -> Report:
    asked = {"criteria": [], "places": [], **members}
    queued = await ask(server, ReportMonitors(request=5, **asked))
    async with server.db.transaction() as tx:
        return await reports.begin(
            tx, queued, kind=ReportKind.MONITORS, request=5, asked=asked if members else {}
        )


async def report_is(server: Running, report: Report, status: ReportStatus) -> Report:
    async def probe() -> Report | None:
        async with server.db.transaction() as tx:
            found = await reports.get(tx, report.id, kind=report.kind)
        return found if found.status is status else None

    return await eventually(probe)


def set_answer(status: str, **more: Any) -> dict[str, Any]:
    result = {
        "status": status,
        "type": "UpperThreshold",
        "severity": 2,
        "component": COMPONENT,
        "variable": VARIABLE,
    }
    return {"setMonitoringResult": [result | more]}


@pytest.mark.ocpp("2.0.1", "SetMonitoringBase")
@pytest.mark.ocpp("2.0.1", "SetMonitoringLevel")
async def test_n03_n05_preset_and_level(server: Running) -> None:
    async with booted(server, "2.0.1") as cp:
        base, level = SetMonitoringBase(base="FactoryDefault"), SetMonitoringLevel(severity=4)
        accepted = {"status": "Accepted"}
        payload, row = await asked_and_answered(server, cp, base, "SetMonitoringBase", accepted)
        assert payload == {"monitoringBase": "FactoryDefault"}
        assert row.response == accepted
        payload, row = await asked_and_answered(server, cp, level, "SetMonitoringLevel", accepted)
        assert payload == {"severity": 4}


@pytest.mark.ocpp("2.0.1", "SetVariableMonitoring")
@pytest.mark.ocpp("2.0.1", "ClearVariableMonitoring")
async def test_n04_n06_a_monitor_is_set_replaced_and_cleared(server: Running) -> None:
    replies = {"SetVariableMonitoring": set_answer("Accepted", id=7)}
    async with booted(server, "2.0.1", replies=replies) as cp:
        await want(server)
        _, _, _, payload = await cp.called("SetVariableMonitoring")
        (data,) = payload["setMonitoringData"]
        assert (data["component"], data["variable"]) == (COMPONENT, VARIABLE)
        assert "id" not in data
        wish = await wish_is(server, DesiredStatus.ACCEPTED)
        assert [one.monitor for one in await known(server)] == [7]

        await want(server, value=90)
        _, _, _, payload = await cp.called("SetVariableMonitoring", 2)
        assert payload["setMonitoringData"][0]["id"] == 7
        await wish_is(server, DesiredStatus.ACCEPTED)

        result = {"clearMonitoringResult": [{"status": "Accepted", "id": 7}]}
        cp.replies["ClearVariableMonitoring"] = result
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            await monitors.unwant(tx, CLI, row, wish)
        _, _, _, payload = await cp.called("ClearVariableMonitoring")
        assert payload == {"id": [7]}

        async def gone() -> bool:
            return await wishes(server) == [] == await known(server)

        await eventually(gone)


@pytest.mark.ocpp("2.0.1", "SetVariableMonitoring")
@pytest.mark.parametrize(
    "word",
    ["UnknownComponent", "UnknownVariable", "UnsupportedMonitorType", "Rejected", "Duplicate"],
)
async def test_n04_a_refused_monitor_is_rejected_with_the_word(server: Running, word: str) -> None:
    replies = {"SetVariableMonitoring": set_answer(word)}
    async with booted(server, "2.0.1", replies=replies):
        await want(server)
        assert (await wish_is(server, DesiredStatus.REJECTED)).reason == word


@pytest.mark.ocpp("2.0.1", "ClearVariableMonitoring")
async def test_n06_what_is_not_found_is_gone(server: Running) -> None:
    async with booted(server, "2.0.1") as cp:
        answer = {
            "clearMonitoringResult": [
                {"status": "NotFound", "id": 1},
                {"status": "Accepted", "id": 2},
            ]
        }
        command = ClearMonitors(monitors=[1, 2])
        _, row = await asked_and_answered(server, cp, command, "ClearVariableMonitoring", answer)
        assert row.response == answer


@pytest.mark.ocpp("2.0.1", "GetMonitoringReport")
@pytest.mark.ocpp("2.0.1", "NotifyMonitoringReport")
async def test_n02_a_report_in_parts_of_any_order(server: Running) -> None:
    replies = {"GetMonitoringReport": {"status": "Accepted"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        report = await ask_report(server)
        _, _, _, payload = await cp.called("GetMonitoringReport")
        assert payload == {"requestId": 5}
        await report_is(server, report, ReportStatus.RECEIVING)
        for message in (
            part(5, 0, monitoring(1), more=True),
            part(5, 2, monitoring(3)),
            part(5, 0, monitoring(1), more=True),
        ):
            assert await cp.result("NotifyMonitoringReport", message) == {}
        found = await report_is(server, report, ReportStatus.RECEIVING)
        assert (found.parts, found.last_seq) == (2, 2)
        await cp.result("NotifyMonitoringReport", part(5, 1, monitoring(2), more=True))
        found = await report_is(server, report, ReportStatus.COMPLETE)
        assert (found.parts, found.entries) == (3, 3)
        assert [one.monitor for one in await known(server)] == [1, 2, 3]
        assert (await known(server))[0].component == "Connector@1.1"


@pytest.mark.ocpp("2.0.1", "NotifyMonitoringReport")
async def test_n02_a_full_report_shows_what_has_drifted(server: Running) -> None:
    replies = {
        "GetMonitoringReport": {"status": "Accepted"},
        "SetVariableMonitoring": set_answer("Accepted", id=7),
    }
    async with booted(server, "2.0.1", replies=replies) as cp:
        await want(server)
        await wish_is(server, DesiredStatus.ACCEPTED)
        report = await ask_report(server)
        await cp.called("GetMonitoringReport")
        await cp.result("NotifyMonitoringReport", part(5, 0))
        await report_is(server, report, ReportStatus.COMPLETE)
        wish = await wish_is(server, DesiredStatus.DRIFTED)
        assert wish.reported is None


@pytest.mark.ocpp("2.0.1", "GetMonitoringReport")
@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("EmptyResultSet", ReportStatus.COMPLETE),
        ("NotSupported", ReportStatus.REFUSED),
        ("Rejected", ReportStatus.REFUSED),
    ],
)
async def test_n02_a_report_that_does_not_come(
    server: Running, word: str, status: ReportStatus
) -> None:
    replies = {"GetMonitoringReport": {"status": word}}
    async with booted(server, "2.0.1", replies=replies):
        report = await ask_report(server, criteria=["ThresholdMonitoring"])
        assert (await report_is(server, report, status)).word == word


@pytest.mark.ocpp("2.0.1", "NotifyEvent")
async def test_n07_an_event_is_kept_once_with_the_severity_of_its_monitor(
    server: Running,
) -> None:
    async with booted(server, "2.0.1") as cp:
        await cp.result("NotifyMonitoringReport", part(9, 0, monitoring(7, severity=2)))
        full = event(
            variableMonitoringId=7,
            cause=0,
            cleared=False,
            techCode="E7",
            techInfo="hot",
            transactionId="T-1",
        )
        await notify(cp, full)
        await notify(cp, full, seq=1)
        await notify(cp, event(2, variableMonitoringId=99), event(3))
        newest, unknown, first = await stored_events(server)
    assert (first.event, first.severity, first.component) == (1, 2, "Connector@1.1")
    assert (first.tech_code, first.cleared, first.cause) == ("E7", False, 0)
    assert (unknown.severity, newest.severity) == (None, None)
    assert [one.event for one in await stored_events(server, max_severity=3)] == [1]
    assert await stored_events(server, component="Other") == []


@pytest.mark.ocpp("2.0.1", "NotifyEvent")
@pytest.mark.ocpp("2.0.1", "NotifyMonitoringReport")
async def test_impossible_numbers_are_quarantined_and_the_rest_is_kept(server: Running) -> None:
    async with booted(server, "2.0.1") as cp:
        text = "\u0000" + "\ud800" * 2
        await notify(cp, event(2**70), event(1, timestamp="x", actualValue=text))
        (kept,) = await stored_events(server)
        assert (kept.event, kept.at, kept.value) == (1, None, "\ufffd" * 3)
        message = part(5, 2**70, monitoring(1))
        await cp.result("NotifyMonitoringReport", message)
        message = part(5, 0, monitoring(-1), monitoring(2, severity=77), monitoring(3, value=1e300))
        await cp.result("NotifyMonitoringReport", message)
        assert await known(server) == []
        assert len(await quarantined(server)) == 3
