"""What we can ask a charger to do, in no protocol's words; the adapters translate.

Commands of one functional block stand in a module of this package named after it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, TypeVar, dataclass_transform

import msgspec

C = TypeVar("C", bound="Command")

_KINDS: Final[dict[str, type["Command"]]] = {}


class Command:
    """Something that a charger can be asked to do.

    A field named ``sealed`` holds, encrypted, the JSON object of those arguments that are secret;
    the row has them blanked out.
    """

    kind: ClassVar[str]


@dataclass_transform(frozen_default=True, kw_only_default=True)
def command(kind: str) -> Callable[[type[C]], type[C]]:
    """Make a class a command that is stored as *kind* (at most 32 characters)."""

    def register(cls: type[C]) -> type[C]:
        made = dataclass(frozen=True, kw_only=True)(cls)
        made.kind = kind
        if kind in _KINDS:
            raise ValueError(f"two commands are stored as {kind}")
        _KINDS[kind] = made
        return made

    return register


@command("start")
class StartCharging(Command):
    """Begin a session on a connector for *token*, at most 16 characters, made for this start.

    *remote_start_id* (positive int32) is echoed by 2.x chargers.
    """

    evse: int
    connector: int
    token: str
    remote_start_id: int


@command("stop")
class StopCharging(Command):
    """End the session that the charger knows as *transaction_ref*."""

    transaction_ref: str


@command("reserve")
class Reserve(Command):
    """Hold a connector for *token* until *expires_at* (RFC 3339)."""

    evse: int
    connector: int
    reservation: int
    token: str
    expires_at: str


@command("cancel_reservation")
class CancelReservation(Command):
    reservation: int


@command("unlock")
class Unlock(Command):
    evse: int
    connector: int


@command("report_status")
class ReportStatus(Command):
    """Send the status of a connector, or of all, again."""

    evse: int | None = None
    connector: int | None = None


@command("report_transaction")
class ReportTransaction(Command):
    """Tell whether *transaction_ref* is still going on (2.x); 1.6 sends its meter values."""

    transaction_ref: str
    evse: int


@command("report_inventory")
class ReportInventory(Command):
    """Report all configuration keys (1.6) or the full device model (2.x)."""

    request: int


@command("limit_connection_timeout")
class LimitConnectionTimeout(Command):
    """Give up waiting for the vehicle after *timeout_s* seconds."""

    timeout_s: int


@command("raw")
class Raw(Command):
    """Any request of the charger's OCPP version, exactly as an operator wrote it.

    Where it holds a secret (a new key), *payload* has it blanked out.
    """

    action: str
    payload: dict[str, Any]
    sealed: str | None = None


def seal_context(charger_id: str) -> str:
    """Return what binds a sealed payload to its charger at decryption."""
    return f"commands:{charger_id}"


def to_row(asked: Command) -> tuple[str, dict[str, Any]]:
    """Return (kind, arguments) as stored in the command's row."""
    return asked.kind, asdict(asked)  # type: ignore[call-overload]


def from_row(kind: str, arguments: dict[str, Any]) -> Command:
    """Return the command that ``to_row`` stored.

    Raises:
        ValueError: No such kind, or other arguments than it has.
    """
    if kind not in _KINDS:
        raise ValueError(f"no command is stored as {kind}")
    return msgspec.convert(arguments, _KINDS[kind])


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
    "details"}`` of a CALLERROR) is set; *at* is database time of its arrival. *reason* is the
    charger's own word where it said more than the verdict: a status, a reason code.
    """

    verdict: Verdict
    reason: str | None = None
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    at: datetime
