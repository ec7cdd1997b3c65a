"""The life of a wish: the table is the machine."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class DesiredStatus(StrEnum):
    """How far a charger is from what it should be."""

    PENDING = "pending"
    """To be sent when the charger is there and its time has come."""
    SENT = "sent"
    """A command is queued or under way."""
    ACCEPTED = "accepted"
    """The charger said that it is so."""
    REJECTED = "rejected"
    """The charger refused, or cannot; nothing is sent again by itself."""
    DRIFTED = "drifted"
    """It had accepted, and now reports something else; it is told again, with growing pauses."""


MACHINE: Final = Machine(
    {
        DesiredStatus.PENDING: frozenset(
            {
                DesiredStatus.PENDING,
                DesiredStatus.SENT,
                DesiredStatus.ACCEPTED,
                DesiredStatus.REJECTED,
            }
        ),
        DesiredStatus.SENT: frozenset(
            {DesiredStatus.PENDING, DesiredStatus.ACCEPTED, DesiredStatus.REJECTED}
        ),
        DesiredStatus.ACCEPTED: frozenset({DesiredStatus.PENDING, DesiredStatus.DRIFTED}),
        DesiredStatus.REJECTED: frozenset({DesiredStatus.PENDING, DesiredStatus.ACCEPTED}),
        DesiredStatus.DRIFTED: frozenset(
            {
                DesiredStatus.PENDING,
                DesiredStatus.SENT,
                DesiredStatus.ACCEPTED,
                DesiredStatus.REJECTED,
            }
        ),
    }
)
