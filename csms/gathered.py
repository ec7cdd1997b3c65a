"""What chargers tell at a high rate, stored for many of them in one transaction."""

from collections.abc import Sequence
from datetime import datetime

from core.chargers import status
from core.chargers.facts import StatusReported
from core.desired import availability
from core.kernel.clock import Clock
from core.kernel.db import Tx
from core.kernel.gathering import Gathering
from core.kernel.joint import Joint
from core.kernel.times import rfc3339
from core.sessions import sampling
from core.sessions.facts import MeterSampled
from csms import reserving
from csms.protocol import Payload

Codes = Sequence[str]
"""The deviations that were noted while a fact was stored."""


async def store_statuses(tx: Tx, facts: Sequence[StatusReported]) -> Sequence[Codes]:
    """Store what connectors report of themselves, and compare it with what is wished of them."""
    await status.report(tx, facts)
    await availability.noticed(tx, facts)
    await reserving.noticed(tx, facts)
    return [()] * len(facts)


async def store_samples(tx: Tx, facts: Sequence[MeterSampled]) -> Sequence[Codes]:
    """Store meter readings."""
    return await sampling.sample(tx, facts)


def current_time(now: datetime) -> Payload:
    """Return the answer to Heartbeat."""
    return {"currentTime": rfc3339(now)}


class Gatherings:
    """The groups of one node."""

    def __init__(self, joint: Joint, clock: Clock, *, within_s: float) -> None:
        self._statuses = Gathering(
            joint,
            clock,
            store_statuses,
            about=lambda fact: fact.charger_id,
            kind=("frame", "StatusNotification"),
            within_s=within_s,
        )
        self._samples = Gathering(
            joint,
            clock,
            store_samples,
            about=lambda fact: fact.source.charger_id,
            kind=("frame", "MeterValues"),
            within_s=within_s,
        )

    async def add(self, fact: StatusReported | MeterSampled) -> Codes:
        """Store *fact* with others; return the deviations that were noted, once it is committed.

        Raises:
            DatabaseUnavailable: It was not stored.
        """
        if isinstance(fact, StatusReported):
            return await self._statuses.add(fact)
        return await self._samples.add(fact)
