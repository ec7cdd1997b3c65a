"""Whether what was sampled grows: least squares, per hour, against a bound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

HOUR_S: Final = 3600.0
WARM_UP: Final = 0.25
"""Part of the samples, the first ones, that is left out: caches fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How much a figure may grow in an hour.

    *noise* is what it moves by without growing: a growth below that, over the whole time that was
    looked at, is none, however steep it looks in a short run.
    """

    figure: str
    label: str
    per_hour: float
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """How a figure moved: fitted, per hour and over the time that was looked at."""

    bound: Bound
    per_hour: float
    grown: float

    @property
    def leaks(self) -> bool:
        """Whether it grows faster than it may, by more than noise."""
        return self.per_hour > self.bound.per_hour and self.grown > self.bound.noise


BOUNDS: Final = (
    Bound(figure="rss_mb", label="memory, MB", per_hour=10, noise=5),
    Bound(figure="tasks", label="asyncio tasks", per_hour=20, noise=25),
    Bound(figure="descriptors", label="open descriptors", per_hour=10, noise=15),
    Bound(figure="dead_rows", label="dead rows (PostgreSQL)", per_hour=20_000, noise=20_000),
    Bound(figure="wal_mb", label="log beside the file, MB (SQLite)", per_hour=16, noise=16),
)


def slope_per_s(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the straight line with the least squares; 0 for a single point."""
    count = len(points)
    if count == 0:
        return 0.0
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def slopes(samples: Sequence[Mapping[str, float]], bounds: Sequence[Bound] = BOUNDS) -> list[Slope]:
    """Return how each bounded figure moved after the warm-up, by the samples' ``at_s``."""
    kept = samples[int(len(samples) * WARM_UP) :]
    found = []
    for bound in bounds:
        points = [(one["at_s"], one[bound.figure]) for one in kept if bound.figure in one]
        if points:
            per_s = slope_per_s(points)
            over_s = points[-1][0] - points[0][0]
            found.append(Slope(bound=bound, per_hour=per_s * HOUR_S, grown=per_s * over_s))
    return found
