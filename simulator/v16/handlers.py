"""Answers of a 1.6 charger to the central system; one function per action."""

from typing import Any

from ocpp.v16 import call_result
from ocpp.v16 import enums as e

from simulator import obey
from simulator.clock import parse_timestamp
from simulator.dialect import Cause, Handler
from simulator.ledger import Payload
from simulator.settings import Change, Setting
from simulator.station import Reservation, Station
from simulator.switches import UnlockOutcome
from simulator.v16 import certificates, firmware, local_list, smart_charging, triggers
from simulator.v16.configuration import NAMES, PASSWORD_KEY

DATA_TRANSFER_VENDOR = "org.voltgate.simulator"
UNKNOWN_MESSAGE = "Unknown"
"""The one message id of our vendor that is not known."""
_CHANGES = {
    Change.ACCEPTED: e.ConfigurationStatus.accepted,
    Change.REJECTED: e.ConfigurationStatus.rejected,
    Change.REBOOT_REQUIRED: e.ConfigurationStatus.reboot_required,
    Change.UNKNOWN: e.ConfigurationStatus.not_supported,
}


def remote_start(
    station: Station,
    *,
    id_tag: str,
    connector_id: int | None = None,
    charging_profile: Payload | None = None,
    **_: Any,
) -> Any:
    if connector_id == 0:
        return call_result.RemoteStartTransaction(e.RemoteStartStopStatus.rejected)
    connector = obey.remote_start(
        station, connector_id=connector_id, token=id_tag, profile=charging_profile
    )
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
    outcome = station.config.switches.unlock
    if connector is None or outcome is UnlockOutcome.NOT_SUPPORTED:
        return call_result.UnlockConnector(e.UnlockStatus.not_supported)
    if outcome is UnlockOutcome.FAILED:
        return call_result.UnlockConnector(e.UnlockStatus.unlock_failed)
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
    return entry if setting.write_only else {**entry, "value": setting.now}


def change_configuration(station: Station, *, key: str, value: str, **_: Any) -> Any:
    change = station.settings.change(key, value)
    if change is Change.ACCEPTED and key.lower() == PASSWORD_KEY.lower():
        obey.change_password(station, value)
    if change is Change.ACCEPTED and key.lower() == NAMES["heartbeat_s"].lower() and int(value):
        station.heartbeat_s = float(value)
    if change is Change.ACCEPTED and key.lower() == NAMES["cache_enabled"].lower():
        station.local.cache.clear()
    return call_result.ChangeConfiguration(_CHANGES[change])


def data_transfer(
    station: Station,
    *,
    vendor_id: str,
    message_id: str | None = None,
    data: str | None = None,
    **_: Any,
) -> Any:
    if vendor_id != DATA_TRANSFER_VENDOR:
        return call_result.DataTransfer(e.DataTransferStatus.unknown_vendor_id)
    if message_id == UNKNOWN_MESSAGE:
        return call_result.DataTransfer(e.DataTransferStatus.unknown_message_id)
    return call_result.DataTransfer(e.DataTransferStatus.accepted, data=data)


HANDLERS: dict[str, Handler] = {
    "CancelReservation": cancel_reservation,
    "CertificateSigned": certificates.certificate_signed,
    "ChangeAvailability": change_availability,
    "ChangeConfiguration": change_configuration,
    "ClearCache": local_list.clear_cache,
    "ClearChargingProfile": smart_charging.clear_charging_profile,
    "DataTransfer": data_transfer,
    "DeleteCertificate": certificates.delete_certificate,
    "ExtendedTriggerMessage": triggers.extended_trigger_message,
    "GetCompositeSchedule": smart_charging.get_composite_schedule,
    "GetConfiguration": get_configuration,
    "GetDiagnostics": firmware.get_diagnostics,
    "GetInstalledCertificateIds": certificates.installed_ids,
    "GetLocalListVersion": local_list.local_list_version,
    "GetLog": firmware.get_log,
    "InstallCertificate": certificates.install_certificate,
    "RemoteStartTransaction": remote_start,
    "RemoteStopTransaction": remote_stop,
    "ReserveNow": reserve_now,
    "Reset": reset,
    "SendLocalList": local_list.send_local_list,
    "SetChargingProfile": smart_charging.set_charging_profile,
    "SignedUpdateFirmware": firmware.signed_update_firmware,
    "TriggerMessage": triggers.trigger_message,
    "UnlockConnector": unlock_connector,
    "UpdateFirmware": firmware.update_firmware,
}
