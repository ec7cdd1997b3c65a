"""The worker's sender: claims what is due, attempts it, writes down what came of it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import Final

import structlog

from core.kernel import failpoints, metrics
from core.kernel.clock import Clock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import Rings, rung
from core.kernel.errors import DatabaseUnavailable
from core.kernel.portions import Portions
from core.kernel.settings import Settings
from core.webhooks import ordering, outbox
from core.webhooks.attempting import Attempts
from core.webhooks.endpoints import MAX_DISABLED_AT_ONCE
from core.webhooks.lanes import Lanes
from core.webhooks.ordering import Ordering
from core.webhooks.outbox import Claim, Waiting
from core.webhooks.recording import Outcome, record_delivered, record_failed
from core.webhooks.reporting import report
from core.webhooks.service import TOPIC
from core.webhooks.transport import Transport

SWEEP_S: Final = 1.0
CLOSE_WITHIN_S: Final = 5.0
LEASE_BEYOND_TIMEOUT: Final = timedelta(seconds=5)
CLAIMED_WITHIN_S: Final = 0.02
"""So long free room waits for more, to be claimed together."""
UNWRITTEN_AT_MOST: Final = 5
"""Attempts that have just begun, and answers that are not written down: what our death doubles."""
WRITTEN_AT_ONCE: Final = 500
"""Answers of one transaction."""
JUST_BEGUN_S: Final = 0.02
"""An attempt that takes longer makes room: a slow receiver holds up nobody else (I16)."""

log = structlog.get_logger()


def transport_for(settings: Settings, clock: Clock) -> Transport:
    """Return the transport that the settings ask for; to be used as ``async with``."""
    return Transport(
        allow_insecure=settings.webhook_allow_insecure,
        allow_loopback=settings.webhook_allow_insecure,
        monotonic=clock.monotonic,
        unix=clock.unix,
    )


class Sender:
    """Delivers until cancelled; any number of them share the work over one database.

    A claim is a lease: what a process that died had claimed is due again when the lease ends,
    5 s after the longest attempt (I14).

    Args:
        jitter: Random numbers from 0 to 1, for the retry delays and the order of endpoints.
    """

    def __init__(
        self,
        db: Database,
        vault: Vault,
        settings: Settings,
        transport: Transport,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._db = db
        self._timeout = settings.webhook_timeout
        self._attempts = Attempts(db, vault, transport, timeout=self._timeout)
        self._retry_after = settings.webhook_retry_after
        self._jitter = jitter
        self._lanes = Lanes(
            per_endpoint=settings.webhook_concurrency_per_endpoint,
            overall=settings.webhook_concurrency,
        )
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._begun_s: dict[str, float] = {}
        self._beginning: asyncio.Task[None] | None = None
        self._taken: list[Outcome] = []
        self._failed: list[Outcome] = []
        self._has_taken, self._has_failed = asyncio.Event(), asyncio.Event()
        self._being_written = 0
        self._portions = Portions(WRITTEN_AT_ONCE)
        self._is_full = False
        self._hot: set[str] = set()
        self._wake = asyncio.Event()
        self._waking: asyncio.Task[None] | None = None
        self._sweep = True

    async def run(self) -> None:
        """Deliver until cancelled; then attempts under way get five seconds to end."""
        async with self._db.doorbell.subscribe(TOPIC) as rings:
            others = [
                asyncio.create_task(self._listen(rings), name="webhook doorbell"),
                asyncio.create_task(self._keep_taken(), name="webhook successes"),
                asyncio.create_task(self._keep_failed(), name="webhook failures"),
            ]
            try:
                while True:
                    await self._try(self._claim)
                    self._begin()
                    await self._wake.wait()
                    self._wake.clear()
            finally:
                others += [one for one in (self._waking, self._beginning) if one is not None]
                for other in others:
                    other.cancel()
                await asyncio.gather(*others, return_exceptions=True)
                await self._close()

    async def deliver_once(self) -> int:
        """Claim what is due now, wait until it is attempted and recorded; return how much it was.

        For tests and tools; not while ``run`` runs.
        """
        self._sweep = True
        await self._claim()
        self._begin()
        count = 0
        while self._tasks or self._taken or self._failed:
            if not (self._taken or self._failed):
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            count += await self._record()
            self._begin()
        return count

    async def _listen(self, rings: Rings) -> None:
        swept = self._db.clock.monotonic()
        while True:
            keys = await rung(rings, within_s=SWEEP_S)
            self._hot.update(keys)
            now = self._db.clock.monotonic()
            if now - swept >= SWEEP_S:
                self._sweep, swept = True, now
                self._ring_for_rest()
            self._wake.set()

    def _ring_for_rest(self) -> None:
        """Have what could not be written down tried again."""
        if self._taken:
            self._has_taken.set()
        if self._failed:
            self._has_failed.set()

    async def _keep_taken(self) -> None:
        """Write down what receivers took, whatever else is written or claimed meanwhile (I14).

        It waits for nothing but the last commit: what is not written when we die is sent again.
        """
        while True:
            await self._has_taken.wait()
            self._has_taken.clear()
            await self._try(self._record_taken)
            self._begin()
            self._wake_if_full()

    async def _keep_failed(self) -> None:
        """Write down failures: nobody waits for them."""
        while True:
            await self._has_failed.wait()
            self._has_failed.clear()
            await self._try(self._record_failed)
            self._wake_if_full()

    def _wake_if_full(self) -> None:
        """Claim again, now that there is room."""
        if self._is_full:
            self._wake.set()

    async def _try(self, step: Callable[[], Awaitable[object]]) -> None:
        """Do a step of a pass; what it did not do is done after the next sweep."""
        try:
            await step()
        except DatabaseUnavailable as exc:
            log.warning("webhook_pass_failed", error=repr(exc.__cause__))
            self._sweep = True
        except Exception:  # a bug in one pass must not end the sender of all
            metrics.BACKGROUND_FAILURES.labels("webhook sender").inc()
            log.exception("webhook_pass_crashed")
            self._sweep = True

    async def _claim(self) -> None:
        """Claim for every endpoint that waits and has room, set-wise in one transaction."""
        full = self._lanes.full()
        among = None if self._sweep else sorted(self._hot.difference(full))
        # What is not written down holds up claims: else it might not be before its lease ends, and
        # more than one worker has under way would be sent again after its death.
        room = self._lanes.room() - len(self._taken) - len(self._failed) - self._being_written
        self._is_full = room <= 0
        if self._is_full or among == []:
            return
        self._sweep = False
        failpoints.enter("webhook", "claim")
        taken: list[tuple[Waiting, Sequence[Claim]]] = []
        async with self._db.transaction() as tx:
            lease = tx.now + self._timeout + LEASE_BEYOND_TIMEOUT
            found = await outbox.waiting(tx, among=among, without=full)
            self._hot.difference_update(among or ())
            for endpoint, limit in self._shares(found, room):
                if endpoint.is_off:
                    await outbox.disable(tx, endpoint.id, limit=MAX_DISABLED_AT_ONCE)
                    continue
                is_ordered = endpoint.ordering == Ordering.SESSION
                claim = ordering.claim if is_ordered else outbox.claim
                claims = await claim(tx, endpoint.id, limit=limit, lease=lease)
                taken.append((endpoint, claims))
        for endpoint, claims in taken:
            self._lanes.add(claims, is_failing=endpoint.is_failing)
            if claims:
                self._hot.add(endpoint.id)

    def _shares(self, found: Sequence[Waiting], room: int) -> list[tuple[Waiting, int]]:
        """Return how many to claim for whom: chance decides who is first, ids the lock order."""
        shares = []
        for endpoint in sorted(found, key=lambda _: self._jitter()):
            limit = min(room, self._lanes.room_of(endpoint.id, is_failing=endpoint.is_failing))
            if endpoint.is_off or limit > 0:
                shares.append((endpoint, limit))
                room -= limit
        return sorted(shares, key=lambda share: share[0].id)

    def _begin(self) -> None:
        now_s = self._db.clock.monotonic()
        room = self._may_begin(now_s)
        for claim in self._lanes.begin(room):
            room -= 1
            if claim.lease - self._db.now() <= self._timeout:
                self._lanes.end(claim, is_delivered=None)  # due again when its lease ends
                continue
            task = asyncio.create_task(self._attempt(claim), name=f"webhook {claim.id}")
            self._tasks.add(task)
            self._begun_s[claim.id] = now_s
            task.add_done_callback(self._ended)
        if room <= 0 and self._lanes.waiting and self._beginning is None:
            self._beginning = asyncio.create_task(self._begin_soon(), name="webhook attempts")

    def _may_begin(self, now_s: float) -> int:
        """Return how many attempts may begin, so that few are answered and not written down."""
        since_s = now_s - JUST_BEGUN_S
        fresh = takewhile(lambda at_s: at_s > since_s, reversed(self._begun_s.values()))
        unwritten = len(self._taken) + self._being_written
        return UNWRITTEN_AT_MOST - unwritten - sum(1 for _ in fresh)

    async def _begin_soon(self) -> None:
        await self._db.clock.sleep(JUST_BEGUN_S)
        self._beginning = None
        self._begin()

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            outcome = task.result()
            self._begun_s.pop(outcome.claim.id, None)
            self._lanes.end(outcome.claim, is_delivered=outcome.is_delivered)
            if outcome.is_delivered:
                self._taken.append(outcome)
                self._has_taken.set()
            else:
                self._failed.append(outcome)
                self._has_failed.set()
            if not self._may_wait(outcome.claim):
                self._wake.set()
            elif self._waking is None or self._waking.done():
                self._waking = asyncio.create_task(self._wake_soon(), name="webhook claim")
            self._begin()

    def _may_wait(self, claim: Claim) -> bool:
        """Tell whether the next claim may wait: this endpoint has nothing more, or no room."""
        has_room = self._lanes.room_of(claim.endpoint_id, is_failing=False) > 0
        return not (has_room and claim.endpoint_id in self._hot)

    async def _wake_soon(self) -> None:
        await self._db.clock.sleep(CLAIMED_WITHIN_S)
        self._wake.set()

    async def _attempt(self, claim: Claim) -> Outcome:
        at = self._db.now()
        try:
            return await self._attempts.make(claim)
        except Exception:  # one delivery that cannot be made must not end the sender of all
            metrics.BACKGROUND_FAILURES.labels("webhook attempt").inc()
            log.exception("webhook_attempt_crashed", delivery_id=claim.id)
            return Outcome(claim=claim, at=at, result=None)

    async def _record(self) -> int:
        """Write down all that has ended; return how much it was."""
        return await self._record_taken() + await self._record_failed()

    async def _record_taken(self) -> int:
        """Write down what receivers took; what is not committed is kept for the next time (I14).

        One that cannot be written is given up: it is sent again when its lease ends.
        """
        size = self._portions.next(len(self._taken))
        batch, self._taken = self._taken[:size], self._taken[size:]
        if not batch:
            return 0
        unwritten = batch
        self._being_written = len(batch)
        try:
            failpoints.enter("webhook", "delivered")
            async with self._db.transaction() as tx:
                await record_delivered(tx, batch)
            unwritten = []
        except DatabaseUnavailable:
            raise
        except Exception:
            unwritten = batch if self._portions.refused(len(batch)) else []
            raise
        finally:
            self._taken = unwritten + self._taken
            self._being_written = 0
        if self._taken:
            self._has_taken.set()
        for outcome in batch:
            report(outcome, None)
        self._call_next(batch)
        return len(batch)

    async def _record_failed(self) -> int:
        """Write down failures, each for itself; what is not committed is kept, too."""
        count = 0
        while self._failed:
            outcome = self._failed[0]
            failpoints.enter("webhook", "failed")
            try:
                async with self._db.transaction() as tx:
                    failure = await record_failed(
                        tx, outcome, jitter=self._jitter(), retry_after=self._retry_after
                    )
            except DatabaseUnavailable:
                raise
            except Exception:  # given up, too: nobody waits behind it
                self._failed.pop(0)
                raise
            self._failed.pop(0)
            count += 1
            report(outcome, failure)
            self._call_next([outcome])
        return count

    def _call_next(self, ended: Sequence[Outcome]) -> None:
        """Have those claimed that waited for these: the next of a session."""
        endpoints = {one.claim.endpoint_id for one in ended if one.claim.order_key is not None}
        if endpoints:
            self._hot.update(endpoints)
            self._wake.set()

    async def _close(self) -> None:
        unbegun = self._lanes.drain()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_WITHIN_S)
        try:
            await self._record()
            failpoints.enter("webhook", "release")
            async with self._db.transaction() as tx:
                await outbox.release(tx, unbegun)
        except DatabaseUnavailable:
            log.warning("webhook_results_lost", count=len(self._taken) + len(self._failed))
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
