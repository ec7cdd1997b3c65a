"""The life of a charging session: the table is the machine."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class SessionStatus(StrEnum):
    PENDING = "pending"
    """The charger opened a transaction, but nothing can flow yet (cable only, not authorized)."""
    CHARGING = "charging"
    SUSPENDED = "suspended"
    FINISHING = "finishing"
    """The driver or the vehicle is done; the transaction is still open."""
    ENDED = "ended"
    INVALID = "invalid"
    """Never could have been billed: an orphan or garbage, kept for review."""


OPEN: Final = frozenset(
    {
        SessionStatus.PENDING,
        SessionStatus.CHARGING,
        SessionStatus.SUSPENDED,
        SessionStatus.FINISHING,
    }
)
"""The charger still has to report the end."""

_ENDS: Final = frozenset({SessionStatus.ENDED, SessionStatus.INVALID})

MACHINE: Final = Machine(
    {
        **{status: (OPEN - {status}) | _ENDS for status in OPEN},
        SessionStatus.ENDED: frozenset(),
        # The start of an orphaned stop arrived after all.
        SessionStatus.INVALID: frozenset({SessionStatus.ENDED}),
    }
)


class StopReason(StrEnum):
    """Why a session ended, in the words of the partner API."""

    PARTNER = "partner"
    DRIVER = "driver"
    LOCAL = "local"
    LIMIT_ENERGY = "limit_energy"
    LIMIT_TIME = "limit_time"
    LIMIT_AMOUNT = "limit_amount"
    VEHICLE_FULL = "vehicle_full"
    CHARGER_FAULT = "charger_fault"
    VEHICLE_DISCONNECTED = "vehicle_disconnected"
    POWER_LOSS = "power_loss"
    REBOOT = "reboot"
    EMERGENCY = "emergency"
    DEAUTHORIZED = "deauthorized"
    OTHER = "other"


class DataQuality(StrEnum):
    """How far the figures can be trusted; the worst finding wins."""

    OK = "ok"
    ESTIMATED = "estimated"
    METER_GAP = "meter_gap"
    CLOCK_SUSPECT = "clock_suspect"
    NEEDS_REVIEW = "needs_review"


_SEVERITY: Final = (
    DataQuality.OK,
    DataQuality.CLOCK_SUSPECT,
    DataQuality.METER_GAP,
    DataQuality.ESTIMATED,
    DataQuality.NEEDS_REVIEW,
)


def worst(*qualities: DataQuality) -> DataQuality:
    """Return the least trustworthy of *qualities*."""
    return max(qualities, key=_SEVERITY.index, default=DataQuality.OK)
