"""Reading and changing the device model (OCPP 2.0.1 B05-B06)."""

from collections.abc import Callable
from typing import Any

from ocpp.v201 import call_result

from simulator import engine, obey
from simulator.ledger import Payload
from simulator.settings import Change, Setting, refusal, unfit
from simulator.station import Station
from simulator.v201 import network
from simulator.v201.variables import (
    NAMES,
    NETWORK_PRIORITY,
    PASSWORD_VARIABLE,
    as_component,
    extra,
    live,
    name_of,
    split_name,
)

ACTUAL = "Actual"


def furnish(station: Station) -> None:
    """Give the station the variables that are measured, and as many more as it is told to have."""
    station.settings.add(live(station.config, _reader(station), lambda: station.firmware))
    station.settings.add(extra(station.config.switches.extra_variables))
    counts: dict[str, Callable[[], int]] = {
        "DisplayMessageCtrlr.NumberOfDisplayMessages": lambda: len(station.display),
        "LocalAuthListCtrlr.Entries": lambda: len(station.local.entries),
        "SecurityCtrlr.CertificateEntries": lambda: len(station.certificates.roots),
        "SmartChargingCtrlr.Entries(ChargingProfiles)": lambda: len(station.profiles.installed),
    }
    for name, count in counts.items():
        setting = station.settings.find(name)
        if setting is not None:
            setting.live = _counter(count)
    station.on_reboot.append(lambda: network.choose(station))


def _counter(count: Callable[[], int]) -> Callable[[], str]:
    return lambda: str(count())


def _reader(station: Station) -> Callable[[str, int, str], str]:
    def read(component: str, evse: int, variable: str) -> str:
        concerned = list(station.connectors.values())
        if evse:
            concerned = [station.connectors[evse]]
        if variable == "Power":
            total = sum(engine.read_meter(station, c, "Other").power_w for c in concerned)
            return f"{total:.0f}"
        if variable == "Problem":
            return str(any(c.fault is not None for c in concerned)).lower()
        if variable == "Available":
            return str(any(c.operative for c in concerned)).lower()
        states = [station.dialect.status(station, c) for c in concerned]
        return states[0] if evse or len(set(states)) == 1 else "Available"

    return read


def get_variables(station: Station, *, get_variable_data: list[Payload], **_: Any) -> Any:
    results = [_read(station, item) for item in get_variable_data]
    return call_result.GetVariables(get_variable_result=results)


def _read(station: Station, item: Payload) -> Any:
    kind = item.get("attribute_type") or ACTUAL
    result = {**_named(item), "attributeType": kind}
    setting = _find(station, item)
    if setting is None:
        return {**result, "attributeStatus": missing(station, item)}
    if kind != ACTUAL:
        value = (setting.others or {}).get(kind)
        if value is None:
            return {**result, "attributeStatus": "NotSupportedAttributeType"}
        return {**result, "attributeStatus": "Accepted", "attributeValue": value}
    if setting.write_only:
        return {**result, "attributeStatus": "Rejected", **_info("WriteOnly")}
    return {**result, "attributeStatus": "Accepted", "attributeValue": setting.now}


def _info(reason: str) -> Payload:
    return {"attributeStatusInfo": {"reasonCode": reason}}


def set_variables(station: Station, *, set_variable_data: list[Payload], **_: Any) -> Any:
    results = [_write(station, item) for item in set_variable_data]
    return call_result.SetVariables(set_variable_result=results)


def _write(station: Station, item: Payload) -> Any:
    kind = item.get("attribute_type") or ACTUAL
    result = {**_named(item), "attributeType": kind}
    setting = _find(station, item)
    if setting is None:
        return {**result, "attributeStatus": missing(station, item)}
    value = str(item["attribute_value"])
    if kind != ACTUAL:
        return {**result, **_write_other(setting, kind, value)}
    reason = refusal(setting, value)
    if setting.name == NETWORK_PRIORITY and reason is None:
        reason = network.unusable(station, value)
    if reason is not None:
        return {**result, "attributeStatus": "Rejected", **_info(reason)}
    change = station.settings.change(setting.name, value)
    if change is Change.ACCEPTED:
        _obey(station, setting, value)
    return {**result, "attributeStatus": change.value}


def _obey(station: Station, setting: Setting, value: str) -> None:
    if setting.name == PASSWORD_VARIABLE:
        obey.change_password(station, value)
    if setting.name == NAMES["heartbeat_s"] and int(value):
        station.heartbeat_s = float(value)
    if setting.name == NAMES["cache_enabled"] and value.lower() == "false":
        station.local.cache.clear()


def _write_other(setting: Setting, kind: str, value: str) -> Payload:
    """Set Target, MinSet or MaxSet; the target stays between the two others (B05.FR.11)."""
    others = setting.others
    if others is None or kind not in others:
        return {"attributeStatus": "NotSupportedAttributeType"}
    reason = unfit(setting, value)
    if reason is None and kind == "Target":
        low, high = float(others.get("MinSet", value)), float(others.get("MaxSet", value))
        reason = None if low <= float(value) <= high else "ValueOutOfRange"
    if reason is not None:
        return {"attributeStatus": "Rejected", **_info(reason)}
    others[kind] = value
    return {"attributeStatus": "Accepted"}


def _named(item: Payload) -> Payload:
    return {"component": item["component"], "variable": item["variable"]}


def _find(station: Station, item: Payload) -> Setting | None:
    return station.settings.find(name_of(item["component"], item["variable"]))


def missing(station: Station, item: Payload) -> str:
    """Tell whether the component or only the variable is unknown."""
    component = str(item["component"]["name"]).lower()
    known = (as_component(split_name(setting.name)[0])["name"] for setting in station.settings)
    found = any(str(name).lower() == component for name in known)
    return "UnknownVariable" if found else "UnknownComponent"
