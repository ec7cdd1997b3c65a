"""The neutral charger in the words of OCPP 1.6-J."""

from datetime import datetime
from typing import Any

from ocpp.v16 import ChargePoint, call
from ocpp.v16 import enums as e

from simulator.clock import timestamp
from simulator.dialect import Cause, Charging, Dialect, Draft, Sample, Trigger
from simulator.ledger import Kind, Payload, SentMessage, Transaction
from simulator.station import Connector, Station
from simulator.v16.configuration import NAMES, settings
from simulator.v16.handlers import HANDLERS
from simulator.v16.metering import meter_value

UNKNOWN_TRANSACTION = -1
"""Sent by a charger whose start was never answered; many real ones do."""

REASONS: dict[Cause, e.Reason] = {
    Cause.LOCAL: e.Reason.local,
    Cause.REMOTE: e.Reason.remote,
    Cause.EV_DISCONNECTED: e.Reason.ev_disconnected,
    Cause.SOFT_RESET: e.Reason.soft_reset,
    Cause.HARD_RESET: e.Reason.hard_reset,
    Cause.REBOOT: e.Reason.reboot,
    Cause.POWER_LOSS: e.Reason.power_loss,
    Cause.UNLOCK: e.Reason.unlock_command,
    Cause.DEAUTHORIZED: e.Reason.de_authorized,
    Cause.FAULT: e.Reason.other,
    Cause.EMERGENCY: e.Reason.emergency_stop,
    Cause.OTHER: e.Reason.other,
}
_CHARGING = {
    Charging.CHARGING: "Charging",
    Charging.SUSPENDED_EV: "SuspendedEV",
    Charging.SUSPENDED_EVSE: "SuspendedEVSE",
    Charging.EV_CONNECTED: "Preparing",
    Charging.IDLE: "Preparing",
}
_ERROR_CODES = frozenset(code.value for code in e.ChargePointErrorCode)


def boot(station: Station, reason: str) -> Any:
    """Return BootNotification; 1.6 has no reason."""
    config = station.config
    return call.BootNotification(
        charge_point_model=config.model,
        charge_point_vendor=config.vendor,
        charge_point_serial_number=config.identity[:25],
        firmware_version=station.firmware,
        meter_type="Simulated",
    )


def status(station: Station, connector: Connector) -> str:
    """Return the ChargePointStatus of a connector (OCPP 1.6 4.9)."""
    if connector.fault is not None:
        return "Faulted"
    if connector.transaction is not None:
        return _CHARGING[connector.state]
    if not connector.operative:
        return "Unavailable"
    if connector.finishing:
        return "Finishing"
    if connector.plugged or connector.authorization is not None:
        return "Preparing"
    return "Reserved" if connector.reservation is not None else "Available"


def report_status(station: Station, connector: Connector) -> Any:
    """Return StatusNotification for a connector."""
    code = connector.fault
    known = code if code in _ERROR_CODES else "OtherError"
    return call.StatusNotification(
        connector_id=connector.id,
        error_code=e.ChargePointErrorCode(known if code else "NoError"),
        status=e.ChargePointStatus(status(station, connector)),
        timestamp=timestamp(station.clock.now()),
        info=code[:50] if code and code != known else None,
    )


def report_station(station: Station) -> list[Any]:
    """Return StatusNotification for connector 0, the charger as a whole."""
    out = all(not connector.operative for connector in station.connectors.values())
    state = e.ChargePointStatus.unavailable if out else e.ChargePointStatus.available
    at = timestamp(station.clock.now())
    return [call.StatusNotification(0, e.ChargePointErrorCode.no_error, state, at)]


def started(station: Station, transaction: Transaction, trigger: Trigger) -> list[Draft]:
    """Return StartTransaction."""
    at = timestamp(transaction.started_at)
    request = call.StartTransaction(
        connector_id=transaction.connector,
        id_tag=transaction.token,
        meter_start=transaction.meter_start_wh,
        timestamp=at,
        reservation_id=transaction.reservation_id,
    )
    key = f"start:{transaction.connector}:{transaction.token}:{at}:{transaction.meter_start_wh}"
    return [Draft(request=request, kind=Kind.START, key=key)]


def state_changed(
    station: Station, transaction: Transaction, state: Charging, trigger: Trigger, at: datetime
) -> list[Draft]:
    """Return nothing: 1.6 says it with StatusNotification."""
    return []


def sampled(station: Station, transaction: Transaction, sample: Sample) -> list[Draft]:
    """Return MeterValues within a transaction."""
    request = call.MeterValues(
        connector_id=transaction.connector,
        meter_value=[meter_value(sample)],
        transaction_id=UNKNOWN_TRANSACTION,
    )
    key = f"meter:{transaction.ref}:{timestamp(sample.at)}"
    return [Draft(request=request, kind=Kind.METER, key=key)]


def ended(station: Station, transaction: Transaction, cause: Cause, sample: Sample) -> list[Draft]:
    """Return StopTransaction."""
    reason = REASONS[cause]
    transaction.stop_reason = reason.value
    request = call.StopTransaction(
        meter_stop=sample.register_wh,
        timestamp=timestamp(sample.at),
        transaction_id=UNKNOWN_TRANSACTION,
        reason=reason,
        id_tag=transaction.token if cause is Cause.LOCAL else None,
    )
    return [Draft(request=request, kind=Kind.STOP, key=f"stop:{transaction.ref}")]


def fill(transaction: Transaction, message: SentMessage) -> None:
    """Name the transaction by the id its start was answered with."""
    if message.kind is Kind.START:
        return
    if transaction.transaction_id is not None:
        message.payload["transactionId"] = int(transaction.transaction_id)
    elif message.kind is Kind.METER:
        message.payload.pop("transactionId", None)


def learn(transaction: Transaction, message: SentMessage, answer: Payload) -> str | None:
    """Take transaction id and token status from StartTransaction.conf."""
    if message.kind is not Kind.START:
        return None
    if transaction.transaction_id is None:
        transaction.transaction_id = str(answer.get("transactionId", UNKNOWN_TRANSACTION))
        transaction.token_status = verdict(answer)
    return transaction.token_status


def verdict(answer: Payload) -> str:
    """Return the status of idTagInfo."""
    info = answer.get("idTagInfo")
    return str(info.get("status", "Invalid")) if isinstance(info, dict) else "Invalid"


def security_event(type_: str, at: str, info: str | None) -> Any:
    """Return SecurityEventNotification of the security extension."""
    return call.SecurityEventNotification(type=type_, timestamp=at, tech_info=info)


def no_update(reservation_id: int, expired: bool) -> None:
    """Return nothing: 1.6 has no message for the end of a reservation."""


def nothing_more(station: Station) -> None:
    """1.6 has nothing that is not part of every station."""


DIALECT = Dialect(
    version="1.6",
    subprotocol="ocpp1.6",
    base=ChargePoint,
    handlers=HANDLERS,
    settings=settings,
    names=NAMES,
    boot=boot,
    heartbeat=call.Heartbeat,
    authorize=lambda token: call.Authorize(id_tag=token),
    verdict=verdict,
    status=status,
    report_status=report_status,
    report_station=report_station,
    started=started,
    state_changed=state_changed,
    sampled=sampled,
    ended=ended,
    reservation_ended=no_update,
    security_event=security_event,
    sign_certificate=lambda csr, _: call.SignCertificate(csr=csr),
    fill=fill,
    learn=learn,
    furnish=nothing_more,
)
