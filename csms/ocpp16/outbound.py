"""OCPP 1.6: what we ask charge points, and what their answers mean."""

from typing import Any

from core.chargers import inventory
from core.chargers.facts import VariableReported
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
    """Return (action, payload) of *command*, members in the order of the standard.

    Raises:
        ValueError: The transaction has no number, so it was not begun in 1.6.
    """
    match command:
        case StartCharging(evse=evse, token=token):
            return "RemoteStartTransaction", {"connectorId": evse, "idTag": token}
        case StopCharging(transaction_ref=ref):
            return "RemoteStopTransaction", {"transactionId": int(ref)}
        case Reserve():
            return "ReserveNow", {
                "connectorId": command.evse,
                "expiryDate": command.expires_at,
                "idTag": command.token,
                "reservationId": command.reservation,
            }
        case CancelReservation(reservation=reservation):
            return "CancelReservation", {"reservationId": reservation}
        case Unlock(evse=evse):
            return "UnlockConnector", {"connectorId": evse}
        case ReportStatus(evse=None):
            return "TriggerMessage", {"requestedMessage": "StatusNotification"}
        case ReportStatus(evse=evse):
            return "TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": evse}
        case ReportTransaction(evse=evse):
            return "TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": evse}
        case ReportInventory():
            return "GetConfiguration", {}
        case LimitConnectionTimeout(timeout_s=timeout_s):
            return "ChangeConfiguration", {"key": "ConnectionTimeOut", "value": str(timeout_s)}
        case Raw(action=action, payload=payload):
            return action, payload


_VERDICTS = {
    "Accepted": Verdict.ACCEPTED,
    "Faulted": Verdict.FAULTED,
    "NotImplemented": Verdict.NOT_SUPPORTED,
    "NotSupported": Verdict.NOT_SUPPORTED,
    "Occupied": Verdict.OCCUPIED,
    "RebootRequired": Verdict.ACCEPTED,
    "Rejected": Verdict.REJECTED,
    "Scheduled": Verdict.ACCEPTED,
    "Unavailable": Verdict.UNAVAILABLE,
    "UnlockFailed": Verdict.FAILED,
    "Unlocked": Verdict.ACCEPTED,
}


def verdict(answer: Payload) -> Verdict:
    """Return what the answer to a command means; one without a status only brings data."""
    status = answer.get("status", "Accepted")
    return _VERDICTS.get(status, Verdict.FAILED) if isinstance(status, str) else Verdict.FAILED


async def learn(tx: Tx, command: CommandRow, action: str, answer: Payload) -> None:
    """Keep the configuration that an answer brings, and what it says of a session in doubt."""
    if action == "GetConfiguration":
        await inventory.store_variables(tx, command.charger_id, _variables(answer))
    if command.kind == "report_transaction" and command.session_id is not None:
        # It only says that meter values will follow, or that it cannot send any.
        await recovery.status_told(tx, command.session_id, ongoing=None, queued=False)


def _variables(answer: Payload) -> list[VariableReported]:
    entries: list[dict[str, Any]] = answer.get("configurationKey") or []
    return [
        VariableReported(
            component="",
            variable=entry["key"],
            attribute="Actual",
            value=entry.get("value"),
            readonly=entry.get("readonly"),
        )
        for entry in entries
    ]
