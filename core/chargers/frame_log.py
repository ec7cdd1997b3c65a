"""The log of OCPP frames, written behind the sessions' backs, and what was quarantined.

A session only appends to a queue; a task of its own writes what has gathered, many rows in one
transaction. When the database is slow or away the queue fills, and then the oldest go.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import structlog

from core.chargers import record_store
from core.chargers.facts import FrameSeen
from core.chargers.record_models import Frame, Quarantined
from core.chargers.record_store import FrameRow
from core.chargers.text import storable, storable_or_none
from core.kernel import failpoints, metrics
from core.kernel.db import Database, Tx
from core.kernel.engine import ODD_ROW
from core.kernel.errors import DatabaseUnavailable
from core.kernel.partitions import Every, Partitioned
from core.kernel.portions import Portions
from core.kernel.tasks import kept_up

CAPACITY: Final = 20_000
BATCH: Final = 200
FLUSH_EVERY_S: Final = 0.1
RETRY_AFTER_S: Final = 1.0
PARTITIONED: Final = Partitioned(table="frames", column="at", every=Every.DAY, ahead=3)
MAX_TEXT_CHARS: Final = 300_000
"""More than the largest frame that is accepted by default."""

_log = structlog.get_logger()


class FrameLog:
    """A bounded queue of frames and the task that stores them. Used as ``async with``.

    Attributes:
        dropped: Frames that never reached the database.
    """

    def __init__(
        self,
        db: Database,
        *,
        capacity: int = CAPACITY,
        flush_every_s: float = FLUSH_EVERY_S,
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        self._db = db
        self._capacity = capacity
        self._flush_every_s = flush_every_s
        self._retry_after_s = retry_after_s
        self._waiting: deque[FrameSeen] = deque()
        self._is_full = asyncio.Event()
        self._is_closing = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._was_dropping = False
        self._portions = Portions(BATCH)
        self.dropped = 0

    async def __aenter__(self) -> Self:
        metrics.FRAME_LOG_WAITING.set_function(lambda: len(self._waiting))
        self._task = asyncio.create_task(
            kept_up("frame log", self._run, self._db.clock), name="frame log"
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what waits, once; if the database is away it is lost."""
        self._is_closing.set()
        self._is_full.set()
        if self._task is not None:
            await self._task
        try:
            await self.flush()
        except DatabaseUnavailable:
            self._count_dropped(len(self._waiting))
            _log.warning("frames_lost", frames=len(self._waiting))
            self._waiting.clear()

    def add(self, frame: FrameSeen) -> None:
        """Queue a frame; never waits and never fails."""
        if len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self._count_dropped(1)
            if not self._was_dropping:
                self._was_dropping = True
                _log.warning("frames_dropped", capacity=self._capacity)
        self._waiting.append(frame)
        if len(self._waiting) >= BATCH:
            self._is_full.set()

    async def flush(self) -> None:
        """Write all that waits.

        Raises:
            DatabaseUnavailable: What was not written waits on.
        """
        async with self._writing:
            while self._waiting:
                size = self._portions.next(len(self._waiting))
                await self._write([self._waiting.popleft() for _ in range(size)])
            self._was_dropping = False

    def _count_dropped(self, frames: int) -> None:
        self.dropped += frames
        metrics.FRAME_LOG_DROPPED.inc(frames)

    async def _run(self) -> None:
        while not self._is_closing.is_set():
            await _wait(self._is_full, within_s=self._flush_every_s)
            self._is_full.clear()
            try:
                await self.flush()
            except DatabaseUnavailable:
                _log.warning("frames_delayed", frames=len(self._waiting))
                await _wait(self._is_closing, within_s=self._retry_after_s)

    async def _write(self, batch: list[FrameSeen]) -> None:
        failpoints.enter("frame_log", "write")
        try:
            async with self._db.transaction() as tx:
                frames = await _disguised(tx, batch)
                await record_store.add_frames(tx, [_row(frame) for frame in frames])
        except DatabaseUnavailable:
            self._put_back(batch)
            raise
        except ODD_ROW:
            _log.exception("frames_refused", frames=len(batch))
            if self._portions.refused(len(batch)):
                self._put_back(batch)
            else:
                self._count_dropped(1)
        except Exception:  # a bug: others are written when this begins again
            self._count_dropped(len(batch))
            raise

    def _put_back(self, batch: list[FrameSeen]) -> None:
        room = max(self._capacity - len(self._waiting), 0)
        self._count_dropped(max(len(batch) - room, 0))
        self._waiting.extendleft(reversed(batch[max(len(batch) - room, 0) :]))


async def _wait(signal: asyncio.Event, *, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await signal.wait()
    except TimeoutError:
        return


async def _disguised(tx: Tx, batch: list[FrameSeen]) -> list[FrameSeen]:
    """Return the frames with the text that may be stored: no key code in any of them."""
    names = {frame.disguise.name for frame in batch if frame.disguise is not None}
    secret = await record_store.names_among(tx, names) if names else frozenset()
    return [
        frame._replace(text=frame.disguise.text())
        if frame.disguise is not None and frame.disguise.name in secret
        else frame
        for frame in batch
    ]


def _row(frame: FrameSeen) -> FrameRow:
    return (
        frame.at,
        frame.charger_id,
        frame.direction,
        frame.kind,
        storable_or_none(frame.message_id, max_chars=64),
        storable_or_none(frame.action, max_chars=64),
        frame.operation_id,
        storable(frame.text, max_chars=MAX_TEXT_CHARS),
    )


async def search(
    tx: Tx,
    *,
    charger_id: str | None = None,
    action: str | None = None,
    operation_id: str | None = None,
    at_from: datetime | None = None,
    at_to: datetime | None = None,
    before_number: int | None = None,
    limit: int = 50,
) -> Sequence[Frame]:
    """Return frames that fit, the newest first; *at_from* inclusive, *at_to* exclusive.

    With *action* the newest 50,000 that the other filters leave are looked at. The next page begins
    before the ``number`` of the last frame of this one.
    """
    return await record_store.frames_of(
        tx,
        charger_id=charger_id,
        action=action,
        operation_id=operation_id,
        at_from=at_from,
        at_to=at_to,
        before_number=before_number,
        limit=limit,
    )


async def delete_older(tx: Tx, than: datetime) -> int:
    """Delete some of the frames of before *than*; return how many. Call it until it returns 0.

    Not on PostgreSQL, where they go by the day (``PARTITIONED``).
    """
    if tx.dialect == "postgresql":
        return 0
    return await record_store.delete_frames(tx, before=than)


async def quarantine(
    tx: Tx,
    *,
    charger_id: str,
    action: str,
    message_id: str | None,
    reasons: Sequence[str],
    text: str,
) -> None:
    """Keep a message that was acknowledged but not believed, as it came, and why."""
    await record_store.add_quarantined(
        tx,
        charger_id=charger_id,
        action=storable(action, max_chars=64),
        message_id=storable_or_none(message_id, max_chars=64),
        reasons=storable(", ".join(reasons), max_chars=2000),
        text=storable(text, max_chars=MAX_TEXT_CHARS),
    )


async def quarantined(
    tx: Tx,
    *,
    charger_id: str | None = None,
    before_number: int | None = None,
    limit: int = 50,
) -> Sequence[Quarantined]:
    """Return quarantined messages, the newest first."""
    return await record_store.quarantined(
        tx, charger_id=charger_id, before_number=before_number, limit=limit
    )


async def delete_quarantined_older(tx: Tx, than: datetime) -> int:
    """Delete some of what was quarantined before *than*; call it until it returns 0."""
    return await record_store.delete_quarantined(tx, before=than)
