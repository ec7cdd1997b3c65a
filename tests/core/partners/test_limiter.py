"""S15: a limit is one for all nodes, with Redis, without it, and while it comes and goes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from core.kernel.clock import ShiftedClock
from core.kernel.db import Database, Tx
from core.kernel.settings import Settings
from core.partners import limit_store, shared_tokens
from core.partners.limiter import Limiter
from core.partners.tokens import Bucket, Counts, Window, share
from tests import services
from tests.eventually import eventually

QUOTA = 60
ONE = {Bucket.REQUESTS: QUOTA}
MINUTE_S = 63.0


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[services.Server]:
    """A Redis to stop and start; on a busy machine it may be slow, which is no outage here."""
    monkeypatch.setattr(shared_tokens, "ANSWERS_WITHIN_S", 20)
    with services.private_server("redis") as server:
        yield server


class Nodes:
    """Several nodes in one process, on one database."""

    def __init__(
        self, db: Database, settings: Settings, clock: ShiftedClock, stack: AsyncExitStack
    ) -> None:
        self.db, self.settings, self.clock, self.stack = db, settings, clock, stack
        self.limiters: list[Limiter] = []

    async def add(self, *, redis_url: str | None = None, window: Window | None = None) -> Limiter:
        settings = self.settings.model_copy(
            update={
                "node_id": f"node-{len(self.limiters)}",
                "redis_url": None if redis_url is None else SecretStr(redis_url),
            }
        )
        limiter = Limiter(self.db, settings, self.clock, window=window or Window())
        await self.stack.enter_async_context(limiter.running())
        self.limiters.append(limiter)
        return limiter

    async def know_each_other(self) -> None:
        async def known() -> bool:
            return all(limiter.nodes == len(self.limiters) for limiter in self.limiters)

        await eventually(known)

    async def count(self, *, together: bool) -> None:
        async def agreed() -> bool:
            return all(limiter.counts_together is together for limiter in self.limiters)

        await eventually(agreed)

    async def inform(self) -> None:
        async def informed() -> bool:
            return all(limiter._informed for limiter in self.limiters)

        await eventually(informed)

    async def flood(self, calls: int, *, partner_id: str = "prt_1") -> int:
        """Let calls come in at all nodes in turn, all at once; return how many passed."""
        verdicts = await asyncio.gather(
            *(self.limiters[n % len(self.limiters)].take(partner_id, ONE) for n in range(calls))
        )
        return sum(verdict.allowed for verdict in verdicts)


@pytest.fixture
async def nodes(db: Database, settings: Settings, clock: ShiftedClock) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        yield Nodes(db, settings, clock, stack)


async def passed(limiter: Limiter, calls: int, partner_id: str = "prt_1") -> int:
    verdicts = [await limiter.take(partner_id, ONE) for _ in range(calls)]
    return sum(verdict.allowed for verdict in verdicts)


async def test_a_token_comes_back_a_window_after_it_was_taken(
    nodes: Nodes, clock: ShiftedClock
) -> None:
    node = await nodes.add()
    assert await passed(node, 20) == 20
    clock.advance(30)
    assert await passed(node, 100) == QUOTA - 20
    clock.advance(34)
    assert await passed(node, 100) == 20
    clock.advance(MINUTE_S)
    assert await passed(node, 100) == QUOTA


async def test_what_is_told_of_a_bucket_is_true(nodes: Nodes, clock: ShiftedClock) -> None:
    node = await nodes.add()
    [first] = (await node.take("prt_1", ONE)).allowances
    assert (first.quota, first.window_s, first.remaining) == (QUOTA, 60, QUOTA - 1)
    await passed(node, QUOTA)
    refused = await node.take("prt_1", ONE)
    assert (refused.allowed, refused.scarcest.remaining) == (False, 0)
    clock.advance(refused.scarcest.retry_after_s)
    assert (await node.take("prt_1", ONE)).allowed
    clock.advance(-10)
    await node.take("prt_1", ONE)


@pytest.mark.parametrize("together", [True, False])
async def test_a_call_takes_of_all_its_buckets_or_of_none(
    nodes: Nodes, server: services.Server, *, together: bool
) -> None:
    node = await nodes.add(redis_url=server.url if together else None)
    await nodes.count(together=together)
    both = {Bucket.REQUESTS: 5, Bucket.CONTROL: 1}
    assert (await node.take("prt_1", both)).allowed
    for _ in range(3):
        verdict = await node.take("prt_1", both)
        assert (verdict.allowed, verdict.scarcest.bucket) == (False, Bucket.CONTROL)
    last = await node.take("prt_1", {Bucket.REQUESTS: 5})
    assert (last.allowed, last.allowances[0].remaining) == (True, 3)


async def test_s15_nodes_with_redis_let_exactly_the_limit_through(
    nodes: Nodes, server: services.Server
) -> None:
    for _ in range(2):
        await nodes.add(redis_url=server.url)
    await nodes.count(together=True)
    assert await nodes.flood(10 * QUOTA) == QUOTA
    assert await nodes.flood(QUOTA, partner_id="prt_2") == QUOTA


async def test_tokens_come_back_in_redis_time(nodes: Nodes, server: services.Server) -> None:
    node = await nodes.add(redis_url=server.url, window=Window(length_s=1, slots=20))
    assert await passed(node, 2 * QUOTA) == QUOTA

    async def back() -> bool:
        return (await node.take("prt_1", ONE)).allowed

    await eventually(back)


async def test_s15_nodes_without_redis_share_the_limit(nodes: Nodes, clock: ShiftedClock) -> None:
    for _ in range(3):
        await nodes.add()
    await nodes.know_each_other()
    assert await nodes.flood(10 * QUOTA) == QUOTA
    clock.advance(MINUTE_S)
    assert await passed(nodes.limiters[0], QUOTA) == QUOTA // 3


@pytest.mark.parametrize("taken", [0, 17, 40, QUOTA])
async def test_s15_the_limit_holds_when_redis_dies_in_the_middle(
    nodes: Nodes, server: services.Server, clock: ShiftedClock, taken: int
) -> None:
    for _ in range(2):
        await nodes.add(redis_url=server.url)
    await nodes.know_each_other()
    await nodes.count(together=True)
    before = await nodes.flood(taken)
    server.stop()
    total = before + await nodes.flood(10 * QUOTA)

    async def informed() -> bool:
        nonlocal total
        total += await nodes.flood(2)
        return all(limiter._informed for limiter in nodes.limiters)

    await eventually(informed)
    total += await nodes.flood(10 * QUOTA)
    assert QUOTA - 2 <= total <= QUOTA * 1.05
    assert not any(limiter.counts_together for limiter in nodes.limiters)
    clock.advance(MINUTE_S)
    assert await nodes.flood(10 * QUOTA) == QUOTA


async def test_s15_a_pass_that_a_lost_redis_overtakes_does_not_count_together_again(
    nodes: Nodes, server: services.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await nodes.add(redis_url=server.url)
    tidy_up = limit_store.remove_nodes
    losses = 0

    async def lose_redis(tx: Tx, *, before: datetime) -> None:
        nonlocal losses
        await tidy_up(tx, before=before)
        if node.counts_together and losses < 2:
            losses += 1
            server.stop()
            await passed(node, 1)

    monkeypatch.setattr(limit_store, "remove_nodes", lose_redis)
    for _ in range(2):
        await nodes.count(together=False)
        server.start()
        await nodes.count(together=True)
    assert losses == 2


async def test_s15_a_node_knows_what_another_let_through_before_redis_died(
    nodes: Nodes, server: services.Server
) -> None:
    first, second = [await nodes.add(redis_url=server.url) for _ in range(2)]
    await nodes.know_each_other()
    await nodes.count(together=True)
    assert await passed(first, 2 * QUOTA) == QUOTA
    server.stop()
    assert await passed(second, QUOTA) <= QUOTA * 0.05

    async def informed() -> bool:
        return second._informed

    await eventually(informed)
    assert await passed(second, QUOTA) == 0
    assert await passed(second, QUOTA, "prt_2") == QUOTA // 2


async def test_s15_the_limit_holds_when_redis_comes_back_empty(
    nodes: Nodes, server: services.Server, clock: ShiftedClock
) -> None:
    for _ in range(2):
        await nodes.add(redis_url=server.url)
    await nodes.know_each_other()
    await nodes.count(together=True)
    total = await nodes.flood(QUOTA // 3)
    server.stop()
    total += await nodes.flood(4)
    server.start()

    async def together_again() -> bool:
        nonlocal total
        total += await nodes.flood(2)
        return all(limiter.counts_together for limiter in nodes.limiters)

    await nodes.count(together=False)
    await eventually(together_again)
    total += await nodes.flood(10 * QUOTA)
    assert QUOTA - 2 <= total <= QUOTA * 1.05


async def test_s15_all_count_alone_as_long_as_one_does_not_reach_redis(
    nodes: Nodes, server: services.Server
) -> None:
    await nodes.add(redis_url=server.url)
    await nodes.count(together=True)
    await nodes.add()
    await nodes.know_each_other()
    await nodes.count(together=False)
    await nodes.inform()
    assert await nodes.flood(10 * QUOTA) == QUOTA


async def test_a_node_that_left_takes_no_share(
    db: Database, settings: Settings, clock: ShiftedClock, nodes: Nodes
) -> None:
    node = await nodes.add()
    async with Limiter(db, settings.model_copy(update={"node_id": "b"}), clock).running():

        async def two() -> bool:
            return node.nodes == 2

        await eventually(two)
        assert await passed(node, QUOTA) == QUOTA // 2

    async def alone() -> bool:
        return node.nodes == 1

    await eventually(alone)
    assert await passed(node, QUOTA) == QUOTA // 2


@given(
    quota=st.integers(1, 1000),
    nodes=st.integers(1, 20),
    known=st.integers(0, 1000),
)
def test_shares_never_add_up_to_more_than_is_left(quota: int, nodes: int, known: int) -> None:
    total = share(quota, known, nodes) * nodes
    assert total <= max(quota - known, 0) or (known == 0 and quota < nodes)


@given(
    taken=st.lists(st.tuples(st.floats(0, 300), st.booleans()), max_size=200),
    quota=st.integers(1, 10),
)
def test_no_window_ever_sees_more_than_the_quota(
    taken: list[tuple[float, bool]], quota: int
) -> None:
    window, counts, allowed = Window(), Counts(), []
    for at_s in sorted(at_s for at_s, _ in taken):
        if counts.used("x", window.first(at_s)).count < quota:
            counts.add(window.slot(at_s), "x", 1)
            allowed.append(at_s)
    for at_s in allowed:
        assert sum(at_s - window.length_s < other <= at_s for other in allowed) <= quota
