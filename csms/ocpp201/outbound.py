"""OCPP 2.0.1: what we ask charging stations, and what their answers mean."""

from typing import Final

from core.commands.commands import (
    CancelReservation,
    LimitConnectionTimeout,
    ReportInventory,
    ReportStatus,
    ReportTransaction,
    Reserve,
    StartCharging,
    StopCharging,
    Unlock,
)
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.sessions import recovery
from csms.adapter import Block
from csms.protocol import Payload


def start(wanted: StartCharging) -> tuple[str, Payload]:
    return "RequestStartTransaction", {
        "evseId": wanted.evse,
        "idToken": {"idToken": wanted.token, "type": "Central"},
        "remoteStartId": wanted.remote_start_id,
    }


def stop(wanted: StopCharging) -> tuple[str, Payload]:
    return "RequestStopTransaction", {"transactionId": wanted.transaction_ref}


def reserve(wanted: Reserve) -> tuple[str, Payload]:
    return "ReserveNow", {
        "id": wanted.reservation,
        "expiryDateTime": wanted.expires_at,
        "idToken": {"idToken": wanted.token, "type": "Central"},
        "evseId": wanted.evse,
    }


def cancel_reservation(wanted: CancelReservation) -> tuple[str, Payload]:
    return "CancelReservation", {"reservationId": wanted.reservation}


def unlock(wanted: Unlock) -> tuple[str, Payload]:
    return "UnlockConnector", {"evseId": wanted.evse, "connectorId": wanted.connector}


def report_status(wanted: ReportStatus) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` without a place, which has to be named (F06.FR.13)."""
    if wanted.evse is None:
        raise ValueError("OCPP 2.0.1 asks for the status of an EVSE: name it")
    place = {"id": wanted.evse, "connectorId": wanted.connector or 1}
    return "TriggerMessage", {"evse": place, "requestedMessage": "StatusNotification"}


def report_transaction(wanted: ReportTransaction) -> tuple[str, Payload]:
    return "GetTransactionStatus", {"transactionId": wanted.transaction_ref}


def report_inventory(wanted: ReportInventory) -> tuple[str, Payload]:
    return "GetBaseReport", {"requestId": wanted.request, "reportBase": "FullInventory"}


def limit_connection_timeout(wanted: LimitConnectionTimeout) -> tuple[str, Payload]:
    data = {
        "attributeValue": str(wanted.timeout_s),
        "component": {"name": "TxCtrlr"},
        "variable": {"name": "EVConnectionTimeOut"},
    }
    return "SetVariables", {"setVariableData": [data]}


async def learn_of_session(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from GetTransactionStatus whether a session in doubt goes on (OCPP 2.0.1 E14)."""
    if command.session_id is not None:
        await recovery.status_told(
            tx,
            command.session_id,
            ongoing=answer.get("ongoingIndicator"),
            queued=answer["messagesInQueue"],
        )


CORE: Final = Block(
    encoders={
        StartCharging: start,
        StopCharging: stop,
        Reserve: reserve,
        CancelReservation: cancel_reservation,
        Unlock: unlock,
        ReportStatus: report_status,
        ReportTransaction: report_transaction,
        ReportInventory: report_inventory,
        LimitConnectionTimeout: limit_connection_timeout,
    },
    learners={"GetTransactionStatus": learn_of_session},
)
