"""Setting, clearing and reporting monitors (OCPP 2.0.1 N02-N06)."""

from itertools import groupby
from typing import Any

from ocpp.v201 import call, call_result
from ocpp.v201 import enums as e

from simulator.clock import timestamp
from simulator.ledger import Payload
from simulator.settings import DataType, Setting
from simulator.station import Station
from simulator.v201 import events
from simulator.v201.info import because
from simulator.v201.model import missing
from simulator.v201.monitors import (
    CRITERIA,
    DELTA,
    LOWEST_SEVERITY,
    THRESHOLDS,
    Monitor,
    Origin,
    based,
)
from simulator.v201.reports import in_parts, matches
from simulator.v201.variables import as_pair, name_of

_NUMBERS = frozenset({DataType.INTEGER, DataType.DECIMAL})


def set_monitoring(station: Station, *, set_monitoring_data: list[Payload], **_: Any) -> Any:
    results: list[Any] = [_set(station, item) for item in set_monitoring_data]
    return call_result.SetVariableMonitoring(set_monitoring_result=results)


def _set(station: Station, item: Payload) -> Payload:
    result: Payload = {
        "component": item["component"],
        "variable": item["variable"],
        "type": item["type"],
        "severity": item["severity"],
    }
    status = _refusal(station, item)
    if status is not None:
        return {**result, "status": status}
    monitors = station.monitors
    number = item.get("id") or monitors.new_id()
    setting = station.settings.find(name_of(item["component"], item["variable"]))
    monitors.by_id[number] = Monitor(
        id=number,
        variable=setting.name if setting else "",
        type=str(item["type"]),
        value=float(item["value"]),
        severity=int(item["severity"]),
        transaction=bool(item.get("transaction")),
        told=setting.now if setting else None,
    )
    station.then(lambda: events.begin(station, number))
    return {**result, "status": "Accepted", "id": number}


def _refusal(station: Station, item: Payload) -> str | None:
    """Return the SetMonitoringStatus of what cannot be monitored so (N04)."""
    setting = station.settings.find(name_of(item["component"], item["variable"]))
    kind, value = str(item["type"]), float(item["value"])
    if setting is None:
        return missing(station, item)
    if not setting.monitored or (kind in THRESHOLDS and setting.type not in _NUMBERS):
        return "UnsupportedMonitorType"
    if not 0 <= int(item["severity"]) <= LOWEST_SEVERITY or _senseless(setting, kind, value):
        return "Rejected"
    number = item.get("id")
    old = station.monitors.by_id.get(number) if number is not None else None
    if number is not None and (old is None or old.origin is Origin.HARDWIRED):
        return "Rejected"
    same = (
        monitor.variable == setting.name
        and monitor.type == kind
        and monitor.severity == item["severity"]
        and monitor.origin is Origin.CUSTOM
        and monitor.id != number
        for monitor in station.monitors.by_id.values()
    )
    return "Duplicate" if any(same) else None


def _senseless(setting: Setting, kind: str, value: float) -> bool:
    """Tell whether a threshold, difference or period can never matter."""
    if kind in THRESHOLDS:
        return _outside(setting, value)
    return value < 0 if kind == DELTA else value <= 0


def _outside(setting: Setting, value: float) -> bool:
    low, high = setting.minimum, setting.maximum
    return (low is not None and value < low) or (high is not None and value > high)


def clear_monitoring(station: Station, *, id: list[int], **_: Any) -> Any:  # noqa: A002 - OCPP's name
    return call_result.ClearVariableMonitoring(
        clear_monitoring_result=[_clear(station, number) for number in id]
    )


def _clear(station: Station, number: int) -> Any:
    monitor = station.monitors.by_id.get(number)
    if monitor is None:
        return {"id": number, "status": "NotFound"}
    if monitor.origin is Origin.HARDWIRED:
        return {"id": number, "status": "Rejected"}
    del station.monitors.by_id[number]
    return {"id": number, "status": "Accepted"}


def set_base(station: Station, *, monitoring_base: str, **_: Any) -> Any:
    based(station.monitors, monitoring_base, len(station.connectors))
    base = station.settings.find("MonitoringCtrlr.ActiveMonitoringBase")
    if base is not None:
        base.value = monitoring_base
    return call_result.SetMonitoringBase(e.GenericDeviceModelStatusEnumType.accepted)


def set_level(station: Station, *, severity: int, **_: Any) -> Any:
    if not 0 <= severity <= LOWEST_SEVERITY:
        return call_result.SetMonitoringLevel(
            e.GenericStatusEnumType.rejected, because("ValueOutOfRange")
        )
    station.monitors.level = severity
    level = station.settings.find("MonitoringCtrlr.ActiveMonitoringLevel")
    if level is not None:
        level.value = str(severity)
    return call_result.SetMonitoringLevel(e.GenericStatusEnumType.accepted)


def get_report(
    station: Station,
    *,
    request_id: int,
    component_variable: list[Payload] | None = None,
    monitoring_criteria: list[str] | None = None,
    **_: Any,
) -> Any:
    kinds = {kind for name in monitoring_criteria or CRITERIA for kind in CRITERIA[name]}
    found = [m for m in station.monitors.by_id.values() if m.active and m.type in kinds]
    if component_variable:
        found = [m for m in found if _named(station, m, component_variable)]
    if not found:
        return call_result.GetMonitoringReport(e.GenericDeviceModelStatusEnumType.empty_result_set)
    station.then(lambda: station.spawn(_notify(station, request_id, found)))
    return call_result.GetMonitoringReport(e.GenericDeviceModelStatusEnumType.accepted)


def _named(station: Station, monitor: Monitor, wanted: list[Payload]) -> bool:
    setting = station.settings.find(monitor.variable)
    return setting is not None and any(matches(setting, one) for one in wanted)


async def _notify(station: Station, request_id: int, found: list[Monitor]) -> None:
    at = timestamp(station.clock.now())
    found.sort(key=lambda m: (m.variable, m.id))
    data: list[Any] = [
        {
            **as_pair(variable),
            "variable_monitoring": [
                {
                    "id": m.id,
                    "transaction": m.transaction,
                    "value": m.value,
                    "type": m.type,
                    "severity": m.severity,
                }
                for m in monitors
            ],
        }
        for variable, monitors in groupby(found, key=lambda m: m.variable)
    ]

    def request(part: list[Any], seq_no: int, tbc: bool) -> Any:
        return call.NotifyMonitoringReport(
            request_id=request_id, seq_no=seq_no, generated_at=at, tbc=tbc, monitor=part
        )

    await in_parts(station, data, request)
