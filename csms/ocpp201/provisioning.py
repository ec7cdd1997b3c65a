"""OCPP 2.0.1 block B: variables, reports, network profiles, resets; F06, G03, G04, C11, E14."""

from typing import Any, Final

from core.chargers import reports
from core.chargers.facts import Characteristics, VariableReported
from core.chargers.states import Registration
from core.commands.commands import Verdict
from core.commands.configuration import (
    ChangeAvailability,
    ClearCache,
    GetBaseReport,
    GetReport,
    GetVariables,
    ReportQueue,
    Reset,
    SetNetworkProfile,
    SetVariable,
    Trigger,
)
from core.commands.models import CommandRow
from core.desired import variables
from core.kernel.db import Tx
from csms import sanity
from csms.adapter import VERDICTS, Block, Context, Route
from csms.evidence import doubt
from csms.ocpp201 import messages as m
from csms.protocol import Payload
from csms.redact import MASK, names_secret

_MAX_NAME_CHARS: Final = 200

_RESETS: Final = {"immediate": "Immediate", "on_idle": "OnIdle"}
_TRIGGERS: Final = {
    "boot_notification": "BootNotification",
    "firmware_status": "FirmwareStatusNotification",
    "heartbeat": "Heartbeat",
    "log_status": "LogStatusNotification",
    "meter_values": "MeterValues",
    "publish_firmware_status": "PublishFirmwareStatusNotification",
    "sign_charging_station_certificate": "SignChargingStationCertificate",
    "sign_combined_certificate": "SignCombinedCertificate",
    "sign_v2g_certificate": "SignV2GCertificate",
    "status": "StatusNotification",
    "transaction": "TransactionEvent",
}
_REFUSALS: Final = {
    "NotSupportedAttributeType": Verdict.NOT_SUPPORTED,
    "UnknownComponent": Verdict.UNKNOWN,
    "UnknownVariable": Verdict.UNKNOWN,
}


async def notify_report(ctx: Context, msg: m.NotifyReport) -> Payload:
    """Answer NotifyReport (OCPP 2.0.1 B07); every part of a report is stored as it comes.

    A charger that waits for approval may send what was asked for, and nothing else (B02).
    """
    found = [
        VariableReported(
            component=_component(data.component),
            variable=_name(data.variable.name, data.variable.instance)[:_MAX_NAME_CHARS],
            attribute=attribute.type,
            value=_shown(data.variable.name, attribute.value),
            readonly=attribute.mutability == "ReadOnly",
            characteristics=_characteristics(data.variable_characteristics),
        )
        for data in msg.report_data
        for attribute in data.variable_attribute
    ]
    request = sanity.whole(msg.request_id).value
    seq = sanity.whole(msg.seq_no, lowest=0).value
    if ctx.charger.registration is not Registration.ACCEPTED and not (
        request is not None and await reports.is_expected(ctx.tx, ctx.charger.id, request=request)
    ):
        return {}
    await variables.report(ctx.tx, ctx.charger.id, found)
    if request is None or seq is None:
        doubt(ctx, "number_impossible")
        return {}
    await reports.part(
        ctx.tx,
        ctx.charger.id,
        request=request,
        seq=seq,
        variables=len(msg.report_data),
        to_be_continued=msg.tbc,
    )
    return {}


def set_variable(wanted: SetVariable) -> tuple[str, Payload]:
    """Return the call (B05); ``ValueError`` for a key without a component."""
    place = _place(_members(wanted))
    data: Payload = {"attributeValue": wanted.value, **place}
    if wanted.attribute != "Actual":
        data["attributeType"] = wanted.attribute
    return "SetVariables", {"setVariableData": [data]}


def get_variables(wanted: GetVariables) -> tuple[str, Payload]:
    """Return the call (B06)."""
    data = []
    for one in wanted.variables:
        entry = _place(one)
        if one.get("attribute") is not None:
            entry["attributeType"] = one["attribute"]
        data.append(entry)
    return "GetVariables", {"getVariableData": data}


