"""Messages the central system may ask for (OCPP 1.6 5.17; security extension 4.5)."""

from functools import partial
from typing import Any

from ocpp.v16 import call, call_result
from ocpp.v16 import enums as e

from simulator import engine, jobs, security
from simulator.dialect import Draft
from simulator.outbox import report
from simulator.station import Connector, Station
from simulator.telling import tell_after
from simulator.v16.firmware import say_diagnostics, say_firmware, say_log, say_signed
from simulator.v16.metering import meter_value


def trigger_message(
    station: Station, *, requested_message: str, connector_id: int | None = None, **_: Any
) -> Any:
    concerned = _concerned(station, connector_id)
    if not concerned:
        return call_result.TriggerMessage(e.TriggerMessageStatus.rejected)
    firmware, _request = _job(station, jobs.FIRMWARE)
    match requested_message:
        case "FirmwareStatusNotification":
            tell_after(station, say_firmware(firmware) or say_firmware("Idle"))
        case "DiagnosticsStatusNotification":
            tell_after(station, say_diagnostics(_job(station, jobs.LOG)[0]))
        case _ if not _common(station, requested_message, connector_id, concerned):
            return call_result.TriggerMessage(e.TriggerMessageStatus.not_implemented)
    return call_result.TriggerMessage(e.TriggerMessageStatus.accepted)


def extended_trigger_message(
    station: Station, *, requested_message: str, connector_id: int | None = None, **_: Any
) -> Any:
    concerned = _concerned(station, connector_id)
    if not concerned:
        return call_result.ExtendedTriggerMessage(e.TriggerMessageStatus.rejected)
    match requested_message:
        case "FirmwareStatusNotification":
            tell_after(station, say_signed(*_job(station, jobs.FIRMWARE)))
        case "LogStatusNotification":
            tell_after(station, say_log(*_job(station, jobs.LOG)))
        case "SignChargePointCertificate":
            station.then(partial(security.request_certificate, station))
        case _ if not _common(station, requested_message, connector_id, concerned):
            return call_result.ExtendedTriggerMessage(e.TriggerMessageStatus.not_implemented)
    return call_result.ExtendedTriggerMessage(e.TriggerMessageStatus.accepted)


def _common(
    station: Station, wanted: str, connector_id: int | None, concerned: list[Connector]
) -> bool:
    """Send what both triggers know; tell whether this is one of them."""
    match wanted:
        case "BootNotification":
            station.then(station.boot_now.set)
        case "Heartbeat":
            tell_after(station, call.Heartbeat())
        case "StatusNotification":
            whole = [] if connector_id else station.dialect.report_station(station)
            tell_after(station, *whole, *_statuses(station, concerned))
        case "MeterValues":
            station.then(partial(_report_meters, station, concerned))
        case _:
            return False
    return True


def _job(station: Station, kind: str) -> tuple[str, int | None]:
    """Return status and request id of a running job, ``Idle`` without one."""
    task = station.jobs.get(kind)
    if task is None or task.done():
        return "Idle", None
    return station.job_status.get(kind, ("Idle", None))


def _concerned(station: Station, connector_id: int | None) -> list[Connector]:
    if not connector_id:
        return list(station.connectors.values())
    connector = station.connectors.get(connector_id)
    return [connector] if connector else []


def _statuses(station: Station, connectors: list[Connector]) -> list[Any]:
    for connector in connectors:
        connector.reported = station.dialect.status(station, connector)
    return [station.dialect.report_status(station, connector) for connector in connectors]


def _report_meters(station: Station, connectors: list[Connector]) -> None:
    for connector in connectors:
        sample = engine.read_meter(station, connector, "Trigger")
        if connector.transaction is not None:
            for draft in station.dialect.sampled(station, connector.transaction, sample):
                report(station, draft, connector.transaction)
            continue
        value = meter_value(sample)
        report(station, Draft(request=call.MeterValues(connector.id, [value])))
