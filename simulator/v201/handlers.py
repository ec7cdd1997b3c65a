"""Answers of a 2.0.1 station to the central system; one function per action."""

from typing import Any

from ocpp.v201 import call, call_result
from ocpp.v201 import enums as e

from simulator import engine, obey
from simulator.clock import parse_timestamp
from simulator.dialect import Draft, Handler, Trigger
from simulator.ledger import Payload
from simulator.outbox import report
from simulator.station import Connector, Reservation, Station
from simulator.v201 import model
from simulator.v201.metering import meter_value

DATA_TRANSFER_VENDOR = "org.voltgate.simulator"
Evse = dict[str, int]


def request_start(
    station: Station,
    *,
    id_token: Payload,
    remote_start_id: int,
    evse_id: int | None = None,
    group_id_token: Payload | None = None,
    **_: Any,
) -> Any:
    connector = obey.remote_start(
        station,
        connector_id=evse_id,
        token=str(id_token["id_token"]),
        token_type=str(id_token["type"]),
        group=str(group_id_token["id_token"]) if group_id_token else None,
        remote_start_id=remote_start_id,
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
    group_id_token: Payload | None = None,
    **_: Any,
) -> Any:
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


def clear_cache(station: Station, **_: Any) -> Any:
    return call_result.ClearCache(e.ClearCacheStatusEnumType.accepted)


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


def trigger_message(
    station: Station, *, requested_message: str, evse: Evse | None = None, **_: Any
) -> Any:
    concerned = _concerned(station, evse)
    accepted = e.TriggerMessageStatusEnumType.accepted
    rejected = e.TriggerMessageStatusEnumType.rejected
    status = accepted if concerned else rejected
    match requested_message:
        case _ if not concerned:
            pass
        case "BootNotification":
            station.then(station.boot_now.set)
        case "Heartbeat":
            station.then(lambda: report(station, Draft(request=call.Heartbeat())))
        case "StatusNotification":
            station.then(lambda: _report_statuses(station, concerned))
        case "MeterValues":
            station.then(lambda: _report_meters(station, concerned))
        case "TransactionEvent":
            busy = [connector for connector in concerned if connector.transaction is not None]
            status = accepted if busy else rejected
            station.then(lambda: _report_transactions(station, busy))
        case _:
            status = e.TriggerMessageStatusEnumType.not_implemented
    return call_result.TriggerMessage(status)


def _concerned(station: Station, evse: Evse | None) -> list[Connector]:
    if not evse:
        return list(station.connectors.values())
    connector = station.connectors.get(evse["id"])
    return [connector] if connector else []


def _report_statuses(station: Station, connectors: list[Connector]) -> None:
    for connector in connectors:
        connector.reported = station.dialect.status(station, connector)
        report(station, Draft(request=station.dialect.report_status(station, connector)))


def _report_meters(station: Station, connectors: list[Connector]) -> None:
    for connector in connectors:
        value = meter_value(engine.read_meter(station, connector, "Trigger"))
        report(station, Draft(request=call.MeterValues(connector.id, [value])))


def _report_transactions(station: Station, connectors: list[Connector]) -> None:
    for connector in connectors:
        transaction = connector.transaction
        if transaction is None:
            continue
        sample = engine.read_meter(station, connector, Trigger.ASKED.value)
        for draft in station.dialect.sampled(station, transaction, sample):
            report(station, draft, transaction)


def data_transfer(station: Station, *, vendor_id: str, data: Any = None, **_: Any) -> Any:
    if vendor_id != DATA_TRANSFER_VENDOR:
        return call_result.DataTransfer(e.DataTransferStatusEnumType.unknown_vendor_id)
    return call_result.DataTransfer(e.DataTransferStatusEnumType.accepted, data=data)


HANDLERS: dict[str, Handler] = {
    "RequestStartTransaction": request_start,
    "RequestStopTransaction": request_stop,
    "ReserveNow": reserve_now,
    "CancelReservation": cancel_reservation,
    "UnlockConnector": unlock_connector,
    "Reset": reset,
    "ChangeAvailability": change_availability,
    "GetVariables": model.get_variables,
    "SetVariables": model.set_variables,
    "GetBaseReport": model.get_base_report,
    "ClearCache": clear_cache,
    "TriggerMessage": trigger_message,
    "GetTransactionStatus": transaction_status,
    "DataTransfer": data_transfer,
}
