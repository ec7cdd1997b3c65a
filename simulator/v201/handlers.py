"""Answers of a 2.0.1 station to the central system; one function per action."""

from typing import Any

from ocpp.v201 import call_result
from ocpp.v201 import enums as e

from simulator import obey
from simulator.clock import parse_timestamp
from simulator.dialect import Handler
from simulator.ledger import Payload
from simulator.station import Reservation, Station
from simulator.switches import UnlockOutcome
from simulator.v201 import (
    certificates,
    display,
    firmware,
    local_list,
    model,
    monitoring,
    network,
    reports,
    smart_charging,
    triggers,
)
from simulator.v201.info import because

DATA_TRANSFER_VENDOR = "org.voltgate.simulator"
UNKNOWN_MESSAGE = "Unknown"
"""The one message id of our vendor that is not known."""
Evse = dict[str, int]


def request_start(
    station: Station,
    *,
    id_token: Payload,
    remote_start_id: int,
    evse_id: int | None = None,
    group_id_token: Payload | None = None,
    charging_profile: Payload | None = None,
    **_: Any,
) -> Any:
    connector = obey.remote_start(
        station,
        connector_id=evse_id,
        token=str(id_token["id_token"]),
        token_type=str(id_token["type"]),
        group=str(group_id_token["id_token"]) if group_id_token else None,
        remote_start_id=remote_start_id,
        profile=charging_profile,
    )
    if connector is None:
        return call_result.RequestStartTransaction(e.RequestStartStopStatusEnumType.rejected)
    running = connector.transaction
    return call_result.RequestStartTransaction(
        e.RequestStartStopStatusEnumType.accepted,
        transaction_id=running.transaction_id if running else None,
    )


def request_stop(station: Station, *, transaction_id: str, **_: Any) -> Any:
    accepted = e.RequestStartStopStatusEnumType.accepted
    rejected = e.RequestStartStopStatusEnumType.rejected
    stops = obey.remote_stop(station, transaction_id)
    return call_result.RequestStopTransaction(accepted if stops else rejected)


def reserve_now(
    station: Station,
    *,
    id: int,  # noqa: A002 - OCPP's name
    expiry_date_time: str,
    id_token: Payload,
    evse_id: int | None = None,
    connector_type: str | None = None,
    group_id_token: Payload | None = None,
    **_: Any,
) -> Any:
    if connector_type not in {None, station.config.connector_type}:
        return call_result.ReserveNow(
            e.ReserveNowStatusEnumType.rejected, because("UnsupportedParam")
        )
    reservation = Reservation(
        id=id,
        token=str(id_token["id_token"]),
        group=str(group_id_token["id_token"]) if group_id_token else None,
        expires_at=parse_timestamp(expiry_date_time),
    )
    verdict = obey.reserve(station, connector_id=evse_id, reservation=reservation)
    return call_result.ReserveNow(e.ReserveNowStatusEnumType(verdict.value))


def cancel_reservation(station: Station, *, reservation_id: int, **_: Any) -> Any:
    accepted = e.CancelReservationStatusEnumType.accepted
    rejected = e.CancelReservationStatusEnumType.rejected
    found = obey.cancel_reservation(station, reservation_id)
    return call_result.CancelReservation(accepted if found else rejected)


def unlock_connector(station: Station, *, evse_id: int, connector_id: int, **_: Any) -> Any:
    connector = station.connectors.get(evse_id)
    if connector is None or connector_id != 1:
        status = e.UnlockStatusEnumType.unknown_connector
    elif connector.transaction is not None and connector.transaction.token:
        status = e.UnlockStatusEnumType.ongoing_authorized_transaction
    elif station.config.switches.unlock is not UnlockOutcome.OK:
        status = e.UnlockStatusEnumType.unlock_failed
    else:
        status = e.UnlockStatusEnumType.unlocked
    return call_result.UnlockConnector(status)


