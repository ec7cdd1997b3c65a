"""What the connections of one process share."""

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from core.chargers.deviations import Tally
from core.chargers.facts import FrameSeen
from core.chargers.frame_log import FrameLog
from core.contracts.service import Contracts
from core.kernel import metrics
from core.kernel.clock import Clock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.joint import Joint
from core.kernel.settings import Settings
from csms import key_codes
from csms.background import Background
from csms.calls import SentCalls
from csms.conduct import Surroundings
from csms.gathered import Gatherings
from csms.profile_book import ProfileBook
from csms.redact import redact_frame

if TYPE_CHECKING:
    from csms.connection import Connection


@dataclass(slots=True)
class Newest:
    """The newest number that was seen of rows that are looked at again and again."""

    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One process that holds chargers' sockets.

    Attributes:
        connections: By charger id; the one whose epoch is the newest this node knows.
        is_draining: Set while the node stops: sockets close because of us, not of the chargers.
        contracts: Who knows contract certificates.
        gatherings: What stores facts of many chargers together.
        joint: The transactions of what one charger says or is asked; many chargers share them.
        book: The profiles of chargers.
        tallies: What connections counted and nobody has written yet, the oldest first.
        background: Whose turn it is to be asked what nobody waits for.
        revocation: The newest revocation of a certificate that connections were compared with.
    """

    db: Database
    settings: Settings
    vault: Vault
    frame_log: FrameLog
    clock: Clock
    rng: random.Random
    calls: SentCalls
    connections: "dict[str, Connection]" = field(default_factory=dict)
    is_draining: asyncio.Event = field(default_factory=asyncio.Event)
    contracts: Contracts = field(init=False)
    gatherings: Gatherings = field(init=False)
    joint: Joint = field(init=False)
    book: ProfileBook = field(default_factory=ProfileBook)
    tallies: deque[Tally] = field(default_factory=deque)
    revocation: Newest = field(default_factory=Newest)
    background: Background = field(default_factory=Background)

    def __post_init__(self) -> None:
        object.__setattr__(self, "contracts", Contracts(self.settings))
        within_s = self.settings.group_within.total_seconds()
        joint = Joint(self.db)
        object.__setattr__(self, "joint", joint)
        gatherings = Gatherings(joint, self.clock, within_s=within_s)
        object.__setattr__(self, "gatherings", gatherings)

    @property
    def surroundings(self) -> Surroundings:
        """What the conduct of a connection needs to know."""
        return Surroundings(
            clock=self.clock,
            now=self.db.now,
            max_frame_bytes=self.settings.frame_max_bytes,
            heartbeat_s=self.settings.heartbeat_interval.total_seconds(),
        )

    @property
    def id(self) -> str:
        """The node's name in the database."""
        return self.settings.node_id

    def log_frame(
        self,
        charger_id: str,
        text: str | bytes,
        *,
        direction: str,
        kind: str,
        message_id: str | None = None,
        action: str | None = None,
        operation_id: str | None = None,
        plain: bool | None = None,
    ) -> None:
        """Count a frame, and queue it for the frame log, without its secrets.

        Args:
            plain: What ``is_plain`` says of it, if it was asked.
        """
        _frames(direction, kind).inc()
        if not self.settings.frame_log:
            return
        frame = FrameSeen(
            at=self.db.now(),
            charger_id=charger_id,
            direction=direction,
            kind=kind,
            message_id=message_id,
            action=action,
            operation_id=operation_id,
            text=redact_frame(text, plain=plain),
            disguise=key_codes.disguise(self.vault, text),
        )
        self.frame_log.add(frame)


@cache
def _frames(direction: str, kind: str) -> Any:
    return metrics.FRAMES.labels(direction, kind)
