"""OCPP 2.0.1: what charging stations tell us, except transactions."""

from typing import Final

from core.chargers import status as connector_status
from core.chargers.facts import Booted, StatusReported
from core.chargers.states import ConnectorStatus
from core.desired import availability
from core.kernel.times import rfc3339
from core.operations import reservations
from csms import reserving
from csms.adapter import Block, Context, Route
from csms.evidence import connector, doubt, evse, number
from csms.ocpp201 import connector_status as derived
from csms.ocpp201 import messages as m
from csms.ocpp201 import transactions
from csms.protocol import Payload
from csms.readings import instant
from csms.welcome import welcome


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
    await availability.noticed(
        ctx.tx, ctx.charger.id, evse=evse_number, connector=connector_number, status=status
    )
    await reserving.noticed(ctx, evse=evse_number, status=status)
    return {}


async def reservation_status_update(ctx: Context, msg: m.ReservationStatusUpdate) -> Payload:
    """Answer ReservationStatusUpdate (OCPP 2.0.1 H04)."""
    reservation = number(ctx, msg.reservation_id)
    if reservation is not None:
        expired = msg.reservation_update_status == "Expired"
        await reservations.reported(ctx.tx, ctx.charger.id, reservation, expired=expired)
    return {}


CORE: Final = Block(
    routes={
        "BootNotification": Route(
            message=m.BootNotification, handle=boot_notification, before_acceptance=True
        ),
        "Heartbeat": Route(message=m.Heartbeat, handle=heartbeat),
        "MeterValues": Route(
            message=m.MeterValues, handle=transactions.meter_values, is_transaction=True
        ),
        "ReservationStatusUpdate": Route(
            message=m.ReservationStatusUpdate, handle=reservation_status_update
        ),
        "StatusNotification": Route(message=m.StatusNotification, handle=status_notification),
        "TransactionEvent": Route(
            message=m.TransactionEvent, handle=transactions.transaction_event, is_transaction=True
        ),
    }
)
