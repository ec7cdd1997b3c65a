"""What a version must provide; the rest of ``csms`` knows no version."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from core.chargers.facts import StatusReported
from core.chargers.models import Charger
from core.commands.commands import Command, Raw, Verdict
from core.commands.models import CommandRow
from core.contracts.service import Contracts
from core.kernel.db import Tx
from core.kernel.settings import Settings
from core.sessions.facts import MeterSampled
from csms.actions import FROM_CHARGER
from csms.codes import Version
from csms.protocol import FrameRules, Payload

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message of a charger, ready to be made a fact.

    Attributes:
        payload: The request as it came.
        checked: The request that became the handler's message: *payload*, or what was made of it
            where its content did not fit the schema.
        is_plain: Nothing in it has to be hidden or spelled in another way to be stored.
        doubts: Reasons to quarantine the message, filled by whoever finds one. It is written in
            the transaction of the handler, and the message is acknowledged all the same.
    """

    charger: Charger
    message_id: str
    action: str
    payload: Payload
    checked: Payload
    is_plain: bool = False
    doubts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Heard):
    """What a handler may use; never the connection, so it cannot wait for whom it answers.

    Attributes:
        prepared: What the route's ``prepare`` returned.
        changed: The charger as the handler has changed it, if it has.
    """

    tx: Tx
    settings: Settings
    rng: random.Random
    prepared: Any = None
    changed: list[Charger] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparing:
    """What the step before a handler may use: no transaction, so it may wait for others."""

    charger: Charger
    version: Version
    settings: Settings
    contracts: Contracts


Handler = Callable[[Context, Any], Awaitable[Payload]]
FactOf = Callable[[Heard, Any], StatusReported | MeterSampled | None]
"""Returns the fact that a message tells; ``None`` where that takes a look at the database."""
Prepare = Callable[[Preparing, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How one action of a charger is handled.

    Attributes:
        message: The value that the payload becomes.
        handle: Translates to a fact, calls its use case, translates back.
        is_transaction: What it tells is money: never refused for its content (I19).
        before_acceptance: Served while the charger is not accepted yet.
        while_pending: Served while its boot was answered ``Pending``: what we may ask for then.
        fact: For messages that come at a high rate and are answered with ``{}``: what they tell is
            stored together with that of other chargers, if there is nothing odd about them.
            *handle* stores the same.
        reply: For what tells nothing: its answer at an instant, from memory. *handle* says the
            same.
        prepare: Runs before the transaction, for what waits for somebody else (a service, a
            hook); it must bound its own time. Only this charger's own calls wait behind it.
    """

    message: type[Any]
    handle: Handler
    is_transaction: bool = False
    before_acceptance: bool = False
    while_pending: bool = False
    prepare: Prepare | None = None
    fact: FactOf | None = None
    reply: Callable[[datetime], Payload] | None = None


Encoder = Callable[[Any], tuple[str, Payload]]
"""Returns (action, payload) of a command; ``ValueError`` where it cannot be said in the version."""

Learner = Callable[[Tx, CommandRow, Payload], Awaitable[None]]
"""Takes from a valid answer what is worth more than the verdict, in a transaction of its own."""

Judge = Callable[[Payload], tuple[Verdict, str | None]]
"""Returns what an answer means, and the charger's own word for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One functional block of a version.

    Attributes:
        routes: By action, what chargers tell us.
        encoders: By command, what we ask of chargers.
        learners: By action of ours, what its answer teaches.
        judges: By action of ours, for answers whose meaning is not in their ``status`` alone.
    """

    routes: Mapping[str, Route] = field(default_factory=dict)
    encoders: Mapping[type[Command], Encoder] = field(default_factory=dict)
    learners: Mapping[str, Learner] = field(default_factory=dict)
    judges: Mapping[str, Judge] = field(default_factory=dict)


class Adapter:
    """One OCPP version: its frames and, put together, its blocks.

    Attributes:
        routes: By action, every message that a charger of this version may send.
        boots_first: A charger has to be accepted by a boot before anything else is served.
    """

    def __init__(
        self,
        *,
        version: Version,
        subprotocol: str,
        boots_first: bool,
        blocks: Sequence[Block],
    ) -> None:
        self.version: Final = version
        self.subprotocol: Final = subprotocol
        self.rules: Final = FrameRules(version=version)
        self.boots_first: Final = boots_first
        self.routes: Final = _merged([block.routes for block in blocks])
        if missing := FROM_CHARGER[version] ^ self.routes.keys():
            raise ValueError(f"OCPP {version}: not one route for {sorted(missing)}")
        self._encoders: Final = _merged([block.encoders for block in blocks])
        self._learners: Final = _merged([block.learners for block in blocks])
        self._judges: Final = _merged([block.judges for block in blocks])

    def encode(self, command: Command) -> tuple[str, Payload]:
        """Return (action, payload) of *command*.

        Raises:
            ValueError: The version has no such request.
        """
        if isinstance(command, Raw):
            return command.action, command.payload
        encoder = self._encoders.get(type(command))
        if encoder is None:
            raise ValueError(f"OCPP {self.version} has no request for {command.kind}")
        return encoder(command)

    def can(self, command: type[Command]) -> bool:
        """Tell whether the version has a request for a kind of command."""
        return command is Raw or command in self._encoders

    def verdict(self, action: str, answer: Payload) -> tuple[Verdict, str | None]:
        """Return what the answer to *action* means, and the charger's own word for it."""
        return self._judges.get(action, by_status)(answer)

    def learns_from(self, action: str) -> bool:
        """Tell whether an answer to *action* says more than its verdict."""
        return action in self._learners

    async def learn(self, tx: Tx, command: CommandRow, action: str, answer: Payload) -> None:
        """Take from the answer to *action* what is worth more than the verdict."""
        learner = self._learners.get(action)
        if learner is not None:
            await learner(tx, command, answer)


def by_status(answer: Payload) -> tuple[Verdict, str | None]:
    """Return what the ``status`` of an answer means; one without a status only brings data."""
    status = answer.get("status", "Accepted")
    if not isinstance(status, str):
        return Verdict.FAILED, None
    info = answer.get("statusInfo")
    code = info.get("reasonCode") if isinstance(info, dict) else None
    return VERDICTS.get(status, Verdict.FAILED), code if isinstance(code, str) else status


VERDICTS: Final = {
    "Accepted": Verdict.ACCEPTED,
    "EmptyResultSet": Verdict.ACCEPTED,
    "Faulted": Verdict.FAULTED,
    "NoTransaction": Verdict.UNKNOWN,
    "NotImplemented": Verdict.NOT_SUPPORTED,
    "NotSupported": Verdict.NOT_SUPPORTED,
    "Occupied": Verdict.OCCUPIED,
    "OngoingAuthorizedTransaction": Verdict.OCCUPIED,
    "RebootRequired": Verdict.ACCEPTED,
    "Rejected": Verdict.REJECTED,
    "Scheduled": Verdict.ACCEPTED,
    "Unavailable": Verdict.UNAVAILABLE,
    "UnknownConnector": Verdict.UNKNOWN,
    "UnlockFailed": Verdict.FAILED,
    "Unlocked": Verdict.ACCEPTED,
}
"""Statuses of both versions that mean the same in every answer."""


def _merged(parts: Sequence[Mapping[K, V]]) -> Mapping[K, V]:
    merged: dict[K, V] = {}
    for part in parts:
        if twice := merged.keys() & part.keys():
            raise ValueError(f"two blocks answer for {twice}")
        merged |= part
    return merged
