"""OCPP 2.0.1: TransactionEvent and MeterValues, as charging stations report them."""

from datetime import UTC, datetime
from typing import Final

from core.sessions import authorization, ending
from core.sessions import service as sessions
from core.sessions.authorization import Answered
from core.sessions.facts import (
    NO_REF,
    EndReason,
    MeterSampled,
    Reading,
    Source,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from core.sessions.states import SessionStatus
from csms import gathered, sanity
from csms.adapter import Context, Heard
from csms.evidence import (
    connector,
    doubt,
    evse,
    happened_at,
    number,
    readings_of,
    source,
)
from csms.ocpp201 import messages as m
from csms.ocpp201.connector_status import follow, state_of
from csms.ocpp201.cost import total_cost
from csms.ocpp201.id_tokens import id_token_info, token_of
from csms.ocpp201.smart_charging import charging_profiles_follow
from csms.protocol import Payload
from csms.readings import IMPOSSIBLE, Sample

END_REASONS: Final = {
    "DeAuthorized": EndReason.DEAUTHORIZED,
    "EmergencyStop": EndReason.EMERGENCY,
    "EnergyLimitReached": EndReason.LIMIT_ENERGY,
    "EVDisconnected": EndReason.VEHICLE_DISCONNECTED,
    "GroundFault": EndReason.CHARGER_FAULT,
    "ImmediateReset": EndReason.REBOOT,
    "Local": EndReason.LOCAL,
    "LocalOutOfCredit": EndReason.OTHER,
    "MasterPass": EndReason.LOCAL,
    "Other": EndReason.OTHER,
    "OvercurrentFault": EndReason.CHARGER_FAULT,
    "PowerLoss": EndReason.POWER_LOSS,
    "PowerQuality": EndReason.CHARGER_FAULT,
    "Reboot": EndReason.REBOOT,
    "Remote": EndReason.REMOTE,
    "SOCLimitReached": EndReason.VEHICLE_FULL,
    "StoppedByEV": EndReason.VEHICLE_FULL,
    "TimeLimitReached": EndReason.LIMIT_TIME,
    "Timeout": EndReason.OTHER,
}
"""ReasonEnumType; every value of the schema."""

END_TRIGGERS: Final = {
    "AbnormalCondition": EndReason.CHARGER_FAULT,
    "Deauthorized": EndReason.DEAUTHORIZED,
    "EnergyLimitReached": EndReason.LIMIT_ENERGY,
    "EVCommunicationLost": EndReason.VEHICLE_DISCONNECTED,
    "EVDeparted": EndReason.VEHICLE_DISCONNECTED,
    "RemoteStop": EndReason.REMOTE,
    "ResetCommand": EndReason.REBOOT,
    "StopAuthorized": EndReason.LOCAL,
    "TimeLimitReached": EndReason.LIMIT_TIME,
    "UnlockCommand": EndReason.UNLOCKED,
}
"""TriggerReasonEnumType where it tells more than a missing or unspecific stoppedReason."""

_STOPPING: Final = frozenset({"StopAuthorized", "Deauthorized"})
"""Triggers whose id token ends the transaction instead of beginning it."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


async def transaction_event(ctx: Context, msg: m.TransactionEvent) -> Payload:
    """Answer TransactionEvent (OCPP 2.0.1 E01 to E15)."""
    match msg.event_type:
        case "Started":
            answered = await sessions.start(ctx.tx, _started(ctx, msg))
        case "Ended":
            answered = await ending.end(ctx.tx, _ended(ctx, msg))
        case _:
            answered = await _update(ctx, msg)
    await follow(ctx, msg, answered.session)
    await charging_profiles_follow(ctx, answered.session)
    cost = await total_cost(ctx.tx, answered.session) if msg.event_type == "Ended" else {}
    if msg.id_token is None:
        return cost
    info = id_token_info(answered.status, answered.group_token, answered.about)
    return cost | {"idTokenInfo": info}


async def _update(ctx: Context, msg: m.TransactionEvent) -> Answered:
    answered = await sessions.update(ctx.tx, _updated(ctx, msg))
    stopper = token_of(msg.id_token) if msg.trigger_reason in _STOPPING else None
    if stopper is None:
        return answered
    kind = None if msg.id_token is None else msg.id_token.type
    judged = await authorization.authorize(ctx.tx, ctx.charger.id, stopper, kind=kind)
    return Answered(
        session=answered.session,
        status=judged.status,
        group_token=judged.group_token,
        about=judged.about,
    )


def end_reason(msg: m.TransactionEvent) -> EndReason:
    """Return why a transaction ended; a missing reason means Local (TransactionType)."""
    stopped = msg.transaction_info.stopped_reason
    if stopped in (None, "Other") and msg.trigger_reason in END_TRIGGERS:
        return END_TRIGGERS[msg.trigger_reason]
    return END_REASONS[stopped or "Local"]


def _started(ctx: Context, msg: m.TransactionEvent) -> TransactionStarted:
    at, flags = happened_at(ctx, msg.timestamp)
    readings = _readings(ctx, msg)
    state = state_of(msg)
    evse_number, connector_number = _place(ctx, msg.evse)
    return TransactionStarted(
        source=_source(ctx, msg),
        evse=evse_number or 0,
        connector=connector_number,
        token=token_of(msg.id_token),
        token_kind=None if msg.id_token is None else msg.id_token.type,
        remote_start_id=_optional_number(ctx, msg.transaction_info.remote_start_id),
        reservation=_optional_number(ctx, msg.reservation_id),
        transaction_ref=_ref(ctx, msg),
        at=at,
        meter_wh=_register(readings, "Transaction.Begin", newest=False),
        readings=readings,
        status=SessionStatus.PENDING if state is None else state[0],
        seq=_seq(ctx, msg),
        offline=msg.offline,
        flags=(*flags, *_impossible(ctx)),
    )


def _updated(ctx: Context, msg: m.TransactionEvent) -> TransactionUpdated:
    at, flags = happened_at(ctx, msg.timestamp)
    readings = _readings(ctx, msg)
    state = state_of(msg)
    evse_number, connector_number = _place(ctx, msg.evse)
    stops = msg.trigger_reason in _STOPPING
    return TransactionUpdated(
        source=_source(ctx, msg),
        transaction_ref=_ref(ctx, msg),
        evse=evse_number,
        connector=connector_number,
        token=None if stops else token_of(msg.id_token),
        token_kind=None if msg.id_token is None else msg.id_token.type,
        remote_start_id=_optional_number(ctx, msg.transaction_info.remote_start_id),
        reservation=_optional_number(ctx, msg.reservation_id),
        at=at,
        status=None if state is None else state[0],
        readings=readings,
        seq=_seq(ctx, msg),
        offline=msg.offline,
        flags=(*flags, *_impossible(ctx)),
    )


def _ended(ctx: Context, msg: m.TransactionEvent) -> TransactionEnded:
    at, flags = happened_at(ctx, msg.timestamp)
    readings = _readings(ctx, msg)
    evse_number, connector_number = _place(ctx, msg.evse)
    return TransactionEnded(
        source=_source(ctx, msg),
        transaction_ref=_ref(ctx, msg),
        evse=evse_number,
        connector=connector_number,
        token=token_of(msg.id_token),
        token_kind=None if msg.id_token is None else msg.id_token.type,
        remote_start_id=_optional_number(ctx, msg.transaction_info.remote_start_id),
        at=at,
        meter_wh=_register(readings, "Transaction.End", newest=True),
        reason=end_reason(msg),
        readings=readings,
        seq=_seq(ctx, msg),
        offline=msg.offline,
        flags=(*flags, *_impossible(ctx)),
    )


async def meter_values(ctx: Context, msg: m.MeterValues) -> Payload:
    """Answer MeterValues (OCPP 2.0.1 J01)."""
    await gathered.store_samples(ctx.tx, [meter_sampled(ctx, msg)])
    return {}


def meter_sampled(heard: Heard, msg: m.MeterValues) -> MeterSampled:
    """Return what MeterValues tells; EVSE 0 is the main meter of the station."""
    return MeterSampled(
        source=source(heard, "meter", msg.evse_id, by_content=True),
        evse=evse(heard, msg.evse_id),
        transaction_ref=None,
        readings=readings_of(heard, "meterValue", msg.meter_value, _sample),
    )


def _source(ctx: Context, msg: m.TransactionEvent) -> Source:
    return source(ctx, "event", msg.transaction_info.transaction_id, msg.seq_no)


def _ref(ctx: Context, msg: m.TransactionEvent) -> str:
    if not msg.transaction_info.transaction_id:
        doubt(ctx, "transaction_id_empty")
    return msg.transaction_info.transaction_id or NO_REF


def _seq(ctx: Context, msg: m.TransactionEvent) -> int:
    """Return the seqNo; one that cannot be counts as older than all others."""
    value = sanity.whole(msg.seq_no, lowest=0).value
    if value is None:
        doubt(ctx, IMPOSSIBLE)
    return -1 if value is None else value


def _place(ctx: Context, place: m.Evse | None) -> tuple[int | None, int | None]:
    if place is None:
        return None, None
    number_ = None if place.connector_id is None else connector(ctx, place.connector_id)
    return evse(ctx, place.id), number_


def _optional_number(ctx: Context, raw: int | None) -> int | None:
    return None if raw is None else number(ctx, raw)


def _readings(ctx: Context, msg: m.TransactionEvent) -> tuple[Reading, ...]:
    return readings_of(ctx, "meterValue", msg.meter_value, _sample)


def _impossible(ctx: Context) -> tuple[str, ...]:
    return (IMPOSSIBLE,) if IMPOSSIBLE in ctx.doubts else ()


def _register(readings: tuple[Reading, ...], context: str, *, newest: bool) -> int | None:
    """Return the register with *context*, else the newest (or oldest) of the message, in Wh."""
    known = [one for one in readings if one.energy_wh is not None]
    marked = [one for one in known if one.context == context]
    if marked or not known:
        return marked[-1].energy_wh if marked else None
    dated = sorted((one for one in known if one.at is not None), key=lambda one: one.at or _NEVER)
    ordered = dated or known
    return ordered[-1 if newest else 0].energy_wh


def _sample(sampled: m.SampledValue) -> Sample:
    unit = sampled.unit_of_measure
    is_energy = sampled.measurand.startswith("Energy.")
    return Sample(
        value=sampled.value,
        measurand=sampled.measurand,
        phase=sampled.phase,
        location=sampled.location,
        unit=unit.unit if unit is not None and (is_energy or unit.unit != "Wh") else None,
        multiplier=0 if unit is None else unit.multiplier,
        context=sampled.context,
    )
