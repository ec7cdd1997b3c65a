"""What chargers report about transactions, in no protocol's words.

The OCPP adapters build these; ``sessions.service`` consumes them. Energy is integer Wh, power
integer W, instants are aware UTC as the charger reported them (``None`` where it sent none that
can be read). *flags* are what the adapter found odd: ``naive_timestamp``, ``clock_ahead``, ...
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from core.sessions.states import SessionStatus, StopReason

NO_REF: Final = "-"
"""What stands for the id of a transaction (2.x) that a charger left empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the meter showed at one instant.

    *energy_wh* is the import register. *context* is OCPP's reading context (``Sample.Periodic``,
    ``Transaction.Begin``, ...). *samples* is the element exactly as it came.
    """

    at: datetime | None
    energy_wh: int | None = None
    power_w: int | None = None
    current_ma: int | None = None
    voltage_mv: int | None = None
    soc_percent: int | None = None
    context: str | None = None
    samples: Any = None
    flags: tuple[str, ...] = ()


def in_order(readings: Iterable[Reading]) -> Sequence[Reading]:
    """Return *readings* in the order in which they are judged and stored: without a time first."""
    return sorted(readings, key=lambda reading: (reading.at is not None, reading.at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a fact comes from.

    *key* identifies the fact among all of this charger's, whatever message id carried it; the
    same key with another *digest* is quarantined (I18). *raw* is the message's payload.
    """

    charger_id: str
    action: str
    message_id: str
    key: str
    digest: str
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStarted:
    """A charger began a transaction, possibly long ago while it was offline.

    *transaction_ref* is the charger's own id (2.x); ``None`` where we assign it (1.6).
    *status* is what it can do now; 1.6 always ``charging``.
    """

    source: Source
    evse: int
    connector: int | None
    token: str | None
    token_kind: str | None
    group_token: str | None = None
    remote_start_id: int | None
    reservation: int | None
    transaction_ref: str | None
    at: datetime | None
    meter_wh: int | None
    readings: tuple[Reading, ...] = ()
    status: SessionStatus
    seq: int | None = None
    offline: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionUpdated:
    """Something changed, or the meter was read (2.x TransactionEvent Updated)."""

    source: Source
    transaction_ref: str
    evse: int | None
    connector: int | None
    token: str | None
    token_kind: str | None
    remote_start_id: int | None
    reservation: int | None
    at: datetime | None
    status: SessionStatus | None
    readings: tuple[Reading, ...]
    seq: int
    offline: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded:
    """A charger ended a transaction.

    *meter_wh* is the register at the end. *reason* is what the charger says; a stop that we sent
    (partner, limit) overrides a plain "remote". *seq* is the last seqNo (2.x).
    """

    source: Source
    transaction_ref: str
    evse: int | None
    connector: int | None
    token: str | None
    token_kind: str | None
    remote_start_id: int | None = None
    at: datetime | None
    meter_wh: int | None
    reason: "EndReason"
    readings: tuple[Reading, ...]
    seq: int | None = None
    offline: bool = False
    flags: tuple[str, ...] = ()


class EndReason(StrEnum):
    """Why a transaction ended, as the charger tells it."""

    REMOTE = "remote"
    """Our RemoteStop; who wanted it is known here."""
    LOCAL = "local"
    """Stopped at the charger with an id token or a button."""
    VEHICLE_FULL = "vehicle_full"
    LIMIT_ENERGY = "limit_energy"
    LIMIT_TIME = "limit_time"
    VEHICLE_DISCONNECTED = "vehicle_disconnected"
    CHARGER_FAULT = "charger_fault"
    POWER_LOSS = "power_loss"
    REBOOT = "reboot"
    EMERGENCY = "emergency"
    DEAUTHORIZED = "deauthorized"
    UNLOCKED = "unlocked"
    OTHER = "other"


STOP_REASONS = {
    EndReason.REMOTE: StopReason.PARTNER,
    EndReason.LOCAL: StopReason.LOCAL,
    EndReason.VEHICLE_FULL: StopReason.VEHICLE_FULL,
    EndReason.LIMIT_ENERGY: StopReason.LIMIT_ENERGY,
    EndReason.LIMIT_TIME: StopReason.LIMIT_TIME,
    EndReason.VEHICLE_DISCONNECTED: StopReason.VEHICLE_DISCONNECTED,
    EndReason.CHARGER_FAULT: StopReason.CHARGER_FAULT,
    EndReason.POWER_LOSS: StopReason.POWER_LOSS,
    EndReason.REBOOT: StopReason.REBOOT,
    EndReason.EMERGENCY: StopReason.EMERGENCY,
    EndReason.DEAUTHORIZED: StopReason.DEAUTHORIZED,
    EndReason.UNLOCKED: StopReason.OTHER,
    EndReason.OTHER: StopReason.OTHER,
}
"""The partner's word for the charger's, where the platform knows nothing better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSampled:
    """Meter readings; *transaction_ref* is ``None`` where the charger named no transaction."""

    source: Source
    evse: int
    transaction_ref: str | None
    readings: tuple[Reading, ...]
