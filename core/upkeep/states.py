"""The lives of a transfer and of a report in parts: the tables are the machines."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class TransferKind(StrEnum):
    """What a charger fetches or brings."""

    FIRMWARE = "firmware"
    PUBLICATION = "publication"
    """Firmware that a local controller fetches and offers to the chargers behind it."""
    DIAGNOSTICS_LOG = "diagnostics_log"
    SECURITY_LOG = "security_log"


LOGS: Final = (TransferKind.DIAGNOSTICS_LOG, TransferKind.SECURITY_LOG)


class TransferStatus(StrEnum):
    """How far a file has come."""

    REQUESTED = "requested"
    """Queued or sent; not answered."""
    ACCEPTED = "accepted"
    RUNNING = "running"
    """The charger reports progress; its last word says how far it is."""
    INSTALLED = "installed"
    """Installed, it says; the version it boots with is still awaited."""
    STALLED = "stalled"
    """No news for too long; news set it going again."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Its last word says why. A charger that tries again by itself is running again."""
    CANCELED = "canceled"
    """Replaced by a later request."""


_T = TransferStatus
_ENDS: Final = frozenset({_T.SUCCEEDED, _T.FAILED, _T.CANCELED})

TRANSFER_MACHINE: Final = Machine(
    {
        _T.REQUESTED: _ENDS | {_T.ACCEPTED, _T.RUNNING, _T.INSTALLED},
        _T.ACCEPTED: _ENDS | {_T.RUNNING, _T.INSTALLED, _T.STALLED},
        _T.RUNNING: _ENDS | {_T.RUNNING, _T.INSTALLED, _T.STALLED},
        _T.INSTALLED: _ENDS | {_T.STALLED},
        _T.STALLED: _ENDS | {_T.RUNNING, _T.INSTALLED},
        _T.FAILED: frozenset(
            {_T.FAILED, _T.ACCEPTED, _T.RUNNING, _T.INSTALLED, _T.SUCCEEDED, _T.CANCELED}
        ),
        _T.SUCCEEDED: frozenset(),
        _T.CANCELED: frozenset(),
    }
)

OPEN: Final = frozenset({_T.REQUESTED, _T.ACCEPTED, _T.RUNNING, _T.INSTALLED, _T.STALLED})
"""Not over: a later request replaces it, a boot may end it."""


class Stage(StrEnum):
    """What a charger's status word says of a transfer."""

    UNDER_WAY = "under_way"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"
    IDLE = "idle"
    """It is not transferring anything."""


class ReportKind(StrEnum):
    """What a charger tells in several messages."""

    MONITORS = "monitors"
    DISPLAY_MESSAGES = "display_messages"
    CUSTOMER_INFORMATION = "customer_information"


class ReportStatus(StrEnum):
    """How far a report is."""

    REQUESTED = "requested"
    RECEIVING = "receiving"
    """Accepted; parts come in."""
    COMPLETE = "complete"
    REFUSED = "refused"
    """The charger will not, or nothing came: the word says which."""
    STALLED = "stalled"
    """Parts are missing, and none came for too long."""


_R = ReportStatus

REPORT_MACHINE: Final = Machine(
    {
        _R.REQUESTED: frozenset({_R.RECEIVING, _R.COMPLETE, _R.REFUSED}),
        _R.RECEIVING: frozenset({_R.RECEIVING, _R.COMPLETE, _R.STALLED}),
        _R.STALLED: frozenset({_R.RECEIVING, _R.COMPLETE}),
        _R.COMPLETE: frozenset(),
        _R.REFUSED: frozenset({_R.RECEIVING, _R.COMPLETE}),
    }
)
