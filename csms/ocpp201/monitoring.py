"""OCPP 2.0.1 monitoring: presets, levels, monitors, their report, events (N02 to N08)."""

from typing import Any, Final

from core.commands.commands import Answer, Verdict
from core.commands.models import CommandRow
from core.commands.monitoring import (
    ClearMonitors,
    Place,
    ReportMonitors,
    SetMonitor,
    SetMonitoringBase,
    SetMonitoringLevel,
)
from core.kernel.db import Tx
from core.upkeep import events, monitors, reports
from core.upkeep.facts import EventReported, MonitorReported, Part
from core.upkeep.report_models import Report
from core.upkeep.states import ReportKind
from csms import sanity
from csms.adapter import Block, Context, Route, by_status
from csms.evidence import doubt
from csms.ocpp201 import messages as m
from csms.ocpp201 import monitoring_messages as mm
from csms.protocol import Payload
from csms.readings import IMPOSSIBLE, instant

_MAX_SEVERITY: Final = 9
_DONE: Final = frozenset({"Accepted", "NotFound"})


async def notify_monitoring_report(ctx: Context, msg: mm.NotifyMonitoringReport) -> Payload:
    """Answer NotifyMonitoringReport (OCPP 2.0.1 N02); every part is stored as it comes."""
    part = part_of(ctx, msg.request_id, msg.seq_no, more=msg.tbc)
    facts = [
        fact
        for data in msg.monitor
        for monitor in data.variable_monitoring
        if (fact := _monitor(ctx, data, monitor)) is not None
    ]
    if part is not None:
        await monitors.reported(ctx.tx, part, facts)
    return {}


async def notify_event(ctx: Context, msg: mm.NotifyEvent) -> Payload:
    """Answer NotifyEvent (OCPP 2.0.1 N07, N08); an event sent again is the same event."""
    facts = [fact for data in msg.event_data if (fact := _event(ctx, data)) is not None]
    await events.reported(ctx.tx, ctx.charger.id, facts)
    return {}


def part_of(ctx: Context, request: object, seq: object, *, more: bool) -> Part | None:
    """Return the frame of a part of a report; ``None``, and a doubt, for impossible numbers."""
    number = sanity.whole(request).value
    place = None if seq is None else sanity.whole(seq, lowest=0).value
    if number is None or (seq is not None and place is None):
        doubt(ctx, IMPOSSIBLE)
        return None
    return Part(charger_id=ctx.charger.id, request=number, seq=place, more=more)


def _monitor(
    ctx: Context, data: mm.MonitoringData, monitor: mm.VariableMonitoring
) -> MonitorReported | None:
    number = sanity.whole(monitor.id, lowest=0).value
    severity = sanity.whole(monitor.severity, lowest=0, highest=_MAX_SEVERITY).value
    value = sanity.quantity(monitor.value).value
    if number is None or severity is None or value is None:
        doubt(ctx, IMPOSSIBLE)
        return None
    component, variable = monitors.place_name(_place(data.component, data.variable))
    return MonitorReported(
        monitor=number,
        component=component,
        variable=variable,
        type=monitor.type,
        value=float(value),
        severity=severity,
        transaction=monitor.transaction,
    )


def _event(ctx: Context, data: mm.EventData) -> EventReported | None:
    number = sanity.whole(data.event_id).value
    if number is None:
        doubt(ctx, IMPOSSIBLE)
        return None
    at, _ = instant(data.timestamp)
    if at is None:
        doubt(ctx, "timestamp_unreadable")
    component, variable = monitors.place_name(_place(data.component, data.variable))
    return EventReported(
        event=number,
        at=at,
        at_text=data.timestamp,
        trigger=data.trigger,
        cause=sanity.whole(data.cause).value,
        value=data.actual_value,
        tech_code=data.tech_code,
        tech_info=data.tech_info,
        cleared=data.cleared,
        transaction_ref=data.transaction_id,
        component=component,
        variable=variable,
        monitor=sanity.whole(data.variable_monitoring_id, lowest=0).value,
        notification_type=data.event_notification_type,
    )


