"""The life of a command: the table is the machine."""

from enum import IntEnum, StrEnum
from typing import Final

from core.kernel.machine import Machine


class CommandStatus(StrEnum):
    """Status of one CALL to a charger."""

    QUEUED = "queued"
    SENT = "sent"
    """Written before the frame: after a crash it counts as unknown and is never sent again."""
    ANSWERED = "answered"
    ERRORED = "errored"
    """The charger answered with a CALLERROR."""
    TIMED_OUT = "timed_out"
    """No answer in time; a late one is still recorded."""
    EXPIRED = "expired"
    """Never sent: the charger was away or busy until it was too late, or it was withdrawn."""


MACHINE: Final = Machine(
    {
        CommandStatus.QUEUED: frozenset({CommandStatus.SENT, CommandStatus.EXPIRED}),
        CommandStatus.SENT: frozenset(
            {CommandStatus.ANSWERED, CommandStatus.ERRORED, CommandStatus.TIMED_OUT}
        ),
        CommandStatus.TIMED_OUT: frozenset({CommandStatus.ANSWERED, CommandStatus.ERRORED}),
        CommandStatus.ANSWERED: frozenset(),
        CommandStatus.ERRORED: frozenset(),
        CommandStatus.EXPIRED: frozenset(),
    }
)


class Priority(IntEnum):
    """Lower goes first."""

    DRIVER = 10
    """Somebody stands at the charger: start, stop, reserve, unlock."""
    OPERATOR = 50
    BACKGROUND = 90
    """What the platform wants to know or to set."""
