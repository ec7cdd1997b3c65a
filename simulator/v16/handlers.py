"""Answers of a 1.6 charger to the central system; one function per action."""

from typing import Any

from ocpp.v16 import call, call_result
from ocpp.v16 import enums as e

from simulator import engine, obey
from simulator.clock import parse_timestamp
from simulator.dialect import Cause, Draft, Handler
from simulator.ledger import Payload
from simulator.outbox import report
from simulator.settings import Change, Setting
from simulator.station import Connector, Reservation, Station
from simulator.v16.configuration import NAMES, PASSWORD_KEY
from simulator.v16.metering import meter_value

DATA_TRANSFER_VENDOR = "org.voltgate.simulator"
_CHANGES = {
    Change.ACCEPTED: e.ConfigurationStatus.accepted,
    Change.REJECTED: e.ConfigurationStatus.rejected,
    Change.REBOOT_REQUIRED: e.ConfigurationStatus.reboot_required,
    Change.UNKNOWN: e.ConfigurationStatus.not_supported,
}


def remote_start(
    station: Station, *, id_tag: str, connector_id: int | None = None, **_: Any
) -> Any:
    if connector_id == 0:
        return call_result.RemoteStartTransaction(e.RemoteStartStopStatus.rejected)
    connector = obey.remote_start(station, connector_id=connector_id, token=id_tag)
    accepted, rejected = e.RemoteStartStopStatus.accepted, e.RemoteStartStopStatus.rejected
    return call_result.RemoteStartTransaction(accepted if connector else rejected)


def remote_stop(station: Station, *, transaction_id: int, **_: Any) -> Any:
    stops = obey.remote_stop(station, str(transaction_id))
    accepted, rejected = e.RemoteStartStopStatus.accepted, e.RemoteStartStopStatus.rejected
    return call_result.RemoteStopTransaction(accepted if stops else rejected)


def reserve_now(
    station: Station,
    *,
    connector_id: int,
    expiry_date: str,
    id_tag: str,
    reservation_id: int,
    parent_id_tag: str | None = None,
    **_: Any,
) -> Any:
    reservation = Reservation(
        id=reservation_id,
        token=id_tag,
        group=parent_id_tag,
        expires_at=parse_timestamp(expiry_date),
    )
    verdict = obey.reserve(station, connector_id=connector_id or None, reservation=reservation)
    return call_result.ReserveNow(e.ReservationStatus(verdict.value))


def cancel_reservation(station: Station, *, reservation_id: int, **_: Any) -> Any:
    found = obey.cancel_reservation(station, reservation_id)
    accepted, rejected = e.CancelReservationStatus.accepted, e.CancelReservationStatus.rejected
    return call_result.CancelReservation(accepted if found else rejected)


def unlock_connector(station: Station, *, connector_id: int, **_: Any) -> Any:
    connector = station.connectors.get(connector_id)
    if connector is None:
        return call_result.UnlockConnector(e.UnlockStatus.not_supported)
    obey.end_after_answer(station, connector, Cause.UNLOCK)
    return call_result.UnlockConnector(e.UnlockStatus.unlocked)


def reset(station: Station, *, type: str, **_: Any) -> Any:  # noqa: A002 - OCPP's name
    done = obey.reset(station, hard=type == e.ResetType.hard)
    return call_result.Reset(e.ResetStatus(done.value))


def change_availability(
    station: Station,
    *,
    connector_id: int,
    type: str,  # noqa: A002 - OCPP's name
    **_: Any,
) -> Any:
    operative = type == e.AvailabilityType.operative
    done = obey.change_availability(station, connector_id or None, operative=operative)
    return call_result.ChangeAvailability(e.AvailabilityStatus(done.value))


def get_configuration(station: Station, *, key: list[str] | None = None, **_: Any) -> Any:
    if key:
        found = [setting for name in key if (setting := station.settings.find(name))]
        unknown = [name for name in key if station.settings.find(name) is None]
    else:
        found, unknown = list(station.settings), []
    return call_result.GetConfiguration([_as_key(s) for s in found], unknown or None)


def _as_key(setting: Setting) -> Payload:
    entry: Payload = {"key": setting.name, "readonly": setting.readonly}
    return entry if setting.write_only else {**entry, "value": setting.value}


def change_configuration(station: Station, *, key: str, value: str, **_: Any) -> Any:
    change = station.settings.change(key, value)
    if change is Change.ACCEPTED and key.lower() == PASSWORD_KEY.lower():
        obey.change_password(station, value)
    if change is Change.ACCEPTED and key.lower() == NAMES["heartbeat_s"].lower() and int(value):
        station.heartbeat_s = float(value)
    return call_result.ChangeConfiguration(_CHANGES[change])


def clear_cache(station: Station, **_: Any) -> Any:
    return call_result.ClearCache(e.ClearCacheStatus.accepted)


def trigger_message(
    station: Station, *, requested_message: str, connector_id: int | None = None, **_: Any
) -> Any:
    concerned = _concerned(station, connector_id)
    if not concerned:
        return call_result.TriggerMessage(e.TriggerMessageStatus.rejected)
    match requested_message:
        case "BootNotification":
            station.then(station.boot_now.set)
        case "Heartbeat":
            station.then(lambda: report(station, Draft(request=call.Heartbeat())))
        case "StatusNotification":
            station.then(lambda: _report_statuses(station, concerned))
        case "MeterValues":
            station.then(lambda: _report_meters(station, concerned))
        case _:
            return call_result.TriggerMessage(e.TriggerMessageStatus.not_implemented)
    return call_result.TriggerMessage(e.TriggerMessageStatus.accepted)


def _concerned(station: Station, connector_id: int | None) -> list[Connector]:
    if not connector_id:
        return list(station.connectors.values())
    connector = station.connectors.get(connector_id)
    return [connector] if connector else []


def _report_statuses(station: Station, connectors: list[Connector]) -> None:
    for connector in connectors:
        request = station.dialect.report_status(station, connector)
        connector.reported = station.dialect.status(station, connector)
        report(station, Draft(request=request))


def _report_meters(station: Station, connectors: list[Connector]) -> None:
    for connector in connectors:
        sample = engine.read_meter(station, connector, "Trigger")
        if connector.transaction is not None:
            for draft in station.dialect.sampled(station, connector.transaction, sample):
                report(station, draft, connector.transaction)
            continue
        value = meter_value(sample)
        report(station, Draft(request=call.MeterValues(connector.id, [value])))


def data_transfer(station: Station, *, vendor_id: str, data: str | None = None, **_: Any) -> Any:
    if vendor_id != DATA_TRANSFER_VENDOR:
        return call_result.DataTransfer(e.DataTransferStatus.unknown_vendor_id)
    return call_result.DataTransfer(e.DataTransferStatus.accepted, data=data)


HANDLERS: dict[str, Handler] = {
    "RemoteStartTransaction": remote_start,
    "RemoteStopTransaction": remote_stop,
    "ReserveNow": reserve_now,
    "CancelReservation": cancel_reservation,
    "UnlockConnector": unlock_connector,
    "Reset": reset,
    "ChangeAvailability": change_availability,
    "GetConfiguration": get_configuration,
    "ChangeConfiguration": change_configuration,
    "ClearCache": clear_cache,
    "TriggerMessage": trigger_message,
    "DataTransfer": data_transfer,
}
