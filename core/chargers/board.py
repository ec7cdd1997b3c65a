"""The newest statuses, read once for all who follow them in this process.

One reader asks for the end of the feed each second, however many follow; with the first of them
it begins as far back as it keeps. It keeps the last change of each connector, rendered: who is slow
finds the newest state when it comes back, and what was in between is gone. So memory is bounded by
the connectors and not by the changes or the followers.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import structlog

from core.chargers import announcing, connector_store, store, telling_store
from core.chargers.models import LiveConnector
from core.chargers.views import status_view
from core.kernel.db import Database, Tx
from core.kernel.errors import DatabaseUnavailable

AT_ONCE: Final = 500
MOST: Final = 50_000
"""Connectors whose last change is kept; who wants older ones reads the database."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The status of a connector since *seq*, as an event of the stream."""

    connector_id: str
    station_id: str
    livemode: bool
    seq: int
    event: bytes


def event_of(live: LiveConnector, *, now: datetime) -> bytes:
    """Return a status as a server-sent event; its id is the ``seq``."""
    body = msgspec.json.encode(status_view(live, now=now))
    return b"id: %d\nevent: status\ndata: %s\n\n" % (live.connector.seq, body)


class Board:
    """What changed lately; reads while somebody follows.

    Args:
        every_s: Between two looks at the database.
    """

    def __init__(self, db: Database, *, every_s: float) -> None:
        self._db = db
        self._every_s = every_s
        self._followers = 0
        self._reader: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        self._notes: dict[str, Note] = {}
        self._seen: dict[tuple[str, bool], tuple[int, frozenset[str]]] = {}
        self._floor: int | None = None
        self._head: int | None = None
        self._turn = asyncio.Event()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Keep the board up to date until the block is left."""
        self._followers += 1
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_forever(), name="status board")
        try:
            yield
        finally:
            self._followers -= 1
            if self._followers == 0:
                reader, self._reader = self._reader, None
                self._forget()
                reader.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reader

    def since(self, after_seq: int) -> Sequence[Note] | None:
        """Return the last change of each connector after a number, in the order of the feed.

        ``None``: the board does not reach back that far; the database does.
        """
        if self._floor is None or after_seq < self._floor:
            return None
        found = []
        for note in reversed(self._notes.values()):
            if note.seq <= after_seq:
                break
            found.append(note)
        return found[::-1]

    async def turned(self, *, within_s: float) -> None:
        """Wait until something changes, or for *within_s*; a reader that failed raises here."""
        if self._reader is not None and self._reader.done():
            self._reader.result()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._turn.wait()

    async def visible(self, tx: Tx, partner_id: str, *, livemode: bool) -> frozenset[str]:
        """Return the stations that a partner may see; read again only after a change of them."""
        version = await telling_store.grants_version(tx, partner_id)
        known = self._seen.get((partner_id, livemode))
        if known is None or known[0] != version:
            ids = await store.granted_ids(tx, partner_id, livemode=livemode)
            known = version, frozenset(map(sys.intern, ids))
            self._seen[partner_id, livemode] = known
        return known[1]

    async def _read_forever(self) -> None:
        while True:
            try:
                while await self._read():
                    pass
            except DatabaseUnavailable:
                _log.warning("status_board_not_read")
            await self._db.clock.sleep(self._every_s)

    async def _read(self) -> bool:
        """Read one part of what is new; tell whether there was any."""
        async with self._db.transaction() as tx:
            head = await connector_store.last_number(tx, announcing.FEED)
            if self._head is None:
                newest = await connector_store.number_of_newest(tx, MOST)
                self._floor = self._head = newest
            if head <= self._head:
                return False
            found = await connector_store.live_between(
                tx, after_seq=self._head, until_seq=head, limit=AT_ONCE
            )
            notes = [note for live in found if (note := _note(tx, live)) is not None]
        for note in notes:
            self._notes.pop(note.connector_id, None)
            self._notes[note.connector_id] = note
        while len(self._notes) > MOST:
            oldest = self._notes.pop(next(iter(self._notes)))
            self._floor = oldest.seq
        self._head = head if len(found) < AT_ONCE else found[-1].connector.seq
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()
        return True


def _note(tx: Tx, live: LiveConnector) -> Note | None:
    if live.station_id is None or live.livemode is None:
        return None
    return Note(
        connector_id=live.connector.id,
        station_id=sys.intern(live.station_id),
        livemode=live.livemode,
        seq=live.connector.seq,
        event=event_of(live, now=tx.now),
    )
