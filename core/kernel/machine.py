"""State machines as tables: the mapping is the machine, everything else is derived from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Machine(Generic[S]):
    """Which state may follow which."""

    transitions: Mapping[S, frozenset[S]]

    def sources(self, target: S) -> frozenset[S]:
        """Return the states from which *target* may be entered."""
        return frozenset(s for s, targets in self.transitions.items() if target in targets)

    @property
    def final(self) -> frozenset[S]:
        """The states with no way out."""
        return frozenset(s for s, targets in self.transitions.items() if not targets)

    @property
    def unfinished(self) -> frozenset[S]:
        """The states with a way out."""
        return frozenset(self.transitions) - self.final
