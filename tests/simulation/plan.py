"""What a seed stands for: how many nodes, which troubles, how restless everybody is."""

import random
from dataclasses import dataclass
from typing import Final

TROUBLES: Final = (
    "cut",
    "stall",
    "mute",
    "block",
    "slow",
    "kill",
    "failpoint",
    "restart",
    "outage",
    "lost_commits",
    "bell",
    "wall_clock",
    "suspend",
    "receiver",
)
_FEW: Final = 0.15
"""The share of seeds without any trouble: those have to be perfect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Drawn from a seed alone.

    Attributes:
        troubles: The kinds of trouble that this run may have; the fewer, the more of each.
        trouble_every_s: Between two of them, on average.
        lateness: What the pauses of periodic work are multiplied by.
        ordered: Endpoints want the events of a session in order.
        hears_all: Endpoints are told of statuses, too.
        logs: Frames and requests are stored.
        moody: The share of webhooks that a receiver treats in another way than usual.
        skews_s: How wrong the chargers' clocks are.
    """

    nodes: int
    second_has_sockets: bool
    troubles: tuple[str, ...]
    trouble_every_s: float
    active_s: float
    lateness: float
    partner_pause_s: float
    charger_pause_s: float
    moody: float
    ordered: bool
    hears_all: bool
    logs: bool
    skews_s: tuple[float, ...]

    @property
    def is_calm(self) -> bool:
        """Whether nothing at all goes wrong that the platform could notice."""
        return not self.troubles and self.moody == 0


def plan_of(seed: int) -> Plan:
    """Return what happens under *seed*."""
    rng = random.Random(f"plan/{seed}")  # noqa: S311 - a simulation
    calm = rng.random() < _FEW
    count = 0 if calm else rng.choice([1, 1, 2, 2, 3, 4, 6, len(TROUBLES)])
    wrong_clocks = not calm and rng.random() < 0.2
    return Plan(
        nodes=rng.choice([1, 1, 1, 2, 2]),
        second_has_sockets=rng.random() < 0.7,
        troubles=tuple(sorted(rng.sample(TROUBLES, count))),
        trouble_every_s=rng.uniform(0.6, 3.0),
        active_s=rng.uniform(4.0, 9.0),
        lateness=rng.uniform(3.0, 4.5),
        partner_pause_s=rng.uniform(0.4, 2.0),
        charger_pause_s=rng.uniform(1.0, 4.0),
        moody=0.0 if calm else rng.choice([0.0, 0.0, 0.1, 0.4]),
        ordered=rng.random() < 0.3,
        hears_all=rng.random() < 0.2,
        logs=rng.random() < 0.3,
        skews_s=tuple(
            rng.choice([-86_400.0, -3600.0, 3600.0, 40.0, 0.0]) if wrong_clocks else 0.0
            for _ in range(3)
        ),
    )
