"""Why an operation failed and who is responsible, derived from the evidence; pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.chargers.models import Charger, Connector
from core.chargers.states import ConnectorStatus
from core.commands.commands import Answer, Verdict
from core.commands.models import CommandRow
from core.commands.states import CommandStatus
from core.operations.states import FailureCode, OperationType, Responsible

_INOPERATIVE: Final = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The ``failure`` of an operation; *ocpp* is what the charger said, if it said anything."""

    code: FailureCode
    responsible: Responsible
    message: str
    ocpp: dict[str, Any] | None = None

    def view(self) -> dict[str, Any]:
        """Return the failure of the partner API."""
        view: dict[str, Any] = {
            "code": self.code.value,
            "message": self.message,
            "responsible": self.responsible.value,
        }
        if self.ocpp is not None:
            view["ocpp"] = self.ocpp
        return view


def of_refusal(
    type_: OperationType, command: CommandRow, answer: Answer, status: ConnectorStatus
) -> Failure:
    """Explain an answer that is not Accepted; *status* is the connector's at that moment."""
    code, responsible, message = _refusal(type_, answer.verdict, status)
    said = {"action": command.action, "response": answer.response, "error": answer.error}
    ocpp = {name: value for name, value in said.items() if value is not None}
    return Failure(code=code, responsible=responsible, message=message, ocpp=ocpp)


_Row = tuple[FailureCode, Responsible, str]

_BY_VERDICT: Final[dict[Verdict, _Row]] = {
    Verdict.OCCUPIED: (
        FailureCode.EVSE_OCCUPIED,
        Responsible.DRIVER,
        "The connector is occupied.",
    ),
    Verdict.FAULTED: (
        FailureCode.EVSE_INOPERATIVE,
        Responsible.CHARGER,
        "The charger reports a fault.",
    ),
    Verdict.UNAVAILABLE: (
        FailureCode.EVSE_INOPERATIVE,
        Responsible.CHARGER,
        "The connector is out of service.",
    ),
    Verdict.NOT_SUPPORTED: (
        FailureCode.NOT_SUPPORTED,
        Responsible.CHARGER,
        "The charger cannot do this.",
    ),
    Verdict.FAILED: (
        FailureCode.CHARGER_ERROR,
        Responsible.CHARGER,
        "The charger tried and failed.",
    ),
}

_BY_TYPE: Final[dict[OperationType, _Row]] = {
    OperationType.CANCEL_RESERVATION: (
        FailureCode.UNKNOWN_RESERVATION,
        Responsible.CHARGER,
        "The charger knows no such reservation.",
    ),
    OperationType.UNLOCK_CONNECTOR: (
        FailureCode.CHARGER_ERROR,
        Responsible.CHARGER,
        "The charger could not unlock the connector.",
    ),
}


def _refusal(type_: OperationType, verdict: Verdict, status: ConnectorStatus) -> _Row:
    charger = Responsible.CHARGER
    if verdict in _BY_VERDICT:
        return _BY_VERDICT[verdict]
    if verdict is Verdict.UNKNOWN and type_ is OperationType.STOP_CHARGE:
        return FailureCode.UNKNOWN_TRANSACTION, charger, "The charger knows no such session."
    if type_ in _BY_TYPE:
        return _BY_TYPE[type_]
    if status in _INOPERATIVE:
        return FailureCode.EVSE_INOPERATIVE, charger, f"Refused; the connector is {status}."
    if status is ConnectorStatus.RESERVED:
        return FailureCode.EVSE_RESERVED, charger, "Refused; the connector is reserved."
    return FailureCode.CHARGER_REJECTED, charger, "The charger answered Rejected."


def of_deadline(
    type_: OperationType, command: CommandRow | None, charger: Charger, connector: Connector
) -> Failure:
    """Explain why the evidence did not come in time."""
    if command is None:
        return Failure(
            code=FailureCode.CONFIRM_TIMEOUT,
            responsible=Responsible.CHARGER,
            message="The start that this stop waited for was not confirmed in time.",
        )
    sent = command.sent_at
    ocpp = {"action": command.action, "response": command.response} if command.response else None
    if sent is None:
        return _never_sent(charger)
    if not charger.online or (charger.connected_at is not None and charger.connected_at > sent):
        return Failure(
            code=FailureCode.CHARGER_DISCONNECTED,
            responsible=Responsible.CHARGER,
            message="The charger lost its connection after it was asked.",
            ocpp=ocpp,
        )
    if command.status in {CommandStatus.SENT, CommandStatus.TIMED_OUT}:
        return Failure(
            code=FailureCode.CHARGER_NO_RESPONSE,
            responsible=Responsible.CHARGER,
            message="The charger was asked and did not answer.",
        )
    if type_ is OperationType.START_CHARGE:
        return _start_unconfirmed(connector, sent, ocpp)
    return Failure(
        code=FailureCode.CONFIRM_TIMEOUT,
        responsible=Responsible.CHARGER,
        message="The charger accepted, but did not report that it happened.",
        ocpp=ocpp,
    )


def _never_sent(charger: Charger) -> Failure:
    if not charger.online:
        return charger_left()
    return Failure(
        code=FailureCode.CHARGER_NO_RESPONSE,
        responsible=Responsible.CHARGER,
        message="The charger left an earlier request unanswered, so it could not be asked.",
    )


def _start_unconfirmed(
    connector: Connector, sent: datetime, ocpp: dict[str, Any] | None
) -> Failure:
    # A charger that was free and waits for the plug reports Preparing, too (OCPP 1.6 4.9).
    waits_for_plug = connector.status is ConnectorStatus.PREPARING and connector.since >= sent
    match ConnectorStatus.AVAILABLE if waits_for_plug else connector.status:
        case ConnectorStatus.AVAILABLE:
            code, responsible = FailureCode.VEHICLE_NOT_CONNECTED, Responsible.DRIVER
            message = "The charger accepted, but no vehicle was connected in time."
        case ConnectorStatus.SUSPENDED_EV:
            code, responsible = FailureCode.CONFIRM_TIMEOUT, Responsible.VEHICLE
            message = "The vehicle is connected but takes no energy."
        case ConnectorStatus.FAULTED | ConnectorStatus.UNAVAILABLE:
            code, responsible = FailureCode.EVSE_INOPERATIVE, Responsible.CHARGER
            message = f"The charger accepted, then its connector became {connector.status}."
        case _:
            code, responsible = FailureCode.CONFIRM_TIMEOUT, Responsible.CHARGER
            message = "The charger accepted, but did not start in time."
    return Failure(code=code, responsible=responsible, message=message, ocpp=ocpp)


def charger_left() -> Failure:
    """Explain that the charger went away before it could be asked."""
    return Failure(
        code=FailureCode.CHARGER_DISCONNECTED,
        responsible=Responsible.CHARGER,
        message="The charger disconnected before it could be asked.",
    )


def internal_error() -> Failure:
    """Explain that we could not put the request into the charger's words."""
    return Failure(
        code=FailureCode.INTERNAL_ERROR,
        responsible=Responsible.PLATFORM,
        message="The request could not be sent; the platform's operators can see why.",
    )


def token_refused() -> Failure:
    """Explain that the driver's id token may not charge."""
    return Failure(
        code=FailureCode.AUTHORIZATION_REJECTED,
        responsible=Responsible.DRIVER,
        message="The id token is blocked or expired, or only ends sessions.",
    )
