"""How far things have come: a known profile, a plan for a vehicle."""

from enum import StrEnum


class Learned(StrEnum):
    """How we know that a charger has a profile."""

    SENT = "sent"
    """It was asked to take it; it counts for nothing until it has accepted."""
    ACCEPTED = "accepted"
    REPORTED = "reported"


class PlanStatus(StrEnum):
    """What became of the needs that a vehicle told."""

    NOTED = "noted"
    """Kept for operators; this platform makes no plans (setting ``charging_plans``)."""
    WAITING = "waiting"
    """The transaction it is for has not been reported yet."""
    PLANNED = "planned"
    """A schedule was sent for its transaction."""
    UNUSABLE = "unusable"
    """Nothing can be made of what the vehicle told."""
