"""Firmware and logs of a 2.0.1 station (OCPP 2.0.1 L01-L04, N01)."""

from typing import Any

from ocpp.v201 import call, call_result
from ocpp.v201 import enums as e

from simulator import jobs, logbook, signing
from simulator.clock import parse_timestamp
from simulator.jobs import Retries, Update
from simulator.ledger import Payload
from simulator.security import security_event
from simulator.station import Station
from simulator.switches import FirmwareOutcome, LogOutcome
from simulator.v201.info import because


def update_firmware(
    station: Station,
    *,
    request_id: int,
    firmware: Payload,
    retries: int | None = None,
    retry_interval: int | None = None,
    **_: Any,
) -> Any:
    outcome = station.config.switches.firmware
    certificate = firmware.get("signing_certificate")
    if outcome is FirmwareOutcome.REJECTED:
        return call_result.UpdateFirmware(e.UpdateFirmwareStatusEnumType.rejected)
    unreadable = certificate is not None and not signing.readable(str(certificate))
    if outcome is FirmwareOutcome.INVALID_CERTIFICATE or unreadable:
        station.then(lambda: security_event(station, "InvalidFirmwareSigningCertificate"))
        return call_result.UpdateFirmware(e.UpdateFirmwareStatusEnumType.invalid_certificate)
    install = firmware.get("install_date_time")
    update = Update(
        location=str(firmware["location"]),
        retrieve_at=parse_timestamp(str(firmware["retrieve_date_time"])),
        install_at=parse_timestamp(install) if install else None,
        signing_certificate=certificate,
        signature=firmware.get("signature"),
        retries=Retries(count=retries or 0, interval_s=float(retry_interval or 0)),
        request_id=request_id,
        secure=certificate is not None,
    )

    def say(status: str) -> Any:
        return call.FirmwareStatusNotification(e.FirmwareStatusEnumType(status), request_id)

    busy = jobs.start(station, jobs.FIRMWARE, lambda: jobs.update_firmware(station, update, say))
    accepted = e.UpdateFirmwareStatusEnumType.accepted
    canceled = e.UpdateFirmwareStatusEnumType.accepted_canceled
    return call_result.UpdateFirmware(canceled if busy else accepted)


def publish_firmware(
    station: Station,
    *,
    location: str,
    checksum: str,
    request_id: int,
    retries: int | None = None,
    retry_interval: int | None = None,
    **_: Any,
) -> Any:
    switches = station.config.switches
    if not switches.local_controller or switches.firmware is FirmwareOutcome.REJECTED:
        return call_result.PublishFirmware(
            e.GenericStatusEnumType.rejected, because("UnsupportedRequest")
        )

    def say(status: str, places: list[str] | None) -> Any:
        return call.PublishFirmwareStatusNotification(
            e.PublishFirmwareStatusEnumType(status), places, request_id
        )

    def work() -> Any:
        return jobs.publish_firmware(
            station,
            location=location,
            checksum=checksum,
            retries=Retries(count=retries or 0, interval_s=float(retry_interval or 0)),
            request_id=request_id,
            say=say,
        )

    jobs.start(station, jobs.PUBLISH, work)
    return call_result.PublishFirmware(e.GenericStatusEnumType.accepted)


def unpublish_firmware(station: Station, *, checksum: str, **_: Any) -> Any:
    if station.published.pop(checksum, None) is None:
        return call_result.UnpublishFirmware(e.UnpublishFirmwareStatusEnumType.no_firmware)
    return call_result.UnpublishFirmware(e.UnpublishFirmwareStatusEnumType.unpublished)


def get_log(
    station: Station,
    *,
    log: Payload,
    log_type: str,
    request_id: int,
    retries: int | None = None,
    retry_interval: int | None = None,
    **_: Any,
) -> Any:
    outcome = station.config.switches.logs
    if outcome in {LogOutcome.REJECTED, LogOutcome.EMPTY}:
        return call_result.GetLog(e.LogStatusEnumType.rejected, because("NotFound"))
    security = log_type == e.LogEnumType.security_log
    name = logbook.file_name(station, security=security)

    def say(status: str) -> Any:
        return call.LogStatusNotification(e.UploadLogStatusEnumType(status), request_id)

    def work() -> Any:
        return jobs.upload_log(
            station,
            location=str(log["remote_location"]),
            name=name,
            content=logbook.content(station, security=security),
            retries=Retries(count=retries or 0, interval_s=float(retry_interval or 0)),
            request_id=request_id,
            say=say,
        )

    busy = jobs.start(station, jobs.LOG, work)
    status = e.LogStatusEnumType.accepted_canceled if busy else e.LogStatusEnumType.accepted
    return call_result.GetLog(status, filename=name)
