"""A kind of step in a scenario file."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Act = Callable[..., Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Step:
    """The function a step runs, and the members it takes."""

    act: Act
    summary: str
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


def step(act: Act, summary: str, required: str = "", optional: str = "") -> Step:
    """Return a step; *required* and *optional* name its members, separated by blanks."""
    return Step(
        act=act,
        summary=summary,
        required=frozenset(required.split()),
        optional=frozenset(optional.split()),
    )
