"""The ladder: which step follows which, how long its effects last, when it is left; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.partners.standing_models import Standing
from core.partners.states import BANS, STEPS, Step

HIGHEST_IN_TEST: Final = Step.BANNED_24H
"""Test mode never suspends: a suspension holds in both modes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """How long calls are throttled or refused, from the moment that a step is taken."""

    throttled_until: datetime | None = None
    banned_until: datetime | None = None

    @property
    def until(self) -> datetime | None:
        """When the last of them ends."""
        return self.banned_until or self.throttled_until


def next_step(step: Step, *, ceiling: Step, livemode: bool) -> Step | None:
    """Return the step that another finding leads to; ``None``: it goes no further.

    One step at a time, never beyond *ceiling*; a ban at the top of test mode is repeated.
    """
    if not livemode:
        ceiling = min(ceiling, HIGHEST_IN_TEST, key=STEPS.index)
    if step is Step.SUSPENDED:
        return None
    if STEPS.index(step) < STEPS.index(ceiling):
        return STEPS[STEPS.index(step) + 1]
    again = step is ceiling and (step in BANS or step is Step.THROTTLED)
    return step if again else None


def higher(one: Step, other: Step) -> Step:
    """Return the higher of two steps."""
    return max(one, other, key=STEPS.index)


def lower(step: Step) -> Step:
    """Return the next lower step."""
    return STEPS[max(STEPS.index(step) - 1, 0)]


def effects(step: Step, now: datetime, *, throttle_for: timedelta) -> Effects:
    """Return what taking a step brings with it."""
    if step in BANS:
        return Effects(banned_until=now + BANS[step])
    if step is Step.THROTTLED:
        return Effects(throttled_until=now + throttle_for)
    return Effects()


def eases_at(standing: Standing, *, after: timedelta) -> datetime:
    """Return when a partner that behaves goes a step down: quiet time after the last effect."""
    instants = (standing.stepped_at, standing.throttled_until, standing.banned_until)
    return max(one for one in instants if one is not None) + after
