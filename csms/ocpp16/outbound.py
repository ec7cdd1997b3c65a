"""OCPP 1.6: what we ask charge points, and what their answers mean."""

from typing import Any, Final

from core.chargers.facts import VariableReported
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
from core.desired import variables
from core.kernel.db import Tx
from core.sessions import recovery
from csms.adapter import Block
from csms.protocol import Payload


def start(wanted: StartCharging) -> tuple[str, Payload]:
    return "RemoteStartTransaction", {"connectorId": wanted.evse, "idTag": wanted.token}


def stop(wanted: StopCharging) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for a transaction that was not begun in 1.6."""
    return "RemoteStopTransaction", {"transactionId": int(wanted.transaction_ref)}


def reserve(wanted: Reserve) -> tuple[str, Payload]:
    return "ReserveNow", {
        "connectorId": wanted.evse,
        "expiryDate": wanted.expires_at,
        "idTag": wanted.token,
        "reservationId": wanted.reservation,
    }


def cancel_reservation(wanted: CancelReservation) -> tuple[str, Payload]:
    return "CancelReservation", {"reservationId": wanted.reservation}


def unlock(wanted: Unlock) -> tuple[str, Payload]:
    return "UnlockConnector", {"connectorId": wanted.evse}


def report_status(wanted: ReportStatus) -> tuple[str, Payload]:
    payload: Payload = {"requestedMessage": "StatusNotification"}
    return "TriggerMessage", payload if wanted.evse is None else payload | {
        "connectorId": wanted.evse
    }


def report_transaction(wanted: ReportTransaction) -> tuple[str, Payload]:
    return "TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": wanted.evse}


def report_inventory(_: ReportInventory) -> tuple[str, Payload]:
    return "GetConfiguration", {}


def limit_connection_timeout(wanted: LimitConnectionTimeout) -> tuple[str, Payload]:
    return "ChangeConfiguration", {"key": "ConnectionTimeOut", "value": str(wanted.timeout_s)}


async def learn_configuration(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Keep the configuration that an answer brings, and compare it with what is wanted."""
    await variables.report(tx, command.charger_id, _variables(answer))


async def learn_of_session(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take what TriggerMessage says of a session in doubt: meter values follow, or cannot."""
    if command.kind == ReportTransaction.kind and command.session_id is not None:
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
    learners={"GetConfiguration": learn_configuration, "TriggerMessage": learn_of_session},
)
