"""OCPP 1.6: transactions and meter values, as charge points report them."""

from typing import Any, Final

from core.sessions import ending
from core.sessions import service as sessions
from core.sessions.facts import (
    EndReason,
    MeterSampled,
    TransactionEnded,
    TransactionStarted,
)
from core.sessions.states import SessionStatus
from core.smart_charging import service as profiles
from csms import gathered
from csms.adapter import Context, Heard
from csms.evidence import doubt, evse, happened_at, number, readings_of, source
from csms.ocpp16 import messages as m
from csms.ocpp16.id_tags import id_tag_info
from csms.protocol import Payload
from csms.readings import Sample, register_wh

END_REASONS: Final = {
    "DeAuthorized": EndReason.DEAUTHORIZED,
    "EmergencyStop": EndReason.EMERGENCY,
    "EVDisconnected": EndReason.VEHICLE_DISCONNECTED,
    "HardReset": EndReason.REBOOT,
    "Local": EndReason.LOCAL,
    "Other": EndReason.OTHER,
    "PowerLoss": EndReason.POWER_LOSS,
    "Reboot": EndReason.REBOOT,
    "Remote": EndReason.REMOTE,
    "SoftReset": EndReason.REBOOT,
    "UnlockCommand": EndReason.UNLOCKED,
}
"""OCPP 1.6 7.36; every value of the schema."""


async def start_transaction(ctx: Context, msg: m.StartTransaction) -> Payload:
    """Answer StartTransaction (OCPP 1.6 4.8); the transactionId is the session's number."""
    at, flags = happened_at(ctx, msg.timestamp)
    meter_wh, odd = register_wh(msg.meter_start)
    doubt(ctx, *odd)
    token = msg.id_tag.upper()
    fact = TransactionStarted(
        source=source(ctx, "start", msg.connector_id, token, msg.timestamp, msg.meter_start),
        evse=evse(ctx, msg.connector_id),
        connector=None,
        token=token,
        token_kind=None,
        remote_start_id=None,
        reservation=None if msg.reservation_id is None else number(ctx, msg.reservation_id),
        transaction_ref=None,
        at=at,
        meter_wh=meter_wh,
        status=SessionStatus.CHARGING,
        flags=(*flags, *odd),
    )
    answered = await sessions.start(ctx.tx, fact)
    transaction_id = 0 if answered.session is None else answered.session.number
    return {
        "idTagInfo": id_tag_info(answered.status, answered.group_token, answered.about),
        "transactionId": transaction_id,
    }


async def stop_transaction(ctx: Context, msg: m.StopTransaction) -> Payload:
    """Answer StopTransaction (OCPP 1.6 4.10)."""
    at, flags = happened_at(ctx, msg.timestamp)
    meter_wh, odd = register_wh(msg.meter_stop)
    doubt(ctx, *odd)
    transaction = number(ctx, msg.transaction_id)
    token = msg.id_tag.upper() if msg.id_tag else None
    parts: tuple[Any, ...] = ("stop", transaction)
    if transaction is None:
        parts = ("stop", msg.transaction_id, msg.timestamp, msg.meter_stop, token)
    fact = TransactionEnded(
        source=source(ctx, *parts),
        transaction_ref=str(transaction or 0),
        evse=None,
        connector=None,
        token=token,
        token_kind=None,
        at=at,
        meter_wh=meter_wh,
        reason=END_REASONS[msg.reason],
        readings=readings_of(ctx, "transactionData", msg.transaction_data, _sample),
        flags=(*flags, *odd),
    )
    answered = await ending.end(ctx.tx, fact)
    if answered.session is not None:
        ref = answered.session.transaction_ref
        await profiles.transaction_ended(ctx.tx, ctx.charger.id, ref)
    if token is None:
        return {}
    return {"idTagInfo": id_tag_info(answered.status, answered.group_token, answered.about)}


async def meter_values(ctx: Context, msg: m.MeterValues) -> Payload:
    """Answer MeterValues (OCPP 1.6 4.7)."""
    await gathered.store_samples(ctx.tx, [meter_sampled(ctx, msg)])
    return {}


def meter_sampled(heard: Heard, msg: m.MeterValues) -> MeterSampled:
    """Return what MeterValues tells; connector 0 is the meter of the whole charge point."""
    transaction = None if msg.transaction_id is None else number(heard, msg.transaction_id)
    return MeterSampled(
        source=source(heard, "meter", transaction or 0, by_content=True),
        evse=evse(heard, msg.connector_id),
        transaction_ref=None if transaction is None else str(transaction),
        readings=readings_of(heard, "meterValue", msg.meter_value, _sample),
    )


def _sample(sampled: m.SampledValue) -> Sample:
    return Sample(
        value=sampled.value,
        measurand=sampled.measurand,
        phase=sampled.phase,
        location=sampled.location,
        unit=sampled.unit,
        context=sampled.context,
        signed=sampled.format == "SignedData",
    )
