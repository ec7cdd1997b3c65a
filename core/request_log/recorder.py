"""Writes calls down behind their backs.

A request only appends to a queue; a task of its own redacts and writes what has gathered, many rows
in one transaction. When the database is slow or away the queue fills; then what comes is left out.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final

import structlog

from core.kernel import failpoints, metrics
from core.kernel.db import Database
from core.kernel.engine import ODD_ROW
from core.kernel.errors import DatabaseUnavailable
from core.kernel.portions import Portions
from core.kernel.tasks import kept_up
from core.request_log import store
from core.request_log.models import Call
from core.request_log.redaction import row_of

CAPACITY: Final = 10_000
CAPACITY_BYTES: Final = 16 * 2**20
OF_ONE_PARTNER: Final = 2_500
"""Of the places: a partner that calls without end does not take the others'."""

BATCH: Final = 100
FLUSH_EVERY_S: Final = 1.0
RETRY_AFTER_S: Final = 2.0

_log = structlog.get_logger()


class RequestLog:
    """A bounded queue of calls.

    Attributes:
        enabled: Whether anything is kept at all.
        dropped: Calls that never reached the database.
    """

    def __init__(
        self,
        db: Database,
        *,
        enabled: bool = True,
        capacity: int = CAPACITY,
        capacity_bytes: int = CAPACITY_BYTES,
        of_one_partner: int = OF_ONE_PARTNER,
    ) -> None:
        self.enabled = enabled
        self.dropped = 0
        self._db = db
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._of_one_partner = of_one_partner
        self._waiting: deque[Call] = deque()
        self._waiting_bytes = 0
        self._of_partner: Counter[str] = Counter()
        self._something = asyncio.Event()
        self._hurry = asyncio.Event()
        self._is_closing = asyncio.Event()
        self._writing = asyncio.Lock()
        self._was_dropping = False
        self._portions = Portions(BATCH)

    def add(self, call: Call) -> None:
        """Queue a call; never waits and never fails."""
        if not self.enabled:
            return
        size_bytes = _size(call)
        if (
            len(self._waiting) >= self._capacity
            or self._waiting_bytes + size_bytes > self._capacity_bytes
            or self._of_partner[call.partner_id] >= self._of_one_partner
        ):
            self._drop(1)
            return
        self._waiting.append(call)
        self._waiting_bytes += size_bytes
        self._of_partner[call.partner_id] += 1
        self._something.set()
        if len(self._waiting) >= BATCH:
            self._hurry.set()

    async def flush(self) -> None:
        """Write all that waits.

        Raises:
            DatabaseUnavailable: What was not written waits on.
        """
        async with self._writing:
            while self._waiting:
                batch = list(islice(self._waiting, self._portions.next(len(self._waiting))))
                if not await self._written(batch):
                    continue
                for call in batch:  # others came behind them meanwhile
                    self._waiting.popleft()
                    self._waiting_bytes -= _size(call)
                    self._of_partner[call.partner_id] -= 1
                self._of_partner = +self._of_partner
            self._was_dropping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what gathers until the block is left, then the rest, once."""
        task = asyncio.create_task(
            kept_up("request log", self._run, self._db.clock), name="request log"
        )
        try:
            yield
        finally:
            self._is_closing.set()
            self._hurry.set()
            self._something.set()
            await task
            try:
                await self.flush()
            except DatabaseUnavailable:
                _log.warning("logged_requests_lost", calls=len(self._waiting))
                self._drop(len(self._waiting))

    async def _run(self) -> None:
        while not self._is_closing.is_set():
            await self._something.wait()
            await _wait(self._hurry, within_s=FLUSH_EVERY_S)
            self._something.clear()
            self._hurry.clear()
            try:
                await self.flush()
            except DatabaseUnavailable:
                _log.warning("logged_requests_delayed", calls=len(self._waiting))
                self._something.set()
                await _wait(self._is_closing, within_s=RETRY_AFTER_S)

    async def _written(self, batch: list[Call]) -> bool:
        """Tell whether calls are written, or given up; else each is tried for itself."""
        failpoints.enter("request_log", "write")
        try:
            async with self._db.transaction() as tx:
                await store.add(tx, [{**row_of(call), "updated_at": tx.now} for call in batch])
        except ODD_ROW:
            _log.exception("logged_requests_refused", calls=len(batch))
            if self._portions.refused(len(batch)):
                return False
            self._drop(1)
        return True

    def _drop(self, calls: int) -> None:
        self.dropped += calls
        metrics.REQUEST_LOG_DROPPED.inc(calls)
        if not self._was_dropping:
            self._was_dropping = True
            _log.warning("logged_requests_dropped", capacity=self._capacity)


def _size(call: Call) -> int:
    """Return about how many bytes a waiting call holds."""
    bodies = len(call.request.content or b"") + len(call.response.content or b"")
    return 1000 + len(call.query) + bodies


async def _wait(signal: asyncio.Event, *, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await signal.wait()
    except TimeoutError:
        return
