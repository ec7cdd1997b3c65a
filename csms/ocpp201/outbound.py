"""OCPP 2.0.1: what we ask charging stations, and what their answers mean."""

from core.commands.commands import (
    CancelReservation,
    Command,
    LimitConnectionTimeout,
    Raw,
    ReportInventory,
    ReportStatus,
    ReportTransaction,
    Reserve,
    StartCharging,
    StopCharging,
    Unlock,
    Verdict,
)
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.sessions import recovery
from csms.protocol import Payload


def encode(command: Command) -> tuple[str, Payload]:  # noqa: C901, PLR0911 - a table
    """Return (action, payload) of *command*, members in the order of the schema."""
    match command:
        case StartCharging():
            return "RequestStartTransaction", {
                "evseId": command.evse,
                "idToken": {"idToken": command.token, "type": "Central"},
                "remoteStartId": command.remote_start_id,
            }
        case StopCharging(transaction_ref=ref):
            return "RequestStopTransaction", {"transactionId": ref}
        case Reserve():
            return "ReserveNow", {
                "id": command.reservation,
                "expiryDateTime": command.expires_at,
                "idToken": {"idToken": command.token, "type": "Central"},
                "evseId": command.evse,
            }
        case CancelReservation(reservation=reservation):
            return "CancelReservation", {"reservationId": reservation}
        case Unlock(evse=evse, connector=connector):
            return "UnlockConnector", {"evseId": evse, "connectorId": connector}
        case ReportStatus(evse=None):
            return "TriggerMessage", {"requestedMessage": "StatusNotification"}
        case ReportStatus(evse=evse, connector=connector):
            place = {"id": evse, "connectorId": connector or 1}
            return "TriggerMessage", {"evse": place, "requestedMessage": "StatusNotification"}
        case ReportTransaction(transaction_ref=ref):
            return "GetTransactionStatus", {"transactionId": ref}
        case ReportInventory(request=request):
            return "GetBaseReport", {"requestId": request, "reportBase": "FullInventory"}
        case LimitConnectionTimeout(timeout_s=timeout_s):
            return "SetVariables", {"setVariableData": [_connection_timeout(timeout_s)]}
        case Raw(action=action, payload=payload):
            return action, payload


def _connection_timeout(timeout_s: int) -> Payload:
    return {
        "attributeValue": str(timeout_s),
        "component": {"name": "TxCtrlr"},
        "variable": {"name": "EVConnectionTimeOut"},
    }


_VERDICTS = {
    "Accepted": Verdict.ACCEPTED,
    "EmptyResultSet": Verdict.ACCEPTED,
    "Faulted": Verdict.FAULTED,
    "NotImplemented": Verdict.NOT_SUPPORTED,
    "NotSupported": Verdict.NOT_SUPPORTED,
    "Occupied": Verdict.OCCUPIED,
    "OngoingAuthorizedTransaction": Verdict.OCCUPIED,
    "Rejected": Verdict.REJECTED,
    "Scheduled": Verdict.ACCEPTED,
    "Unavailable": Verdict.UNAVAILABLE,
    "UnknownConnector": Verdict.UNKNOWN,
    "UnlockFailed": Verdict.FAILED,
    "Unlocked": Verdict.ACCEPTED,
}


def verdict(answer: Payload) -> Verdict:
    """Return what the answer to a command means; one without a status only brings data."""
    status = answer.get("status", "Accepted")
    return _VERDICTS.get(status, Verdict.FAILED) if isinstance(status, str) else Verdict.FAILED


async def learn(tx: Tx, command: CommandRow, action: str, answer: Payload) -> None:
    """Take from GetTransactionStatus whether a session in doubt goes on (OCPP 2.0.1 E14)."""
    if action == "GetTransactionStatus" and command.session_id is not None:
        await recovery.status_told(
            tx,
            command.session_id,
            ongoing=answer.get("ongoingIndicator"),
            queued=answer["messagesInQueue"],
        )
