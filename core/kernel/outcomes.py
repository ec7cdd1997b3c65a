"""How a transaction has ended, for those who took part in it."""

from typing import Protocol


class Hearer(Protocol):
    """Hears how a transaction has ended; it may not raise."""

    def __call__(self, *, committed: bool) -> None:
        """Hear it; if the answer to a commit was lost, it was not committed as far as we know."""


class Outcome:
    """What is not known yet of a transaction."""

    __slots__ = ("_hearers",)

    def __init__(self) -> None:
        self._hearers: list[Hearer] = []

    def heard_by(self, hear: Hearer) -> None:
        """Tell *hear* as soon as it is known."""
        self._hearers.append(hear)

    def is_known(self, *, committed: bool) -> None:
        """Tell all who wait for it."""
        while self._hearers:
            self._hearers.pop(0)(committed=committed)
