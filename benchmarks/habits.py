"""What chargers do how often.

Every charger sends a Heartbeat as often as its boot answer wants, 300 s by default. It begins a
transaction every two hours and charges for 24 minutes, so a fifth of the fleet charges at any time;
a charging one sends a reading of eight samples a minute. A transaction has seven messages besides.
These are the figures of busy public AC chargers: fleets that charge less send less. 10,000
chargers make about 76 messages a second: 33 Heartbeats, 33 MeterValues, 10 around transactions.
"""

import random
from dataclasses import dataclass
from typing import Final

STARTS_PER_S: Final = 50
"""At the beginning, until a fifth of the fleet charges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How often chargers do what. *faster*: all of it that many times as often."""

    reading_s: float = 60
    charge_s: float = 24 * 60
    cycle_s: float = 2 * 60 * 60
    faster: float = 1

    @property
    def share_charging(self) -> float:
        """The part of the fleet that charges at any time."""
        return self.charge_s / self.cycle_s

    def ramp_s(self, chargers: int) -> float:
        """Return how long it takes at the beginning until that part charges."""
        return chargers * self.share_charging / STARTS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """When a charger tries again (OCPP 2.0.1 part 4, 5.3): the wait doubles *repeats* times."""

    minimum_s: float = 5
    random_range_s: float = 30
    repeats: int = 2

    def wait_s(self, rng: random.Random, before_s: float | None, tries: int) -> float:
        """Return the wait before a try, after one of *before_s* that was in vain."""
        if before_s is None:
            return self.minimum_s + rng.uniform(0, self.random_range_s)
        if tries > self.repeats:
            return before_s
        return 2 * before_s + rng.uniform(0, self.random_range_s)
