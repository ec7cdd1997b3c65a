"""Reading, changing and reporting the device model (OCPP 2.0.1 B05-B07)."""

from typing import Any

from ocpp.v201 import call, call_result
from ocpp.v201 import enums as e

from simulator import obey
from simulator.clock import timestamp
from simulator.dialect import Draft
from simulator.ledger import Payload
from simulator.outbox import report
from simulator.settings import Change, Setting
from simulator.station import Station
from simulator.v201.variables import NAMES, PASSWORD_VARIABLE, full_name, split_name

ITEMS_PER_PART = 10
_CHANGES = {
    Change.ACCEPTED: "Accepted",
    Change.REJECTED: "Rejected",
    Change.REBOOT_REQUIRED: "RebootRequired",
}


def get_variables(station: Station, *, get_variable_data: list[Payload], **_: Any) -> Any:
    results = [_read(station, item) for item in get_variable_data]
    return call_result.GetVariables(get_variable_result=results)


def _read(station: Station, item: Payload) -> Any:
    kind = item.get("attribute_type") or "Actual"
    result = {**_named(item), "attributeType": kind}
    setting = _find(station, item)
    if setting is None:
        return {**result, "attributeStatus": _missing(station, item)}
    if kind != "Actual":
        return {**result, "attributeStatus": "NotSupportedAttributeType"}
    if setting.write_only:
        return {**result, "attributeStatus": "Rejected"}
    return {**result, "attributeStatus": "Accepted", "attributeValue": setting.value}


def set_variables(station: Station, *, set_variable_data: list[Payload], **_: Any) -> Any:
    results = [_write(station, item) for item in set_variable_data]
    return call_result.SetVariables(set_variable_result=results)


def _write(station: Station, item: Payload) -> Any:
    kind = item.get("attribute_type") or "Actual"
    result = {**_named(item), "attributeType": kind}
    setting = _find(station, item)
    if setting is None:
        return {**result, "attributeStatus": _missing(station, item)}
    if kind != "Actual":
        return {**result, "attributeStatus": "NotSupportedAttributeType"}
    value = str(item["attribute_value"])
    change = station.settings.change(setting.name, value)
    if change is Change.ACCEPTED and setting.name == PASSWORD_VARIABLE:
        obey.change_password(station, value)
    if change is Change.ACCEPTED and setting.name == NAMES["heartbeat_s"] and int(value):
        station.heartbeat_s = float(value)
    return {**result, "attributeStatus": _CHANGES[change]}


def _named(item: Payload) -> Payload:
    return {"component": item["component"], "variable": item["variable"]}


def _find(station: Station, item: Payload) -> Setting | None:
    component, variable = item["component"], item["variable"]
    name = full_name(component["name"], variable["name"], variable.get("instance"))
    return station.settings.find(name)


def _missing(station: Station, item: Payload) -> str:
    component = str(item["component"]["name"]).lower()
    known = {split_name(setting.name)[0].lower() for setting in station.settings}
    return "UnknownVariable" if component in known else "UnknownComponent"


def get_base_report(station: Station, *, request_id: int, report_base: str, **_: Any) -> Any:
    accepted = e.GenericDeviceModelStatusEnumType.accepted
    if report_base == e.ReportBaseEnumType.summary_inventory:
        not_supported = e.GenericDeviceModelStatusEnumType.not_supported
        return call_result.GetBaseReport(not_supported)
    everything = report_base == e.ReportBaseEnumType.full_inventory
    settings = [s for s in station.settings if everything or not s.readonly]
    station.then(lambda: _notify(station, request_id, settings))
    return call_result.GetBaseReport(accepted)


def _notify(station: Station, request_id: int, settings: list[Setting]) -> None:
    generated_at = timestamp(station.clock.now())
    parts = [
        settings[first : first + ITEMS_PER_PART]
        for first in range(0, len(settings), ITEMS_PER_PART)
    ]
    for seq_no, part in enumerate(parts):
        request = call.NotifyReport(
            request_id=request_id,
            generated_at=generated_at,
            seq_no=seq_no,
            report_data=[_reported(setting) for setting in part],
            tbc=seq_no < len(parts) - 1,
        )
        report(station, Draft(request=request))


def _reported(setting: Setting) -> Any:
    component, variable, instance = split_name(setting.name)
    mutability = "ReadOnly" if setting.readonly else "ReadWrite"
    attribute: Payload = {"type": "Actual", "mutability": mutability}
    if setting.write_only:
        attribute["mutability"] = "WriteOnly"
    else:
        attribute["value"] = setting.value
    return {
        "component": {"name": component},
        "variable": {"name": variable, **({"instance": instance} if instance else {})},
        "variableAttribute": [attribute],
        "variableCharacteristics": {"dataType": setting.type.value, "supportsMonitoring": False},
    }
