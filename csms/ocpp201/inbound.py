"""OCPP 2.0.1: what charging stations tell us, except transactions."""

from typing import Final

from core.chargers import inventory
from core.chargers import status as connector_status
from core.chargers.facts import Booted, StatusReported, VariableReported
from core.chargers.states import ConnectorStatus, TokenStatus
from core.kernel.times import rfc3339
from core.operations import reservations
from core.sessions import authorization
from csms.adapter import Block, Context, Route
from csms.evidence import connector, doubt, evse, number
from csms.ocpp201 import connector_status as derived
from csms.ocpp201 import messages as m
from csms.ocpp201 import transactions
from csms.ocpp201.id_tokens import id_token_info, token_of
from csms.protocol import Payload
from csms.readings import instant
from csms.welcome import welcome

_MAX_NAME_CHARS: Final = 200


async def boot_notification(ctx: Context, msg: m.BootNotification) -> Payload:
    """Answer BootNotification (OCPP 2.0.1 B01 to B04)."""
    station = msg.charging_station
    fact = Booted(
        charger_id=ctx.charger.id,
        vendor=station.vendor_name,
        model=station.model,
        serial_number=station.serial_number,
        firmware_version=station.firmware_version,
        reason=msg.reason,
    )
    return await welcome(ctx, fact)


async def heartbeat(ctx: Context, msg: m.Heartbeat) -> Payload:
    """Answer Heartbeat (OCPP 2.0.1 G02)."""
    return {"currentTime": rfc3339(ctx.tx.now)}


async def status_notification(ctx: Context, msg: m.StatusNotification) -> Payload:
    """Answer StatusNotification (OCPP 2.0.1 G01)."""
    at, _ = instant(msg.timestamp)
    evse_number = evse(ctx, msg.evse_id)
    connector_number = connector(ctx, msg.connector_id) if msg.connector_id != 0 else None
    if ctx.doubts:
        return {}
    if at is None:
        doubt(ctx, "timestamp_unreadable")
    status = await derived.of_report(ctx, msg.connector_status, evse_number, connector_number)
    fact = StatusReported(
        charger_id=ctx.charger.id,
        evse=evse_number,
        connector=connector_number,
        status=status,
        error_code="Faulted" if status is ConnectorStatus.FAULTED else None,
        error_info=None,
        at=at,
    )
    await connector_status.report(ctx.tx, fact)
    return {}


async def authorize(ctx: Context, msg: m.Authorize) -> Payload:
    """Answer Authorize (OCPP 2.0.1 C01)."""
    token = token_of(msg.id_token)
    if token is None:
        return {"idTokenInfo": id_token_info(TokenStatus.INVALID, None)}
    judged = await authorization.authorize(ctx.tx, ctx.charger.id, token)
    return {"idTokenInfo": id_token_info(judged.status, judged.group_token)}


async def notify_report(ctx: Context, msg: m.NotifyReport) -> Payload:
    """Answer NotifyReport (OCPP 2.0.1 B07); every part of a report is stored as it comes."""
    variables = [
        VariableReported(
            component=_component(data.component),
            variable=_name(data.variable.name, data.variable.instance)[:_MAX_NAME_CHARS],
            attribute=attribute.type,
            value=attribute.value,
            readonly=attribute.mutability == "ReadOnly",
        )
        for data in msg.report_data
        for attribute in data.variable_attribute
    ]
    await inventory.store_variables(ctx.tx, ctx.charger.id, variables)
    return {}


async def reservation_status_update(ctx: Context, msg: m.ReservationStatusUpdate) -> Payload:
    """Answer ReservationStatusUpdate (OCPP 2.0.1 H04)."""
    reservation = number(ctx, msg.reservation_id)
    if reservation is not None:
        expired = msg.reservation_update_status == "Expired"
        await reservations.reported(ctx.tx, ctx.charger.id, reservation, expired=expired)
    return {}


async def data_transfer(ctx: Context, msg: m.DataTransfer) -> Payload:
    """Answer DataTransfer (OCPP 2.0.1 P02): no vendor's extension is known here."""
    return {"status": "UnknownVendorId"}


def _component(component: m.Component) -> str:
    name = _name(component.name, component.instance)
    if component.evse is not None:
        place = component.evse.connector_id
        name += f"@{component.evse.id}" + ("" if place is None else f".{place}")
    return name[:_MAX_NAME_CHARS]


def _name(name: str, instance: str | None) -> str:
    return name if instance is None else f"{name}[{instance}]"


CORE: Final = Block(
    routes={
        "Authorize": Route(message=m.Authorize, handle=authorize),
        "BootNotification": Route(
            message=m.BootNotification, handle=boot_notification, before_acceptance=True
        ),
        "DataTransfer": Route(message=m.DataTransfer, handle=data_transfer),
        "Heartbeat": Route(message=m.Heartbeat, handle=heartbeat),
        "MeterValues": Route(
            message=m.MeterValues, handle=transactions.meter_values, is_transaction=True
        ),
        "NotifyReport": Route(message=m.NotifyReport, handle=notify_report),
        "ReservationStatusUpdate": Route(
            message=m.ReservationStatusUpdate, handle=reservation_status_update
        ),
        "StatusNotification": Route(message=m.StatusNotification, handle=status_notification),
        "TransactionEvent": Route(
            message=m.TransactionEvent, handle=transactions.transaction_event, is_transaction=True
        ),
    }
)

ACKNOWLEDGED: Final[dict[str, Payload]] = {
    "ClearedChargingLimit": {},
    "FirmwareStatusNotification": {},
    # Nobody here has contracts, OCSP answers, signatures or charging schedules to give.
    "Get15118EVCertificate": {"status": "Failed", "exiResponse": ""},
    "GetCertificateStatus": {"status": "Failed"},
    "LogStatusNotification": {},
    "NotifyChargingLimit": {},
    "NotifyCustomerInformation": {},
    "NotifyDisplayMessages": {},
    "NotifyEVChargingNeeds": {"status": "Rejected"},
    "NotifyEVChargingSchedule": {"status": "Rejected"},
    "NotifyEvent": {},
    "NotifyMonitoringReport": {},
    "PublishFirmwareStatusNotification": {},
    "ReportChargingProfiles": {},
    "SecurityEventNotification": {},
    "SignCertificate": {"status": "Rejected"},
}
