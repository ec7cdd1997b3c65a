"""Counting signals in memory; once a second what is new goes into the database.

A call costs a look into a dictionary. Each process writes rows of its own with what it has counted
so far, so writing twice changes nothing, and the sum over all processes is the truth.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any, Final

import structlog

from core.conduct import store
from core.conduct.models import Tally
from core.conduct.rules import ORDINARY, Signal
from core.kernel import failpoints, metrics
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable
from core.kernel.ids import new_id
from core.kernel.tasks import kept_up
from core.kernel.times import rfc3339

EVERY_S: Final = 1.0
EXAMPLES: Final = 5
"""Kept of each signal, partner, mode and minute."""

MAX_TALLIES: Final = 20_000
"""Counted at a time; with more partners and signals than that, new ones are not counted."""

MAX_REMEMBERED: Final = 500
"""Different things of one kind that are recognised when they come again, of each partner."""

MAX_OF_PARTNERS: Final = 2_000
"""Partners and kinds whose different things are remembered."""

MAX_NETWORKS: Final = 50_000
MAX_PENDING: Final = 1_000
LEARNING: Final = timedelta(days=7)
"""Networks are only learned for so long after a partner's first call."""

_SECRET: Final = re.compile(r"(vg_[a-z]+_[0-9a-z]{4})[0-9a-zA-Z_-]*")
_TEXT_CHARS: Final = 160

Who = tuple[str, bool]
"""A partner and a mode."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Count:
    first_at: datetime
    last_at: datetime
    count: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


_Key = tuple[str, bool, Signal, int]


class Watch:
    """What one process has counted and not told the database yet."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._source = new_id("src")
        self._tallies: dict[_Key, _Count] = {}
        self._dirty: set[_Key] = set()
        self._seen: OrderedDict[tuple[str, bool, Signal], OrderedDict[int, None]] = OrderedDict()
        self._networks: OrderedDict[tuple[str, bool, str], int] = OrderedDict()
        self._pending: dict[tuple[str, bool, str], dict[str, Any]] = {}
        self._leaving = asyncio.Event()

    def note(self, signal: Signal, partner_id: str, *, livemode: bool, **facts: Any) -> None:
        """Count one more; *facts* describe it if an example is still wanted."""
        now = self._db.now()
        key = (partner_id, livemode, signal, minute_of(now))
        found = self._tallies.get(key)
        if found is None:
            if len(self._tallies) >= MAX_TALLIES:
                metrics.SIGNALS_DROPPED.inc()
                return
            found = self._tallies[key] = _Count(now, now)
        found.count += 1
        found.last_at = now
        if facts and len(found.examples) < EXAMPLES:
            found.examples.append({"at": rfc3339(now)} | _redacted(facts))
        self._dirty.add(key)

    def note_different(
        self, signal: Signal, partner_id: str, thing: str, *, livemode: bool, **facts: Any
    ) -> None:
        """Count *thing*, unless it was counted lately: who repeats itself counts once."""
        who = (partner_id, livemode, signal)
        seen = self._seen.get(who)
        if seen is None:
            seen = self._seen[who] = OrderedDict()
            if len(self._seen) > MAX_OF_PARTNERS:
                self._seen.popitem(last=False)
        mark = hash(thing)
        if mark in seen:
            seen.move_to_end(mark)
            return
        seen[mark] = None
        if len(seen) > MAX_REMEMBERED:
            seen.popitem(last=False)
        self.note(signal, partner_id, livemode=livemode, **facts)

    def note_network(
        self, partner_id: str, address: str | None, *, livemode: bool, **facts: Any
    ) -> None:
        """Learn from where a good key is used; what is new is found out at the next pass."""
        network = network_of(address)
        if network is None:
            return
        key = (partner_id, livemode, network)
        today = self._db.now().toordinal()
        if self._networks.get(key) == today:
            return
        if len(self._pending) < MAX_PENDING:
            self._networks[key] = today
            self._pending[key] = {"network": network, "address": address, **facts}
        if len(self._networks) > MAX_NETWORKS:
            self._networks.popitem(last=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what is counted every second, and the rest when the block is left."""
        task = asyncio.create_task(
            kept_up("partner conduct", self._forever, self._db.clock), name="partner conduct"
        )
        try:
            yield
        finally:
            self._leaving.set()
            await task  # not cancelled: a pass is short, and must not be cut off in its middle
            await self._pass(everything=True)

    async def _forever(self) -> None:
        while not self._leaving.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._leaving.wait()
            await self._pass()

    async def _pass(self, *, everything: bool = False) -> None:
        try:
            await self.flush(everything=everything)
        except DatabaseUnavailable:
            log.warning("signals_kept", tallies=len(self._dirty))

    async def flush(self, *, everything: bool = False) -> None:
        """Write what is new: of whom something is odd at once, of others when a minute is over."""
        failpoints.enter("conduct", "write")
        await self._learn_networks()
        minute = minute_of(self._db.now())
        odd = {key[:2] for key in self._dirty if key[2] not in ORDINARY}
        due = sorted(key for key in self._dirty if everything or key[3] < minute or key[:2] in odd)
        if due:
            rows = [self._row(key) for key in due]
            async with self._db.transaction() as tx:
                await store.put_tallies(tx, rows)
            for key, row in zip(due, rows, strict=True):
                if self._tallies[key].count == row.count:
                    self._dirty.discard(key)
        for key in [key for key in self._tallies if key[3] < minute and key not in self._dirty]:
            del self._tallies[key]

    async def _learn_networks(self) -> None:
        pending = dict(self._pending)
        if not pending:
            return
        async with self._db.transaction() as tx:
            new = await store.learn_networks(tx, sorted(pending), learning=LEARNING)
        for key, facts in pending.items():
            self._pending.pop(key, None)
            if key in new:
                self.note(Signal.NEW_NETWORKS, key[0], livemode=key[1], **facts)

    def _row(self, key: _Key) -> Tally:
        partner_id, livemode, signal, minute = key
        found = self._tallies[key]
        return Tally(
            partner_id=partner_id,
            livemode=livemode,
            signal=signal,
            minute=minute,
            source=self._source,
            count=found.count,
            first_at=found.first_at,
            last_at=found.last_at,
            examples=list(found.examples),
        )


def minute_of(instant: datetime) -> int:
    """Return the minute of an instant, since 1970."""
    return int(instant.timestamp()) // 60


@lru_cache(4096)
def network_of(address: str | None) -> str | None:
    """Return the network that an address is in: /24, or /48 of IPv6."""
    if address is None:
        return None
    ip = ip_address(address.partition("%")[0])
    length = 24 if isinstance(ip, IPv4Address) else 48
    return str(ip_network(f"{ip}/{length}", strict=False))


def _redacted(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what may be stored: short, and without what looks like a key."""
    return {
        name: _SECRET.sub(r"\1...", value)[:_TEXT_CHARS] if isinstance(value, str) else value
        for name, value in facts.items()
    }
