"""What the platform can want of a charger: each kind says which command brings it about."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.commands.commands import Answer, Command, Verdict
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an answer means for a wish.

    *status* is ``accepted``, ``rejected``, or ``pending``: the next command follows at once, made
    from *progress*, or not before *due_at*. *reported* is what the charger has now, where the
    answer tells.
    """

    status: DesiredStatus
    reason: str | None = None
    progress: dict[str, Any] | None = None
    reported: dict[str, Any] | None = None
    due_at: datetime | None = None


class Postponed(Exception):
    """What was asked before is still under way at the charger: look again at *until*."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


async def by_verdict(tx: Tx, desired: Desired, answer: Answer) -> Outcome:
    """Take an accepting answer as the end, any other as a refusal."""
    if answer.verdict is Verdict.ACCEPTED:
        reason = None if answer.reason == "Accepted" else answer.reason
        return Outcome(status=DesiredStatus.ACCEPTED, reason=reason)
    return Outcome(status=DesiredStatus.REJECTED, reason=answer.reason or answer.verdict.value)


def equal(wanted: dict[str, Any], reported: dict[str, Any]) -> bool:
    """Compare member by member those that are wanted."""
    return all(reported.get(name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of wish.

    Attributes:
        command: Returns what to ask next, ``None`` if nothing has to be asked: it is so already.
            ``ValueError`` where it cannot be asked; its text becomes the reason. ``Postponed``
            where it must not be asked yet.
        answered: Judges the answer.
        matches: Tells whether what a charger reports is what is wanted.
        rank: Kinds of a lower rank go first at one charger.
        while_pending: It is brought about at a charger that waits for approval, too (OCPP 2.0.1
            B02: variables may be set then).
        parse: Returns (key, wanted) of what an operator wrote for many chargers at once;
            ``ValueError`` says what is wrong with it. Kinds without it are wished one by one.
    """

    name: str
    command: Callable[[Tx, Desired], Awaitable[Command | None]]
    answered: Callable[[Tx, Desired, Answer], Awaitable[Outcome]] = by_verdict
    matches: Callable[[dict[str, Any], dict[str, Any]], bool] = equal
    rank: int = 50
    while_pending: bool = False
    parse: Callable[[dict[str, Any]], tuple[str, dict[str, Any]]] | None = None


class Kinds:
    """Every kind there is, by name; domains above add theirs when they are imported."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}

    def add(self, kind: Kind) -> Kind:
        """Make a kind known; a second one of the same name is a bug."""
        if kind.name in self._kinds:
            raise ValueError(f"two kinds of desired state are named {kind.name}")
        self._kinds[kind.name] = kind
        return kind

    def __getitem__(self, name: str) -> Kind:
        return self._kinds[name]

    @property
    def all(self) -> Mapping[str, Kind]:
        """The kinds by name."""
        return self._kinds


KINDS: Final = Kinds()
