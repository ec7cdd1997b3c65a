"""What we can ask a charger to do, in no protocol's words; the adapters translate."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCharging:
    """Begin a session on a connector for *token*, at most 16 characters, made for this start.

    *remote_start_id* (positive int32) is echoed by 2.x chargers.
    """

    evse: int
    connector: int
    token: str
    remote_start_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopCharging:
    """End the session that the charger knows as *transaction_ref*."""

    transaction_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Hold a connector for *token* until *expires_at* (RFC 3339)."""

    evse: int
    connector: int
    reservation: int
    token: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservation:
    reservation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    evse: int
    connector: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStatus:
    """Send the status of a connector, or of all, again."""

    evse: int | None = None
    connector: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTransaction:
    """Tell whether *transaction_ref* is still going on (2.x); 1.6 sends its meter values."""

    transaction_ref: str
    evse: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInventory:
    """Report all configuration keys (1.6) or the full device model (2.x)."""

    request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitConnectionTimeout:
    """Give up waiting for the vehicle after *timeout_s* seconds."""

    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Any request of the charger's OCPP version, exactly as an operator wrote it.

    Where it holds a secret (a new key), *payload* has it blanked out and *sealed* is the encrypted
    JSON of what is to be sent.
    """

    action: str
    payload: dict[str, Any]
    sealed: str | None = None


def seal_context(charger_id: str) -> str:
    """Return what binds a sealed payload to its charger at decryption."""
    return f"commands:{charger_id}"


Command = (
    StartCharging
    | StopCharging
    | Reserve
    | CancelReservation
    | Unlock
    | ReportStatus
    | ReportTransaction
    | ReportInventory
    | LimitConnectionTimeout
    | Raw
)

_KINDS: Final[dict[str, type[Command]]] = {
    "start": StartCharging,
    "stop": StopCharging,
    "reserve": Reserve,
    "cancel_reservation": CancelReservation,
    "unlock": Unlock,
    "report_status": ReportStatus,
    "report_transaction": ReportTransaction,
    "report_inventory": ReportInventory,
    "limit_connection_timeout": LimitConnectionTimeout,
    "raw": Raw,
}
_NAMES: Final = {type_: name for name, type_ in _KINDS.items()}


def to_row(command: Command) -> tuple[str, dict[str, Any]]:
    """Return (kind, arguments) as stored in the command's row."""
    return _NAMES[type(command)], asdict(command)


def from_row(kind: str, arguments: dict[str, Any]) -> Command:
    """Return the command that ``to_row`` stored."""
    return _KINDS[kind](**arguments)


class Verdict(StrEnum):
    """What the charger said at once; not yet what it did."""

    ACCEPTED = "accepted"
    """Accepted, Unlocked, Scheduled: it will do it."""
    REJECTED = "rejected"
    OCCUPIED = "occupied"
    FAULTED = "faulted"
    UNAVAILABLE = "unavailable"
    NOT_SUPPORTED = "not_supported"
    UNKNOWN = "unknown"
    """It knows no such transaction, reservation or connector."""
    FAILED = "failed"
    """It tried and could not (UnlockFailed, CALLERROR)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The charger's answer to a command.

    Exactly one of *response* (CALLRESULT payload) and *error* (``{"code", "description",
    "details"}`` of a CALLERROR) is set; *at* is database time of its arrival.
    """

    verdict: Verdict
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    at: datetime
