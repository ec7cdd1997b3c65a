"""The life of a partner, and the steps it takes when it misbehaves: the tables are the machines."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class PartnerStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """May read and stop its own sessions, nothing else."""


MACHINE: Final = Machine(
    {
        PartnerStatus.ACTIVE: frozenset({PartnerStatus.SUSPENDED}),
        PartnerStatus.SUSPENDED: frozenset({PartnerStatus.ACTIVE}),
    }
)


class Step(StrEnum):
    """How far a partner has come in one of its modes, from the lowest step to the highest.

    A step is what is remembered; how long a throttle or a ban lasts is beside it.
    """

    GOOD = "good"
    ALERT = "alert"
    """Operators were told; nothing else changes."""
    THROTTLED = "throttled"
    BANNED_15M = "banned_15m"
    BANNED_1H = "banned_1h"
    BANNED_24H = "banned_24h"
    SUSPENDED = "suspended"
    """An operator has to reinstate it; never reached in test mode."""


STEPS: Final = tuple(Step)
BANS: Final = {
    Step.BANNED_15M: timedelta(minutes=15),
    Step.BANNED_1H: timedelta(hours=1),
    Step.BANNED_24H: timedelta(hours=24),
}


def _after(step: Step) -> frozenset[Step]:
    """Return what may follow: any higher step, the next lower one, a lift, the same ban again."""
    if step is Step.SUSPENDED:
        return frozenset({Step.GOOD})
    index = STEPS.index(step)
    lower = {Step.GOOD, STEPS[index - 1]} if index else set()
    again = {step} if step in BANS or step is Step.THROTTLED else set()
    return frozenset({*STEPS[index + 1 :]} | lower | again)


LADDER: Final = Machine({step: _after(step) for step in STEPS})
