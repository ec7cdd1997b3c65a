"""Reporting the device model (OCPP 2.0.1 B07-B08), part by part however large it is."""

from collections.abc import Callable, Sequence
from typing import Any

from ocpp.v201 import call, call_result
from ocpp.v201 import enums as e

from simulator.clock import timestamp
from simulator.ledger import Payload
from simulator.settings import Setting
from simulator.station import Station
from simulator.telling import tell
from simulator.v201.variables import as_component, as_pair, split_name

_SUMMARY = frozenset({"AvailabilityState", "Available", "Problem", "Active", "Enabled"})
_DEFAULT_TRUE = frozenset({"Active", "Available", "Enabled"})


def get_base_report(station: Station, *, request_id: int, report_base: str, **_: Any) -> Any:
    match report_base:
        case e.ReportBaseEnumType.full_inventory:
            found = list(station.settings)
        case e.ReportBaseEnumType.configuration_inventory:
            found = [s for s in station.settings if not s.readonly]
        case _:
            found = [s for s in station.settings if split_name(s.name)[1] in _SUMMARY]
    return call_result.GetBaseReport(_answered(station, request_id, found))


def get_report(
    station: Station,
    *,
    request_id: int,
    component_variable: list[Payload] | None = None,
    component_criteria: list[str] | None = None,
    **_: Any,
) -> Any:
    found = list(station.settings)
    if component_variable:
        found = [s for s in found if any(matches(s, wanted) for wanted in component_variable)]
    if component_criteria:
        found = [s for s in found if _meets(station, s, component_criteria)]
    return call_result.GetReport(_answered(station, request_id, found))


def matches(setting: Setting, wanted: Payload) -> bool:
    """Tell whether a ComponentVariable names this setting; what it leaves out matches all."""
    pair = as_pair(setting.name)
    component, variable = wanted["component"], wanted.get("variable")
    return _covers(component, pair["component"]) and (
        variable is None or _covers(variable, pair["variable"])
    )


def _covers(wanted: Payload, found: Payload) -> bool:
    if str(wanted["name"]).lower() != str(found["name"]).lower():
        return False
    if wanted.get("instance") is not None and wanted["instance"] != found.get("instance"):
        return False
    evse, place = wanted.get("evse"), found.get("evse", {})
    if evse is None:
        return True
    connector = evse.get("connector_id")
    return evse["id"] == place.get("id") and connector in {None, place.get("connector_id")}


def _meets(station: Station, setting: Setting, criteria: Sequence[str]) -> bool:
    """Tell whether the component is Active, Available, Enabled or has a Problem (B08.FR.07-10)."""
    component = split_name(setting.name)[0]
    for criterion in criteria:
        found = station.settings.find(f"{component}.{criterion}")
        if found is None and criterion in _DEFAULT_TRUE:
            return True
        if found is not None and found.now.lower() == "true":
            return True
    return False


def _answered(
    station: Station, request_id: int, settings: list[Setting]
) -> e.GenericDeviceModelStatusEnumType:
    if not settings:
        return e.GenericDeviceModelStatusEnumType.empty_result_set
    station.then(lambda: station.spawn(_notify(station, request_id, settings)))
    return e.GenericDeviceModelStatusEnumType.accepted


async def _notify(station: Station, request_id: int, settings: list[Setting]) -> None:
    at = timestamp(station.clock.now())

    def request(part: list[Setting], seq_no: int, tbc: bool) -> Any:
        return call.NotifyReport(
            request_id=request_id,
            generated_at=at,
            seq_no=seq_no,
            report_data=[_reported(setting) for setting in part],
            tbc=tbc,
        )

    await in_parts(station, settings, request)


async def in_parts(
    station: Station, items: list[Any], request: Callable[[list[Any], int, bool], Any]
) -> None:
    """Send *items* in as many messages as it takes, each one made when its turn comes."""
    size = station.config.switches.report_items
    for seq_no, first in enumerate(range(0, len(items), size)):
        part = items[first : first + size]
        await tell(station, request(part, seq_no, first + size < len(items)), answering=True)


def _reported(setting: Setting) -> Any:
    mutability = "ReadOnly" if setting.readonly else "ReadWrite"
    attribute: Payload = {"type": "Actual", "mutability": mutability}
    if setting.write_only:
        attribute["mutability"] = "WriteOnly"
    else:
        attribute["value"] = setting.now
    others = [
        {"type": kind, "value": value, "mutability": "ReadWrite"}
        for kind, value in (setting.others or {}).items()
    ]
    characteristics: Payload = {
        "dataType": setting.type.value,
        "supportsMonitoring": setting.monitored,
        "unit": setting.unit,
        "minLimit": setting.minimum,
        "maxLimit": setting.maximum,
        "valuesList": ",".join(setting.options) or None,
    }
    component, variable, instance = split_name(setting.name)
    return {
        "component": as_component(component),
        "variable": {"name": variable, **({"instance": instance} if instance else {})},
        "variableAttribute": [attribute, *others],
        "variableCharacteristics": characteristics,
    }
