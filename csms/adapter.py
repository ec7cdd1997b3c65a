"""What a version must provide; the rest of ``csms`` knows no version."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.chargers.models import Charger
from core.commands.commands import Command, Verdict
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.kernel.settings import Settings
from csms.codes import Version
from csms.protocol import FrameRules, Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a handler may use; never the connection, so it cannot wait for whom it answers.

    Attributes:
        payload: The request as it came.
        checked: The request that became the handler's message: *payload*, or what was made of it
            where its content did not fit the schema.
        doubts: Reasons to quarantine the message, filled by whoever finds one. It is written in
            the transaction of the handler, and the message is acknowledged all the same.
    """

    tx: Tx
    charger: Charger
    message_id: str
    action: str
    payload: Payload
    checked: Payload
    settings: Settings
    rng: random.Random
    doubts: list[str] = field(default_factory=list)


Handler = Callable[[Context, Any], Awaitable[Payload]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How one action of a charger is handled.

    Attributes:
        message: The value that the payload becomes.
        handle: Translates to a fact, calls its use case, translates back.
        is_transaction: What it tells is money: never refused for its content (I19).
        before_acceptance: Served while the charger is not accepted yet.
    """

    message: type[Any]
    handle: Handler
    is_transaction: bool = False
    before_acceptance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One OCPP version.

    Attributes:
        routes: The actions that mean something here.
        acknowledged: The answer to each other action a charger may send; the frame log keeps it.
        boots_first: A charger has to be accepted by a boot before anything else is served.
        encode: Returns (action, payload) of a command; ``ValueError`` where the version has none.
        verdict: Returns what the answer to a command means.
        learn: Takes from an answer to *action* what is worth more than the verdict.
    """

    version: Version
    subprotocol: str
    rules: FrameRules
    routes: Mapping[str, Route]
    acknowledged: Mapping[str, Payload]
    boots_first: bool
    encode: Callable[[Command], tuple[str, Payload]]
    verdict: Callable[[Payload], Verdict]
    learn: Callable[[Tx, CommandRow, str, Payload], Awaitable[None]]
