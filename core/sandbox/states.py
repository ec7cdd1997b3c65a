"""The life of an act that a developer wants a simulated charger to do: the table is the machine."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class Act(StrEnum):
    """What happens at a charger, as the test helpers name it."""

    PLUG = "plug"
    UNPLUG = "unplug"
    FAULT = "fault"
    CLEAR_FAULT = "clear_fault"
    DISCONNECT = "disconnect"
    RECONNECT = "reconnect"
    ADVANCE = "advance"


class ActStatus(StrEnum):
    WAITING = "waiting"
    TAKEN = "taken"
    """Whoever runs the charger is about to do it; it is not begun a second time."""
    DONE = "done"
    REFUSED = "refused"
    """It makes no sense there, such as to unplug where nothing is plugged in."""
    EXPIRED = "expired"
    """Nobody took it in time."""


MACHINE: Final = Machine(
    {
        ActStatus.WAITING: frozenset({ActStatus.TAKEN, ActStatus.EXPIRED}),
        ActStatus.TAKEN: frozenset({ActStatus.DONE, ActStatus.REFUSED}),
        ActStatus.DONE: frozenset(),
        ActStatus.REFUSED: frozenset(),
        ActStatus.EXPIRED: frozenset(),
    }
)
