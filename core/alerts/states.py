"""The life of an alert and of its notifications: the tables are the machines."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class AlertStatus(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """Somebody looks after it: nobody is told again unless it gets worse."""
    RESOLVED = "resolved"
    """Its cause is gone; the same trouble later is another alert."""


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """A number that grows with the severity."""
        return _RANKS[self]


class Reason(StrEnum):
    """Why operators are told of an alert."""

    RAISED = "raised"
    WORSE = "worse"
    AGAIN = "again"
    RESOLVED = "resolved"


class Channel(StrEnum):
    MAIL = "mail"
    SMS = "sms"
    WEBHOOK = "webhook"


class NotificationStatus(StrEnum):
    DUE = "due"
    SENT = "sent"
    FAILED = "failed"
    """Given up after its last attempt."""


_RANKS: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}

MACHINE: Final = Machine(
    {
        AlertStatus.OPEN: frozenset({AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED}),
        AlertStatus.ACKNOWLEDGED: frozenset({AlertStatus.OPEN, AlertStatus.RESOLVED}),
        AlertStatus.RESOLVED: frozenset(),
    }
)

NOTIFICATIONS: Final = Machine(
    {
        NotificationStatus.DUE: frozenset({NotificationStatus.SENT, NotificationStatus.FAILED}),
        NotificationStatus.SENT: frozenset(),
        NotificationStatus.FAILED: frozenset(),
    }
)
