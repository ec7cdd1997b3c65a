"""The life of a fleet command and of each of its targets: the tables are the machines."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class FleetStatus(StrEnum):
    """Whether further chargers are asked."""

    RUNNING = "running"
    PAUSED = "paused"
    """An operator stopped it for a while."""
    STOPPED = "stopped"
    """Too many chargers failed; an operator may resume it."""
    CANCELLED = "cancelled"
    FINISHED = "finished"
    """Every charger has an outcome."""


FLEET: Final = Machine(
    {
        FleetStatus.RUNNING: frozenset(
            {
                FleetStatus.PAUSED,
                FleetStatus.STOPPED,
                FleetStatus.CANCELLED,
                FleetStatus.FINISHED,
            }
        ),
        FleetStatus.PAUSED: frozenset(
            {FleetStatus.RUNNING, FleetStatus.CANCELLED, FleetStatus.FINISHED}
        ),
        FleetStatus.STOPPED: frozenset(
            {FleetStatus.RUNNING, FleetStatus.CANCELLED, FleetStatus.FINISHED}
        ),
        FleetStatus.CANCELLED: frozenset(),
        FleetStatus.FINISHED: frozenset(),
    }
)


class TargetStatus(StrEnum):
    """What became of a fleet command at one charger."""

    PENDING = "pending"
    SENT = "sent"
    """A command or a wish is under way."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not asked, for the reason given."""


TARGET: Final = Machine(
    {
        TargetStatus.PENDING: frozenset({TargetStatus.SENT, TargetStatus.SKIPPED}),
        TargetStatus.SENT: frozenset(
            {
                TargetStatus.PENDING,
                TargetStatus.SUCCEEDED,
                TargetStatus.FAILED,
                TargetStatus.SKIPPED,
            }
        ),
        TargetStatus.SUCCEEDED: frozenset(),
        TargetStatus.FAILED: frozenset(),
        TargetStatus.SKIPPED: frozenset(),
    }
)
OPEN: Final = (TargetStatus.PENDING, TargetStatus.SENT)
