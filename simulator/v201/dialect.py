"""The neutral charger in the words of OCPP 2.0.1.

Each connector of the simulator is an EVSE with one connector, number 1.
"""

import uuid
from datetime import datetime
from typing import Any

from ocpp.v201 import ChargePoint, call
from ocpp.v201 import datatypes as d
from ocpp.v201 import enums as e

from simulator.clock import timestamp
from simulator.dialect import Cause, Charging, Dialect, Draft, Sample, Trigger
from simulator.ledger import Kind, Payload, SentMessage, Transaction
from simulator.station import Connector, Station
from simulator.v201 import events, iso15118, model
from simulator.v201.handlers import HANDLERS
from simulator.v201.metering import meter_value
from simulator.v201.variables import NAMES, settings

ONLY_CONNECTOR = 1
REMOTE_TOKEN, LOCAL_TOKEN = "Central", "ISO14443"

ENDINGS: dict[Cause, tuple[str, str]] = {
    Cause.LOCAL: ("StopAuthorized", "Local"),
    Cause.REMOTE: ("RemoteStop", "Remote"),
    Cause.EV_DISCONNECTED: ("EVDeparted", "EVDisconnected"),
    Cause.SOFT_RESET: ("ResetCommand", "ImmediateReset"),
    Cause.HARD_RESET: ("ResetCommand", "ImmediateReset"),
    Cause.REBOOT: ("AbnormalCondition", "Reboot"),
    Cause.POWER_LOSS: ("AbnormalCondition", "PowerLoss"),
    Cause.UNLOCK: ("UnlockCommand", "Remote"),
    Cause.DEAUTHORIZED: ("Deauthorized", "DeAuthorized"),
    Cause.FAULT: ("AbnormalCondition", "Other"),
    Cause.EMERGENCY: ("AbnormalCondition", "EmergencyStop"),
    Cause.OTHER: ("AbnormalCondition", "Other"),
}
"""Cause -> (triggerReason, stoppedReason)."""
_FAULTS = {
    "GroundFailure": "GroundFault",
    "OverCurrentFailure": "OvercurrentFault",
    "UnderVoltage": "PowerQuality",
    "OverVoltage": "PowerQuality",
}
"""Fault code -> stoppedReason; others are ``Other``."""


def boot(station: Station, reason: str) -> Any:
    """Return BootNotification."""
    config = station.config
    return call.BootNotification(
        charging_station=d.ChargingStationType(
            model=config.model,
            vendor_name=config.vendor,
            serial_number=config.identity[:25],
            firmware_version=station.firmware,
        ),
        reason=e.BootReasonEnumType(reason),
    )


def status(station: Station, connector: Connector) -> str:
    """Return the ConnectorStatusEnumType of a connector (OCPP 2.0.1 G01)."""
    if connector.fault is not None:
        return "Faulted"
    if connector.transaction is not None:
        return "Occupied"
    if not connector.operative:
        return "Unavailable"
    if connector.plugged:
        return "Occupied"
    return "Reserved" if connector.reservation is not None else "Available"


def report_status(station: Station, connector: Connector) -> Any:
    """Return StatusNotification for an EVSE's connector."""
    return call.StatusNotification(
        timestamp=timestamp(station.clock.now()),
        connector_status=e.ConnectorStatusEnumType(status(station, connector)),
        evse_id=connector.id,
        connector_id=ONLY_CONNECTOR,
    )


def no_station_report(station: Station) -> list[Any]:
    """Return nothing: 2.0.1 has no status of the station as a whole."""
    return []


def started(station: Station, transaction: Transaction, trigger: Trigger) -> list[Draft]:
    """Return TransactionEvent(Started) and give the transaction its id."""
    life = f"{station.config.identity}/{transaction.started_at.isoformat()}/{transaction.ref}"
    transaction.transaction_id = str(uuid.uuid5(uuid.NAMESPACE_URL, life))
    sample = Sample(
        at=transaction.started_at,
        register_wh=transaction.meter_start_wh,
        power_w=0.0,
        soc_percent=_soc_percent(station, transaction),
        voltage_v=station.config.voltage_v,
        current_a=0.0,
        context="Transaction.Begin",
    )
    event = _event(
        station,
        transaction,
        "Started",
        trigger=trigger.value,
        at=sample.at,
        state=Charging.EV_CONNECTED,
        sample=sample,
        token=bool(transaction.token),
    )
    return [event]


def _soc_percent(station: Station, transaction: Transaction) -> float:
    car = station.connectors[transaction.connector].car
    return car.soc_percent if car else station.config.vehicle.soc_percent


def state_changed(
    station: Station, transaction: Transaction, state: Charging, trigger: Trigger, at: datetime
) -> list[Draft]:
    """Return TransactionEvent(Updated) for a new charging state or a token that came later."""
    token = trigger in {Trigger.AUTHORIZED, Trigger.REMOTE_START}
    event = _event(
        station, transaction, "Updated", trigger=trigger.value, at=at, state=state, token=token
    )
    return [event]