def get_report(wanted: GetReport) -> tuple[str, Payload]:
    """Return the call (B08)."""
    payload: Payload = {"requestId": wanted.request}
    if wanted.criteria:
        payload["componentCriteria"] = wanted.criteria
    if wanted.variables:
        payload["componentVariable"] = [
            _place(one, component_alone=True) for one in wanted.variables
        ]
    return "GetReport", payload


def get_base_report(wanted: GetBaseReport) -> tuple[str, Payload]:
    return "GetBaseReport", {"requestId": wanted.request, "reportBase": wanted.base}


def set_network_profile(wanted: SetNetworkProfile) -> tuple[str, Payload]:
    """Return the call (B09)."""
    data: Payload = {
        "messageTimeout": wanted.message_timeout_s,
        "ocppCsmsUrl": wanted.url,
        "ocppInterface": wanted.interface,
        "ocppTransport": wanted.transport,
        "ocppVersion": wanted.ocpp_version,
        "securityProfile": wanted.security_profile,
    }
    data |= {name: part for name, part in (("vpn", wanted.vpn), ("apn", wanted.apn)) if part}
    return "SetNetworkProfile", {"configurationSlot": wanted.slot, "connectionData": data}


def change_availability(wanted: ChangeAvailability) -> tuple[str, Payload]:
    """Return the call (G03, G04)."""
    payload: Payload = {"operationalStatus": "Operative" if wanted.operative else "Inoperative"}
    return "ChangeAvailability", payload | _evse(wanted.evse, wanted.connector)


def reset(wanted: Reset) -> tuple[str, Payload]:
    """Return the call (B11, B12); ``ValueError`` for what only 1.6 knows."""
    if wanted.type not in _RESETS:
        raise ValueError("OCPP 2.0.1 knows no soft reset; use on_idle or immediate")
    payload: Payload = {"type": _RESETS[wanted.type]}
    return "Reset", payload if wanted.evse is None else payload | {"evseId": wanted.evse}


def trigger(wanted: Trigger) -> tuple[str, Payload]:
    """Return the call (F06); a status is that of an EVSE's connector (F06.FR.13)."""
    message = _TRIGGERS.get(wanted.message)
    if message is None or wanted.extended:
        raise ValueError(f"OCPP 2.0.1 cannot be asked for {wanted.message} that way")
    if message == "StatusNotification" and wanted.evse is None:
        raise ValueError("OCPP 2.0.1 asks for the status of an EVSE: name it")
    return "TriggerMessage", {"requestedMessage": message, **_evse(wanted.evse, wanted.connector)}


def clear_cache(_: ClearCache) -> tuple[str, Payload]:
    return "ClearCache", {}


def report_queue(_: ReportQueue) -> tuple[str, Payload]:
    """Return the call (E14): without a transaction it tells of the queue only."""
    return "GetTransactionStatus", {}


def judge_set_variables(answer: Payload) -> tuple[Verdict, str | None]:
    """Return the verdict of the first variable that was not simply accepted, with its word."""
    said: tuple[Verdict, str | None] = (Verdict.ACCEPTED, "Accepted")
    for result in answer.get("setVariableResult") or ():
        status = str(result.get("attributeStatus"))
        verdict = _REFUSALS.get(status) or VERDICTS.get(status, Verdict.FAILED)
        if verdict is not Verdict.ACCEPTED:
            info = result.get("attributeStatusInfo") or {}
            code = info.get("reasonCode")
            return verdict, status if not code else f"{status}: {code}"
        if status != "Accepted":
            said = (verdict, status)
    return said


