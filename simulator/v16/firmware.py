"""Firmware and files of a 1.6 charger (OCPP 1.6 5.8, 5.19; security extension 4.3, 4.4)."""

from typing import Any

from ocpp.v16 import call, call_result
from ocpp.v16 import enums as e

from simulator import jobs, logbook, signing
from simulator.clock import parse_timestamp
from simulator.jobs import Retries, Update
from simulator.ledger import Payload
from simulator.security import security_event
from simulator.station import Station
from simulator.switches import FirmwareOutcome, LogOutcome

_PLAIN = frozenset(
    {
        "Downloaded",
        "DownloadFailed",
        "Downloading",
        "Idle",
        "InstallationFailed",
        "Installing",
        "Installed",
    }
)
"""Statuses of FirmwareStatusNotification; the signed one has all of 2.0.1."""
_DIAGNOSTICS = {
    "Uploading": "Uploading",
    "Uploaded": "Uploaded",
    "UploadFailure": "UploadFailed",
    "Idle": "Idle",
}
_LOG = frozenset({"Uploading", "Uploaded", "UploadFailure", "Idle"})


def say_firmware(status: str) -> Any:
    """Return FirmwareStatusNotification, ``None`` for what it has no word for."""
    return call.FirmwareStatusNotification(e.FirmwareStatus(status)) if status in _PLAIN else None


def say_signed(status: str, request_id: int | None) -> Any:
    """Return SignedFirmwareStatusNotification; it has no request id without an update."""
    number: Any = request_id
    return call.SignedFirmwareStatusNotification(e.FirmwareStatus(status), number)


def say_diagnostics(status: str) -> Any:
    """Return DiagnosticsStatusNotification, ``None`` for what it has no word for."""
    word = _DIAGNOSTICS.get(status)
    return call.DiagnosticsStatusNotification(e.DiagnosticsStatus(word)) if word else None


def say_log(status: str, request_id: int | None) -> Any:
    """Return LogStatusNotification, ``None`` for what it has no word for."""
    if status not in _LOG:
        return None
    number: Any = request_id
    return call.LogStatusNotification(e.UploadLogStatus(status), number)


def update_firmware(
    station: Station,
    *,
    location: str,
    retrieve_date: str,
    retries: int | None = None,
    retry_interval: int | None = None,
    **_: Any,
) -> Any:
    update = Update(
        location=location,
        retrieve_at=parse_timestamp(retrieve_date),
        retries=Retries(count=retries or 0, interval_s=float(retry_interval or 0)),
        secure=False,
    )
    jobs.start(station, jobs.FIRMWARE, lambda: jobs.update_firmware(station, update, say_firmware))
    return call_result.UpdateFirmware()


def signed_update_firmware(
    station: Station,
    *,
    request_id: int,
    firmware: Payload,
    retries: int | None = None,
    retry_interval: int | None = None,
    **_: Any,
) -> Any:
    outcome, status = station.config.switches.firmware, e.UpdateFirmwareStatus
    certificate = str(firmware["signing_certificate"])
    if outcome is FirmwareOutcome.REJECTED:
        return call_result.SignedUpdateFirmware(status.rejected)
    if outcome is FirmwareOutcome.INVALID_CERTIFICATE or not signing.readable(certificate):
        station.then(lambda: security_event(station, "InvalidFirmwareSigningCertificate"))
        return call_result.SignedUpdateFirmware(status.invalid_certificate)
    # Some central systems write the member with a capital D, as the white paper's table does.
    retrieve = firmware.get("retrieve_date_time") or firmware["retrieve_date"]
    install = firmware.get("install_date_time")
    update = Update(
        location=str(firmware["location"]),
        retrieve_at=parse_timestamp(str(retrieve)),
        install_at=parse_timestamp(install) if install else None,
        signing_certificate=certificate,
        signature=str(firmware["signature"]),
        retries=Retries(count=retries or 0, interval_s=float(retry_interval or 0)),
        request_id=request_id,
        secure=True,
    )

    def say(word: str) -> Any:
        return say_signed(word, request_id)

    busy = jobs.start(station, jobs.FIRMWARE, lambda: jobs.update_firmware(station, update, say))
    return call_result.SignedUpdateFirmware(status.accepted_canceled if busy else status.accepted)


def get_diagnostics(
    station: Station,
    *,
    location: str,
    retries: int | None = None,
    retry_interval: int | None = None,
    **_: Any,
) -> Any:
    if station.config.switches.logs in {LogOutcome.REJECTED, LogOutcome.EMPTY}:
        return call_result.GetDiagnostics()
    name = logbook.file_name(station, security=False)

    def work() -> Any:
        return jobs.upload_log(
            station,
            location=location,
            name=name,
            content=logbook.content(station, security=False),
            retries=Retries(count=retries or 0, interval_s=float(retry_interval or 0)),
            request_id=None,
            say=say_diagnostics,
        )

    jobs.start(station, jobs.LOG, work)
    return call_result.GetDiagnostics(file_name=name)


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
    if station.config.switches.logs in {LogOutcome.REJECTED, LogOutcome.EMPTY}:
        return call_result.GetLog(e.LogStatus.rejected)
    security = log_type == e.Log.security_log
    name = logbook.file_name(station, security=security)

    def work() -> Any:
        return jobs.upload_log(
            station,
            location=str(log["remote_location"]),
            name=name,
            content=logbook.content(station, security=security),
            retries=Retries(count=retries or 0, interval_s=float(retry_interval or 0)),
            request_id=request_id,
            say=lambda word: say_log(word, request_id),
        )

    busy = jobs.start(station, jobs.LOG, work)
    status = e.LogStatus.accepted_canceled if busy else e.LogStatus.accepted
    return call_result.GetLog(status, filename=name)
