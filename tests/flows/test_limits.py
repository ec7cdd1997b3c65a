"""S15 end to end: two nodes, a partner at many times its rate, Redis killed in the middle."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from core.kernel.settings import Settings
from core.partners import keys
from ops.serve import Platform, Role, platform
from tests import services
from tests.eventually import eventually
from tests.world import ACTOR, TestPartner, World, world

QUOTA = 40


@pytest.fixture
def backend() -> str:
    return "postgresql"


@pytest.fixture
def server() -> Iterator[services.Server]:
    with services.private_server("redis") as server:
        yield server


@pytest.fixture
def settings(settings: Settings, server: services.Server) -> Settings:
    values = {"redis_url": SecretStr(server.url), "requests_per_minute": QUOTA}
    return settings.model_copy(update=values)


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as created:
        yield created


@pytest.fixture
async def second(settings: Settings, running: World) -> AsyncIterator[Platform]:
    elsewhere = settings.model_copy(update={"node_id": "node-b"})
    async with platform(elsewhere, roles=[Role.API, Role.WORKER]) as node:
        for one in (running.platform, node):
            await eventually(lambda one=one: agreed(one))  # type: ignore[misc]
        yield node


async def agreed(node: Platform) -> bool:
    assert node.api is not None
    limiter = node.api.services.limiter
    return limiter.counts_together and limiter.nodes == 2


@pytest.fixture
async def other(running: World, second: Platform) -> TestPartner:
    first = running.partner
    api = await running.client(second.api_url or "", first.key)
    return TestPartner(id=first.id, key=first.key, api=api, receiver=first.receiver)


async def flood(partners: tuple[TestPartner, ...], calls: int) -> Counter[int]:
    answers = await asyncio.gather(
        *(partners[n % len(partners)].api.get("/v1/partner") for n in range(calls))
    )
    return Counter(answer.status_code for answer in answers)


async def test_s15_the_limit_holds_over_nodes_when_redis_is_killed_and_its_stops_go_through(
    running: World, other: TestPartner, server: services.Server
) -> None:
    await running.add_charger(connectors=3)
    both = (running.partner, other)
    for number in (1, 2, 3):
        connector_id = await running.connector_id("CP-1", evse=number)
        started = await running.partner.start(f"start-{number}", connector_id)
        assert started.status_code == 202
        await running.partner.outcome(f"start-{number}")
    used = 3 if started.headers["RateLimit"].startswith(f'"default";r={QUOTA - 3};') else 0
    assert used == 3

    total = await flood(both, QUOTA // 2)
    stops = [await other.stop("stop-1", start_request_id="start-1")]
    server.stop()
    total += await flood(both, 10 * QUOTA)
    stops.append(await running.partner.stop("stop-2", start_request_id="start-2"))
    total += await flood(both, 10 * QUOTA)
    stops.append(await other.stop("stop-3", start_request_id="start-3"))

    assert [stop.status_code for stop in stops] == [202, 202, 202]
    assert set(total) == {200, 429}
    assert QUOTA // 2 <= total[200] + used <= QUOTA * 1.05
    for number in (1, 2, 3):
        await running.partner.outcome(f"stop-{number}")


async def test_i33_a_revoked_key_is_refused_on_the_other_node_and_its_stream_ends_there(
    running: World, other: TestPartner, settings: Settings
) -> None:
    async with other.api.stream("GET", "/v1/events/stream") as stream:
        assert stream.status_code == 200
        async with running.platform.db.transaction() as tx:
            key_id = "key_" + other.key.split("_")[2]
            await keys.revoke_key(tx, ACTOR, partner_id=other.id, key_id=key_id)
        assert (await other.api.get("/v1/partner")).status_code == 401
        async with asyncio.timeout(5):
            text = "".join([part async for part in stream.aiter_text()])
    assert "invalid_credentials" in text
