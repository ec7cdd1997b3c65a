"""How often partners may call: together over all nodes with Redis, each its share without.

While every node reaches Redis, one script decides for all. If one does not, each writes into the
database what it let through in the last window, and takes only its share of what that leaves; until
it has read what the others wrote, next to nothing. So the limit holds, whoever dies when. What was
taken meanwhile is told to Redis when it is back; if it forgot everything, so is the last window.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from core.kernel import failpoints, metrics
from core.kernel.clock import Clock
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Settings
from core.kernel.tasks import kept_up
from core.partners import limit_store
from core.partners.limit_models import ApiNode
from core.partners.tokens import (
    WINDOW,
    Allowance,
    Bucket,
    Counts,
    Used,
    Verdict,
    Window,
    allowance,
    share,
)

if TYPE_CHECKING:
    from core.partners.shared_tokens import Seen, SharedTokens

EVERY_S: Final = 1.0
CAREFUL: Final = 0.05
"""What all nodes together may take of a quota before they know what the others let through."""

CAREFUL_S: Final = 2
"""So long that takes, as a rule."""

AT_ONCE: Final = 50
"""Questions to Redis under way; each has a connection of its own."""

TOLD_AGAIN_S: Final = 3.0
"""How often a node tells what has not changed: each time is a write, and a wait for the disk."""

NODE_SILENT: Final = timedelta(seconds=15)
"""A node that was not seen for so long takes no share any more; one that is only slow does."""

NODE_FORGOTTEN: Final = timedelta(hours=1)

log = structlog.get_logger()


class Limiter:
    """The buckets of all partners, as one node sees them."""

    def __init__(
        self, db: Database, settings: Settings, clock: Clock, *, window: Window = WINDOW
    ) -> None:
        self._db = db
        self._clock = clock
        self._node_id = settings.node_id
        self._window = window
        self._shared: SharedTokens | None = None
        if settings.redis_url is not None:
            from core.partners import shared_tokens  # noqa: PLC0415 - slow; often not needed

            url = settings.redis_url.get_secret_value()
            self._shared = shared_tokens.SharedTokens(url, window)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nodes = 1
        self._ahead_s = clock.unix() - clock.monotonic()
        self._joined = False
        self._informed = True  # until there are others
        self._report: list[tuple[int, str, int]] | None = None
        self._told: tuple[bool, list[tuple[int, str, int]] | None] | None = None
        self._told_s = 0.0
        self._wake = asyncio.Event()
        self._leaving = False
        self._memory: str | None = None
        self._seen_to: int = 0
        self._known = Counts()  # of all nodes, as far as Redis knows
        self._own = Counts()  # of this node
        self._untold = Counts()  # of this node, and Redis does not know
        self._alone = Counts()  # of this node, since it counts alone

    @property
    def counts_together(self) -> bool:
        """Whether one count holds for all nodes at this moment."""
        return self._joined

    @property
    def nodes(self) -> int:
        """How many nodes share what there is when they cannot count together."""
        return self._nodes

    async def take(self, partner_id: str, quotas: Mapping[Bucket, int]) -> Verdict:
        """Take a token of each bucket of a partner, if each has one left; else take none."""
        verdict = None
        if self._joined and self._shared is not None:
            verdict = await self._take_together(self._shared, partner_id, quotas)
        verdict = verdict or self._take_alone(partner_id, quotas)
        if not verdict.allowed:
            metrics.REQUESTS_LIMITED.labels(verdict.scarcest.bucket).inc()
        return verdict

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Be one of the nodes, and keep in touch with the others, until the block is left."""
        await self._keep_in_touch()
        task = asyncio.create_task(
            kept_up("partner limits", self._forever, self._clock), name="partner limits"
        )
        try:
            yield
        finally:
            self._leaving = True
            self._wake.set()
            await task  # not cancelled: a pass is short, and must not be cut off in its middle
            failpoints.enter("limits", "leave")
            with suppress(DatabaseUnavailable):
                async with self._db.transaction() as tx:
                    await limit_store.remove_node(tx, self._node_id)
            if self._shared is not None:
                await self._shared.close()

    async def _forever(self) -> None:
        while not self._leaving:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._wake.wait()
            self._wake.clear()
            if not self._leaving:
                await self._keep_in_touch()

    async def _keep_in_touch(self) -> None:
        why = "it is not configured" if self._shared is None else None
        if self._shared is not None:
            try:
                await self._exchange(self._shared)
            except self._shared.unreachable as exc:
                why = repr(exc)
        if why is not None:
            self._part(why)
        with suppress(DatabaseUnavailable):
            await self._meet(reaches=why is None)
        metrics.LIMITER_TOGETHER.set(self._joined)

    async def _meet(self, *, reaches: bool) -> None:
        """Tell the other nodes how this one counts; do what they allow."""
        report, now_s = self._report, self._clock.monotonic()
        is_told = self._told == (reaches, report) and now_s - self._told_s < TOLD_AGAIN_S
        failpoints.enter("limits", "meet")
        async with self._db.transaction() as tx:
            if not is_told:
                await limit_store.touch_node(
                    tx, self._node_id, reaches_redis=reaches, report=report
                )
                await limit_store.remove_nodes(tx, before=tx.now - NODE_FORGOTTEN)
            found = await limit_store.nodes_since(tx, tx.now - NODE_SILENT)
        if not is_told:
            self._told, self._told_s = (reaches, report), now_s
        self._nodes = len(found)
        if self._report is not report:  # a call lost Redis meanwhile, and has woken the next pass
            return
        if all(node.reaches_redis for node in found):
            self._rejoin(found)
            return
        self._part("another node does not reach it")
        reports = [node.report for node in found]
        if all(report is not None for report in reports):
            self._remember([entry for report in reports for entry in report or ()])
            self._informed = True

    def _rejoin(self, found: Sequence[ApiNode]) -> None:
        """Count together, once no node takes its share any more."""
        if self._joined:
            return
        if any(node.report is not None for node in found):
            self._report, self._informed = None, False
            return
        self._joined, self._alone = True, Counts()
        log.info("limits_counted_together", nodes=self._nodes)

    def _remember(self, entries: Iterable[tuple[int, str, int]]) -> None:
        """Learn what all nodes together let through before they counted alone."""
        total = Counts()
        for slot, field, count in entries:
            total.add(slot, field, count)
        for slot, field, count in total:
            self._known.raise_to(slot, {field: count})

    def _part(self, why: str) -> None:
        """Count alone from now on; first of all tell the others what was let through."""
        if self._report is not None:
            return
        if self._joined:
            log.warning("limits_counted_alone", nodes=self._nodes, reason=why)
        self._joined, self._informed, self._seen_to = False, False, 0
        self._report = [
            (slot, field, count - self._untold.at(slot, field)) for slot, field, count in self._own
        ]
        self._wake.set()

    async def _exchange(self, shared: "SharedTokens") -> None:
        """Tell Redis what it does not know, and learn what it knows."""
        seen = await shared.exchange((), since=self._seen_to)
        if seen.memory != self._memory:  # it is new to us, or has forgotten everything
            self._untold = Counts()
            self._untold.add_all(self._own)
            self._memory, self._seen_to = seen.memory, 0
        told = self._untold.take_all()
        try:
            seen = await shared.exchange(told, since=self._seen_to)
        except BaseException:
            self._untold.add_all(told)
            raise
        self._learn(seen)

    def _learn(self, seen: "Seen") -> None:
        self._ahead_s = seen.at_s - self._clock.monotonic()
        if self._joined:  # alone, a share is one of what was left before
            for slot, fields in seen.slots.items():
                self._known.raise_to(slot, fields)
            self._seen_to = max(seen.slots, default=self._seen_to)
        self._forget(seen.at_s)

    def _forget(self, at_s: float) -> None:
        for counts in (self._known, self._own, self._untold, self._alone):
            counts.forget(self._window.first(at_s))

    async def _take_together(
        self, shared: "SharedTokens", partner_id: str, quotas: Mapping[Bucket, int]
    ) -> Verdict | None:
        """Ask Redis; ``None``: it does not answer."""
        fields = [(_field(partner_id, bucket), quota) for bucket, quota in quotas.items()]
        async with self._turns:
            if not self._joined:  # lost while this call waited
                return None
            try:
                taken = await shared.take(fields)
            except shared.unreachable as exc:
                self._part(repr(exc))
                return None
        slot, first = self._window.slot(taken.at_s), self._window.first(taken.at_s)
        allowances = []
        for (field, quota), bucket, used in zip(fields, quotas, taken.used, strict=True):
            unknown = used.count + taken.allowed - self._known.used(field, first).count
            if unknown > 0:  # answers may overtake each other
                self._known.add(slot, field, unknown)
            if taken.allowed:
                self._own.add(slot, field, 1)
            allowances.append(
                self._allowance(
                    bucket, quota, quota - used.count, used, taken.at_s, took=taken.allowed
                )
            )
        return Verdict(allowed=taken.allowed, allowances=tuple(allowances))

    def _take_alone(self, partner_id: str, quotas: Mapping[Bucket, int]) -> Verdict:
        """Take of this node's share of what is left as far as it knows."""
        at_s = self._clock.monotonic() + self._ahead_s
        slot, first = self._window.slot(at_s), self._window.first(at_s)
        self._forget(at_s)
        found = []
        for bucket, quota in quotas.items():
            field = _field(partner_id, bucket)
            known, own = self._known.used(field, first), self._alone.used(field, first)
            left = share(quota, known.count, self._nodes)
            if not self._informed:
                left = min(left, int(quota * CAREFUL / self._nodes))
            left -= own.count
            found.append((bucket, quota, field, left, _both(known, own)))
        allowed = all(left > 0 for _, _, _, left, _ in found)
        if allowed:
            for _, _, field, _, _ in found:
                self._own.add(slot, field, 1)
                self._untold.add(slot, field, 1)
                self._alone.add(slot, field, 1)
        allowances = tuple(
            self._allowance(bucket, quota, left, used, at_s, took=allowed)
            for bucket, quota, _, left, used in found
        )
        if not self._informed and not allowed:
            allowances = tuple(replace(one, retry_after_s=CAREFUL_S) for one in allowances)
        return Verdict(allowed=allowed, allowances=allowances)

    def _allowance(
        self, bucket: Bucket, quota: int, left: int, used: Used, at_s: float, *, took: bool
    ) -> Allowance:
        if took:
            slot = self._window.slot(at_s)
            used = _both(used, Used(count=1, oldest=slot, newest=slot))
        return allowance(
            bucket,
            quota,
            left=left - 1 if took else left,
            used=used,
            window=self._window,
            at_s=at_s,
        )


def _field(partner_id: str, bucket: Bucket) -> str:
    return f"{partner_id} {bucket}"


def _both(one: Used, other: Used) -> Used:
    slots = [
        slot for slot in (one.oldest, one.newest, other.oldest, other.newest) if slot is not None
    ]
    return Used(
        count=one.count + other.count,
        oldest=min(slots, default=None),
        newest=max(slots, default=None),
    )
