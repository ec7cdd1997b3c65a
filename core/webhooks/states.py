"""The life of a delivery: the table is the machine."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class DeliveryStatus(StrEnum):
    """Status of one event on its way to one endpoint."""

    DUE = "due"
    """Waits for its first attempt or a retry, or an attempt is under way (a lease)."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """All attempts failed: a dead letter, kept and replayable."""
    DISABLED = "disabled"
    """The endpoint was disabled or deleted before it could be delivered."""
    SUPERSEDED = "superseded"
    """A newer state of the same object was queued before this one was sent."""


MACHINE: Final = Machine(
    {
        DeliveryStatus.DUE: frozenset(
            {
                DeliveryStatus.DELIVERED,
                DeliveryStatus.DEAD,
                DeliveryStatus.DISABLED,
                DeliveryStatus.SUPERSEDED,
            }
        ),
        DeliveryStatus.DELIVERED: frozenset(),
        DeliveryStatus.DEAD: frozenset(),
        DeliveryStatus.DISABLED: frozenset(),
        DeliveryStatus.SUPERSEDED: frozenset(),
    }
)