def reset(
    station: Station,
    *,
    type: str,  # noqa: A002 - OCPP's name
    evse_id: int | None = None,
    **_: Any,
) -> Any:
    when_idle = type == e.ResetEnumType.on_idle
    if evse_id is None:
        done = obey.reset(station, hard=not when_idle, when_idle=when_idle)
    elif evse_id in station.connectors:
        done = obey.reset_connector(station, station.connectors[evse_id], when_idle=when_idle)
    else:
        done = obey.Done.REJECTED
    return call_result.Reset(e.ResetStatusEnumType(done.value))


def change_availability(
    station: Station, *, operational_status: str, evse: Evse | None = None, **_: Any
) -> Any:
    operative = operational_status == e.OperationalStatusEnumType.operative
    evse_id = evse["id"] if evse else None
    done = obey.change_availability(station, evse_id, operative=operative)
    return call_result.ChangeAvailability(e.ChangeAvailabilityStatusEnumType(done.value))


def transaction_status(station: Station, *, transaction_id: str | None = None, **_: Any) -> Any:
    waiting = station.outbox.durable()
    if transaction_id is None:
        return call_result.GetTransactionStatus(messages_in_queue=bool(waiting))
    return call_result.GetTransactionStatus(
        messages_in_queue=any(
            entry.transaction is not None and entry.transaction.transaction_id == transaction_id
            for entry in waiting
        ),
        ongoing_indicator=obey.running(station, transaction_id) is not None,
    )


def data_transfer(
    station: Station,
    *,
    vendor_id: str,
    message_id: str | None = None,
    data: Any = None,
    **_: Any,
) -> Any:
    if vendor_id != DATA_TRANSFER_VENDOR:
        return call_result.DataTransfer(e.DataTransferStatusEnumType.unknown_vendor_id)
    if message_id == UNKNOWN_MESSAGE:
        return call_result.DataTransfer(e.DataTransferStatusEnumType.unknown_message_id)
    return call_result.DataTransfer(e.DataTransferStatusEnumType.accepted, data=data)


HANDLERS: dict[str, Handler] = {
    "CancelReservation": cancel_reservation,
    "CertificateSigned": certificates.certificate_signed,
    "ChangeAvailability": change_availability,
    "ClearCache": local_list.clear_cache,
    "ClearChargingProfile": smart_charging.clear_charging_profile,
    "ClearDisplayMessage": display.clear_display_message,
    "ClearVariableMonitoring": monitoring.clear_monitoring,
    "CostUpdated": display.cost_updated,
    "CustomerInformation": display.customer_information,
    "DataTransfer": data_transfer,
    "DeleteCertificate": certificates.delete_certificate,
    "GetBaseReport": reports.get_base_report,
    "GetChargingProfiles": smart_charging.get_charging_profiles,
    "GetCompositeSchedule": smart_charging.get_composite_schedule,
    "GetDisplayMessages": display.get_display_messages,
    "GetInstalledCertificateIds": certificates.installed_ids,
    "GetLocalListVersion": local_list.local_list_version,
    "GetLog": firmware.get_log,
    "GetMonitoringReport": monitoring.get_report,
    "GetReport": reports.get_report,
    "GetTransactionStatus": transaction_status,
    "GetVariables": model.get_variables,
    "InstallCertificate": certificates.install_certificate,
    "PublishFirmware": firmware.publish_firmware,
    "RequestStartTransaction": request_start,
    "RequestStopTransaction": request_stop,
    "ReserveNow": reserve_now,
    "Reset": reset,
    "SendLocalList": local_list.send_local_list,
    "SetChargingProfile": smart_charging.set_charging_profile,
    "SetDisplayMessage": display.set_display_message,
    "SetMonitoringBase": monitoring.set_base,
    "SetMonitoringLevel": monitoring.set_level,
    "SetNetworkProfile": network.set_network_profile,
    "SetVariableMonitoring": monitoring.set_monitoring,
    "SetVariables": model.set_variables,
    "TriggerMessage": triggers.trigger_message,
    "UnlockConnector": unlock_connector,
    "UnpublishFirmware": firmware.unpublish_firmware,
    "UpdateFirmware": firmware.update_firmware,
}