async def learn_variables(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Keep the values that GetVariables brings (B06)."""
    found = [_reported(entry) for entry in answer["getVariableResult"] if _has_value(entry)]
    await variables.report(tx, command.charger_id, found)


async def learn_of_report(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from the answer that no report will come (B08.FR.15)."""
    request = command.arguments.get("request")
    if answer.get("status") == "EmptyResultSet" and isinstance(request, int):
        await reports.nothing_to_report(tx, command.charger_id, request=request)


def _reported(entry: dict[str, Any]) -> VariableReported:
    component, variable = entry["component"], entry["variable"]
    evse = component.get("evse")
    place = None if evse is None else m.Evse(id=evse["id"], connector_id=evse.get("connectorId"))
    return VariableReported(
        component=_component(
            m.Component(name=component["name"], instance=component.get("instance"), evse=place)
        ),
        variable=_name(variable["name"], variable.get("instance"))[:_MAX_NAME_CHARS],
        attribute=entry.get("attributeType") or "Actual",
        value=_shown(variable["name"], entry["attributeValue"]),
        readonly=None,
    )


def _has_value(entry: dict[str, Any]) -> bool:
    return entry.get("attributeStatus") == "Accepted" and entry.get("attributeValue") is not None


def _members(wanted: SetVariable) -> dict[str, Any]:
    return {
        "component": wanted.component,
        "component_instance": wanted.component_instance,
        "evse": wanted.evse,
        "connector": wanted.connector,
        "name": wanted.name,
        "instance": wanted.instance,
    }


def _place(members: dict[str, Any], *, component_alone: bool = False) -> Payload:
    """Return component and variable in OCPP's members.

    Raises:
        ValueError: Without a component it is a configuration key of 1.6.
    """
    if members.get("component") is None:
        raise ValueError(
            f"OCPP 2.0.1 has variables of components: name {members.get('name')} as "
            "Component/Variable"
        )
    component: Payload = {"name": members["component"]}
    if members.get("component_instance") is not None:
        component["instance"] = members["component_instance"]
    component |= _evse(members.get("evse"), members.get("connector"))
    if component_alone and members.get("name") is None:
        return {"component": component}
    variable: Payload = {"name": members["name"]}
    if members.get("instance") is not None:
        variable["instance"] = members["instance"]
    return {"component": component, "variable": variable}


def _evse(evse: int | None, connector: int | None) -> Payload:
    if evse is None:
        return {}
    return {"evse": {"id": evse} if connector is None else {"id": evse, "connectorId": connector}}


def _characteristics(found: m.VariableCharacteristics | None) -> Characteristics | None:
    if found is None:
        return None
    return Characteristics(
        data_type=found.data_type,
        unit=found.unit,
        min_limit=found.min_limit,
        max_limit=found.max_limit,
        values_list=found.values_list,
        supports_monitoring=found.supports_monitoring,
    )


def _shown(name: str, value: str | None) -> str | None:
    """Return a value as it may be stored: a secret that a charger reports is masked (I34)."""
    return MASK if value and names_secret(name) else value


def _component(component: m.Component) -> str:
    name = _name(component.name, component.instance)
    if component.evse is not None:
        place = component.evse.connector_id
        name += f"@{component.evse.id}" + ("" if place is None else f".{place}")
    return name[:_MAX_NAME_CHARS]


def _name(name: str, instance: str | None) -> str:
    return name if instance is None else f"{name}[{instance}]"


PROVISIONING: Final = Block(
    routes={
        "NotifyReport": Route(message=m.NotifyReport, handle=notify_report, while_pending=True)
    },
    encoders={
        ChangeAvailability: change_availability,
        ClearCache: clear_cache,
        GetBaseReport: get_base_report,
        GetReport: get_report,
        GetVariables: get_variables,
        ReportQueue: report_queue,
        Reset: reset,
        SetNetworkProfile: set_network_profile,
        SetVariable: set_variable,
        Trigger: trigger,
    },
    learners={
        "GetBaseReport": learn_of_report,
        "GetReport": learn_of_report,
        "GetVariables": learn_variables,
    },
    judges={"SetVariables": judge_set_variables},
)
