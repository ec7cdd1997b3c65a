"""OCPP 2.0.1: what charging stations tell us, except transactions."""

from typing import Final

from core.chargers.facts import Booted, StatusReported
from core.chargers.states import ConnectorStatus
from core.operations import reservations
from csms import gathered
from csms.adapter import Block, Context, Heard, Route
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
    return gathered.current_time(ctx.tx.now)


async def status_notification(ctx: Context, msg: m.StatusNotification) -> Payload:
    """Answer StatusNotification (OCPP 2.0.1 G01)."""
    fact = status_reported(ctx, msg)
    if fact is None and not ctx.doubts:
        fact = _reported(ctx, msg, await derived.of_occupied(ctx, *_place(ctx, msg)))
    if fact is not None:
        await gathered.store_statuses(ctx.tx, [fact])
    return {}


def status_reported(heard: Heard, msg: m.StatusNotification) -> StatusReported | None:
    """Return what StatusNotification tells; what ``Occupied`` means, only the database knows."""
    _place(heard, msg)
    status = derived.STATUSES.get(msg.connector_status)
    return None if heard.doubts or status is None else _reported(heard, msg, status)


def _place(heard: Heard, msg: m.StatusNotification) -> tuple[int, int | None]:
    number = connector(heard, msg.connector_id) if msg.connector_id != 0 else None
    return evse(heard, msg.evse_id), number


def _reported(heard: Heard, msg: m.StatusNotification, status: ConnectorStatus) -> StatusReported:
    at, _ = instant(msg.timestamp)
    if at is None:
        doubt(heard, "timestamp_unreadable")
    evse_number, connector_number = _place(heard, msg)
    return StatusReported(
        charger_id=heard.charger.id,
        evse=evse_number,
        connector=connector_number,
        status=status,
        error_code="Faulted" if status is ConnectorStatus.FAULTED else None,
        error_info=None,
        at=at,
    )


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
        "Heartbeat": Route(message=m.Heartbeat, handle=heartbeat, reply=gathered.current_time),
        "MeterValues": Route(
            message=m.MeterValues,
            handle=transactions.meter_values,
            is_transaction=True,
            fact=transactions.meter_sampled,
        ),
        "ReservationStatusUpdate": Route(
            message=m.ReservationStatusUpdate, handle=reservation_status_update
        ),
        "StatusNotification": Route(
            message=m.StatusNotification, handle=status_notification, fact=status_reported
        ),
        "TransactionEvent": Route(
            message=m.TransactionEvent, handle=transactions.transaction_event, is_transaction=True
        ),
    }
)
