"""Messages the central system may ask for (OCPP 2.0.1 F06)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ocpp.v201 import call, call_result
from ocpp.v201 import enums as e

from simulator import engine, jobs, security
from simulator.certificates import STATION_CERTIFICATE, V2G_CERTIFICATE
from simulator.dialect import Trigger
from simulator.outbox import report
from simulator.station import Connector, Station
from simulator.telling import tell_after
from simulator.v201.info import because
from simulator.v201.metering import meter_value

Evse = dict[str, int]
_CERTIFICATES = {
    "SignChargingStationCertificate": STATION_CERTIFICATE,
    "SignV2GCertificate": V2G_CERTIFICATE,
    "SignCombinedCertificate": STATION_CERTIFICATE,
}


def trigger_message(
    station: Station, *, requested_message: str, evse: Evse | None = None, **_: Any
) -> Any:
    accepted = e.TriggerMessageStatusEnumType.accepted
    rejected = e.TriggerMessageStatusEnumType.rejected
    concerned = _concerned(station, evse)
    if not concerned:
        return call_result.TriggerMessage(rejected, because("UnknownEvse"))
    if requested_message == "BootNotification":
        station.then(station.boot_now.set)
    elif requested_message in _CERTIFICATES:
        use = _CERTIFICATES[requested_message]
        station.then(lambda: security.request_certificate(station, use))
    elif requested_message == "TransactionEvent":
        busy = [connector for connector in concerned if connector.transaction is not None]
        if not busy:
            return call_result.TriggerMessage(rejected)
        station.then(partial(_report_transactions, station, busy))
    elif requested_message in _MAKERS:
        tell_after(station, *_MAKERS[requested_message](station, concerned))
    else:
        return call_result.TriggerMessage(e.TriggerMessageStatusEnumType.not_implemented)
    return call_result.TriggerMessage(accepted)


def _concerned(station: Station, evse: Evse | None) -> list[Connector]:
    if not evse:
        return list(station.connectors.values())
    connector = station.connectors.get(evse["id"])
    return [connector] if connector and evse.get("connector_id") in {None, 1} else []


def _statuses(station: Station, connectors: list[Connector]) -> list[Any]:
    for connector in connectors:
        connector.reported = station.dialect.status(station, connector)
    return [station.dialect.report_status(station, connector) for connector in connectors]


def _meters(station: Station, connectors: list[Connector]) -> list[Any]:
    readings = [(c.id, engine.read_meter(station, c, "Trigger")) for c in connectors]
    return [call.MeterValues(number, [meter_value(sample)]) for number, sample in readings]


def _heartbeat(station: Station, connectors: list[Connector]) -> list[Any]:
    return [call.Heartbeat()]


def _firmware(station: Station, connectors: list[Connector]) -> list[Any]:
    status, request_id = _job(station, jobs.FIRMWARE)
    return [call.FirmwareStatusNotification(e.FirmwareStatusEnumType(status), request_id)]


def _log(station: Station, connectors: list[Connector]) -> list[Any]:
    status, request_id = _job(station, jobs.LOG)
    return [call.LogStatusNotification(e.UploadLogStatusEnumType(status), request_id)]


def _published(station: Station, connectors: list[Connector]) -> list[Any]:
    status, request_id = _job(station, jobs.PUBLISH)
    return [
        call.PublishFirmwareStatusNotification(
            e.PublishFirmwareStatusEnumType(status), request_id=request_id
        )
    ]


def _job(station: Station, kind: str) -> tuple[str, int | None]:
    """Return status and request id of a running job, ``Idle`` without one (F06.FR.08)."""
    task = station.jobs.get(kind)
    if task is None or task.done():
        return "Idle", None
    return station.job_status.get(kind, ("Idle", None))


_MAKERS: dict[str, Callable[[Station, list[Connector]], list[Any]]] = {
    "Heartbeat": _heartbeat,
    "StatusNotification": _statuses,
    "MeterValues": _meters,
    "FirmwareStatusNotification": _firmware,
    "LogStatusNotification": _log,
    "PublishFirmwareStatusNotification": _published,
}


def _report_transactions(station: Station, connectors: list[Connector]) -> None:
    for connector in connectors:
        transaction = connector.transaction
        if transaction is None:
            continue
        sample = engine.read_meter(station, connector, Trigger.ASKED.value)
        for draft in station.dialect.sampled(station, transaction, sample):
            report(station, draft, transaction)