def sampled(station: Station, transaction: Transaction, sample: Sample) -> list[Draft]:
    """Return TransactionEvent(Updated) with a meter value."""
    asked = sample.context == "Trigger"
    trigger = Trigger.ASKED if asked else Trigger.PERIODIC
    state = station.connectors[transaction.connector].state
    event = _event(
        station,
        transaction,
        "Updated",
        trigger=trigger.value,
        at=sample.at,
        state=state,
        sample=sample,
    )
    return [event]


def ended(station: Station, transaction: Transaction, cause: Cause, sample: Sample) -> list[Draft]:
    """Return TransactionEvent(Ended)."""
    trigger, reason = ENDINGS[cause]
    if cause is Cause.FAULT:
        code = station.connectors[transaction.connector].fault or ""
        reason = _FAULTS.get(code, reason)
    transaction.stop_reason = reason
    event = _event(
        station,
        transaction,
        "Ended",
        trigger=trigger,
        at=sample.at,
        state=Charging.IDLE if cause is Cause.EV_DISCONNECTED else Charging.EV_CONNECTED,
        sample=sample,
        token=cause is Cause.LOCAL,
        reason=reason,
    )
    return [event]


def _event(
    station: Station,
    transaction: Transaction,
    kind: str,
    *,
    trigger: str,
    at: datetime,
    state: Charging,
    sample: Sample | None = None,
    token: bool = False,
    reason: str | None = None,
) -> Draft:
    seq_no = transaction.next_seq_no
    transaction.next_seq_no += 1
    remote = trigger == Trigger.REMOTE_START
    info = d.TransactionType(
        transaction_id=str(transaction.transaction_id),
        charging_state=e.ChargingStateEnumType(state.value),
        stopped_reason=e.ReasonEnumType(reason) if reason else None,
        remote_start_id=transaction.remote_start_id if remote else None,
    )
    request = call.TransactionEvent(
        event_type=e.TransactionEventEnumType(kind),
        timestamp=timestamp(at),
        trigger_reason=e.TriggerReasonEnumType(trigger),
        seq_no=seq_no,
        transaction_info=info,
        meter_value=[meter_value(sample)] if sample else None,
        offline=True if transaction.recorded or not station.online else None,
        reservation_id=transaction.reservation_id if token else None,
        evse=d.EVSEType(id=transaction.connector, connector_id=ONLY_CONNECTOR),
        id_token=_token(transaction) if token else None,
    )
    key = f"event:{transaction.transaction_id}:{seq_no}"
    return Draft(request=request, kind=Kind.EVENT, key=key)


def _token(transaction: Transaction) -> d.IdTokenType:
    kind = transaction.token_type or (REMOTE_TOKEN if transaction.remote else LOCAL_TOKEN)
    return d.IdTokenType(id_token=transaction.token, type=e.IdTokenEnumType(kind))


def authorize(token: str) -> Any:
    """Return Authorize for a token read at the station."""
    return call.Authorize(
        id_token=d.IdTokenType(id_token=token, type=e.IdTokenEnumType(LOCAL_TOKEN))
    )


def fill(transaction: Transaction, message: SentMessage) -> None:
    """Add nothing: the station names its transactions itself."""


def learn(transaction: Transaction, message: SentMessage, answer: Payload) -> str | None:
    """Return the token status of TransactionEventResponse, if it has one."""
    if "idTokenInfo" not in answer:
        return None
    transaction.token_status = verdict(answer)
    return transaction.token_status


def verdict(answer: Payload) -> str:
    """Return the status of idTokenInfo."""
    info = answer.get("idTokenInfo")
    return str(info.get("status", "Invalid")) if isinstance(info, dict) else "Invalid"


def reservation_ended(reservation_id: int, expired: bool) -> Any:
    """Return ReservationStatusUpdate (OCPP 2.0.1 H04)."""
    status_ = e.ReservationUpdateStatusEnumType.expired
    if not expired:
        status_ = e.ReservationUpdateStatusEnumType.removed
    return call.ReservationStatusUpdate(reservation_id, status_)


def security_event(type_: str, at: str, info: str | None) -> Any:
    """Return SecurityEventNotification (OCPP 2.0.1 A04)."""
    return call.SecurityEventNotification(type=type_, timestamp=at, tech_info=info)


def sign_certificate(csr: str, use: str) -> Any:
    """Return SignCertificate (OCPP 2.0.1 A02)."""
    return call.SignCertificate(csr=csr, certificate_type=e.CertificateSigningUseEnumType(use))


def furnish(station: Station) -> None:
    """Give a station measured variables, monitors, cars that negotiate."""
    model.furnish(station)
    events.attach(station)
    iso15118.attach(station)


DIALECT = Dialect(
    version="2.0.1",
    subprotocol="ocpp2.0.1",
    base=ChargePoint,
    handlers=HANDLERS,
    settings=settings,
    names=NAMES,
    boot=boot,
    heartbeat=call.Heartbeat,
    authorize=authorize,
    verdict=verdict,
    status=status,
    report_status=report_status,
    report_station=no_station_report,
    started=started,
    state_changed=state_changed,
    sampled=sampled,
    ended=ended,
    reservation_ended=reservation_ended,
    security_event=security_event,
    sign_certificate=sign_certificate,
    fill=fill,
    learn=learn,
    furnish=furnish,
)
