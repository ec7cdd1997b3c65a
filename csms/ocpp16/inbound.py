"""OCPP 1.6: what charge points tell us, except transactions. Handlers: translate, call, answer."""

from typing import Final

from core.chargers.facts import Booted, StatusReported
from core.chargers.states import ConnectorStatus
from csms import gathered
from csms.adapter import Block, Context, Heard, Route
from csms.evidence import doubt, evse
from csms.ocpp16 import messages as m
from csms.ocpp16 import transactions
from csms.protocol import Payload
from csms.readings import instant
from csms.welcome import welcome

STATUSES: Final = {
    "Available": ConnectorStatus.AVAILABLE,
    "Preparing": ConnectorStatus.PREPARING,
    "Charging": ConnectorStatus.CHARGING,
    "SuspendedEV": ConnectorStatus.SUSPENDED_EV,
    "SuspendedEVSE": ConnectorStatus.SUSPENDED_EVSE,
    "Finishing": ConnectorStatus.FINISHING,
    "Reserved": ConnectorStatus.RESERVED,
    "Unavailable": ConnectorStatus.UNAVAILABLE,
    "Faulted": ConnectorStatus.FAULTED,
}
"""OCPP 1.6 7.7; every value of the schema."""

_NO_ERROR: Final = "NoError"


async def boot_notification(ctx: Context, msg: m.BootNotification) -> Payload:
    """Answer BootNotification (OCPP 1.6 4.2)."""
    serial = msg.charge_point_serial_number or msg.charge_box_serial_number
    fact = Booted(
        charger_id=ctx.charger.id,
        vendor=msg.charge_point_vendor,
        model=msg.charge_point_model,
        serial_number=serial,
        firmware_version=msg.firmware_version,
        reason=None,
    )
    answer = await welcome(ctx, fact)
    return {name: answer[name] for name in ("status", "currentTime", "interval")}


async def heartbeat(ctx: Context, msg: m.Heartbeat) -> Payload:
    """Answer Heartbeat (OCPP 1.6 4.6)."""
    return gathered.current_time(ctx.tx.now)


async def status_notification(ctx: Context, msg: m.StatusNotification) -> Payload:
    """Answer StatusNotification (OCPP 1.6 4.9)."""
    fact = status_reported(ctx, msg)
    if fact is not None:
        await gathered.store_statuses(ctx.tx, [fact])
    return {}


def status_reported(heard: Heard, msg: m.StatusNotification) -> StatusReported | None:
    """Return what StatusNotification tells; connector 0 is the charge point itself."""
    at, _ = (None, ()) if msg.timestamp is None else instant(msg.timestamp)
    number = evse(heard, msg.connector_id)
    if heard.doubts:
        return None
    if msg.timestamp is not None and at is None:
        doubt(heard, "timestamp_unreadable")
    details = [msg.info, msg.vendor_error_code]
    return StatusReported(
        charger_id=heard.charger.id,
        evse=number,
        connector=None,
        status=STATUSES[msg.status],
        error_code=None if msg.error_code == _NO_ERROR else msg.error_code,
        error_info=" ".join(text for text in details if text) or None,
        at=at,
    )


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
        "StartTransaction": Route(
            message=m.StartTransaction, handle=transactions.start_transaction, is_transaction=True
        ),
        "StatusNotification": Route(
            message=m.StatusNotification, handle=status_notification, fact=status_reported
        ),
        "StopTransaction": Route(
            message=m.StopTransaction, handle=transactions.stop_transaction, is_transaction=True
        ),
    }
)