def _place(component: m.Component, variable: m.Variable) -> Place:
    evse = component.evse
    return Place(
        component=component.name,
        component_instance=component.instance,
        evse=None if evse is None else evse.id,
        connector=None if evse is None else evse.connector_id,
        variable=variable.name,
        variable_instance=variable.instance,
    )


def set_monitoring_base(wanted: SetMonitoringBase) -> tuple[str, Payload]:
    return "SetMonitoringBase", {"monitoringBase": wanted.base}


def set_monitoring_level(wanted: SetMonitoringLevel) -> tuple[str, Payload]:
    return "SetMonitoringLevel", {"severity": wanted.severity}


def set_monitor(wanted: SetMonitor) -> tuple[str, Payload]:
    data: Payload = {} if wanted.monitor is None else {"id": wanted.monitor}
    data |= {
        "transaction": wanted.transaction,
        "value": wanted.value,
        "type": wanted.type,
        "severity": wanted.severity,
        **_component_variable(wanted.place),
    }
    return "SetVariableMonitoring", {"setMonitoringData": [data]}


def clear_monitors(wanted: ClearMonitors) -> tuple[str, Payload]:
    return "ClearVariableMonitoring", {"id": wanted.monitors}


def report_monitors(wanted: ReportMonitors) -> tuple[str, Payload]:
    payload: Payload = {"requestId": wanted.request}
    if wanted.places:
        payload["componentVariable"] = [_component_variable(place) for place in wanted.places]
    if wanted.criteria:
        payload["monitoringCriteria"] = wanted.criteria
    return "GetMonitoringReport", payload


def _component_variable(place: Place) -> Payload:
    component: Payload = {"name": place.component}
    if place.component_instance is not None:
        component["instance"] = place.component_instance
    if place.evse is not None:
        connector = {} if place.connector is None else {"connectorId": place.connector}
        component["evse"] = {"id": place.evse, **connector}
    if place.variable is None:
        return {"component": component}
    variable = {"name": place.variable}
    if place.variable_instance is not None:
        variable["instance"] = place.variable_instance
    return {"component": component, "variable": variable}


def judge_set(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge the one result of SetVariableMonitoring (OCPP 2.0.1 N04)."""
    return _by_first(answer, "setMonitoringResult", frozenset({"Accepted"}))


def judge_clear(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge the results of ClearVariableMonitoring (OCPP 2.0.1 N06): gone is gone."""
    return _by_first(answer, "clearMonitoringResult", _DONE)


def _by_first(answer: Payload, member: str, good: frozenset[str]) -> tuple[Verdict, str | None]:
    results: list[Any] = answer.get(member) or [{}]
    words = [str(result.get("status")) for result in results]
    bad = [word for word in words if word not in good]
    return (Verdict.REJECTED, bad[0]) if bad else (Verdict.ACCEPTED, words[0])


async def learn_of_report(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from the answer to GetMonitoringReport whether parts will come."""
    whole = await answered_report(tx, command, answer)
    if whole is not None and whole.kind is ReportKind.MONITORS:
        await monitors.complete(tx, whole)


async def answered_report(tx: Tx, command: CommandRow, answer: Payload) -> Report | None:
    """Take the answer to the request of a report; return it if nothing more comes."""
    verdict, word = by_status(answer)
    said = Answer(verdict=verdict, reason=word, response=answer, at=tx.now)
    return await reports.answered(tx, command, said)


MONITORING: Final = Block(
    routes={
        "NotifyEvent": Route(message=mm.NotifyEvent, handle=notify_event),
        "NotifyMonitoringReport": Route(
            message=mm.NotifyMonitoringReport, handle=notify_monitoring_report
        ),
    },
    encoders={
        SetMonitoringBase: set_monitoring_base,
        SetMonitoringLevel: set_monitoring_level,
        SetMonitor: set_monitor,
        ClearMonitors: clear_monitors,
        ReportMonitors: report_monitors,
    },
    learners={"GetMonitoringReport": learn_of_report},
    judges={"SetVariableMonitoring": judge_set, "ClearVariableMonitoring": judge_clear},
)
