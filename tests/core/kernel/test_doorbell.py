"""Bells that carry no truth: in the process, over Redis, and with Redis gone."""

import asyncio

import pytest
from redis.asyncio import Redis

from core.kernel.clock import SystemClock
from core.kernel.doorbell import MemoryDoorbell, rung
from core.kernel.doorbell_redis import RedisDoorbell
from tests import services
from tests.eventually import eventually


async def test_a_ring_wakes_every_subscriber_of_its_topic() -> None:
    bell = MemoryDoorbell()
    async with bell.subscribe("a") as one, bell.subscribe("a") as two, bell.subscribe("b") as other:
        await bell.ring("a", "key")

        assert await rung(one, within_s=1) == {"key"}
        assert await rung(two, within_s=1) == {"key"}
        assert await rung(other, within_s=0) == frozenset()
    assert bell.topics() == frozenset()


async def test_a_ring_crosses_processes_once() -> None:
    url = services.redis_url()
    async with (
        RedisDoorbell(url, SystemClock()) as here,
        RedisDoorbell(url, SystemClock()) as there,
    ):
        await here.wait_connected(within_s=5)
        await there.wait_connected(within_s=5)
        async with here.subscribe("topic") as mine, there.subscribe("topic") as theirs:
            await here.ring("topic", "key")

            assert await rung(theirs, within_s=5) == {"key"}
            assert await rung(mine, within_s=0.1) == {"key"}
            assert mine.empty()


async def test_nobody_who_rings_or_leaves_waits_for_redis() -> None:
    with services.private_server("redis") as server:
        async with (
            asyncio.timeout(10),
            RedisDoorbell(server.url, SystemClock()) as here,
            here.subscribe("a") as mine,
        ):
            await here.wait_connected(within_s=5)
            async with Redis.from_url(server.url) as redis:
                await redis.client_pause(60_000)

            for key in ("1", "2"):
                with pytest.raises(StopIteration):  # it does not let go of the event loop
                    here.ring("a", key).send(None)

            assert await rung(mine, within_s=0) == {"1", "2"}


async def test_what_was_rung_last_is_sent_before_the_end() -> None:
    url = services.redis_url()
    async with RedisDoorbell(url, SystemClock()) as there, there.subscribe("topic") as theirs:
        await there.wait_connected(within_s=5)
        async with RedisDoorbell(url, SystemClock()) as here:
            await here.wait_connected(within_s=5)
            await here.ring("topic", "last")
        assert await rung(theirs, within_s=5) == {"last"}


@pytest.mark.timeout(60)
async def test_redis_may_vanish_and_come_back() -> None:
    with services.private_server("redis") as server:
        async with (
            RedisDoorbell(server.url, SystemClock()) as here,
            RedisDoorbell(server.url, SystemClock()) as there,
            there.subscribe("topic") as theirs,
            here.subscribe("topic") as mine,
        ):
            await there.wait_connected(within_s=5)
            await asyncio.to_thread(server.stop)
            await here.ring("topic", "while away")
            assert await rung(mine, within_s=1) == {"while away"}

            await asyncio.to_thread(server.start)

            async def rings_again() -> bool:
                await here.ring("topic", "back")
                return "back" in await rung(theirs, within_s=0.2)

            assert await eventually(rings_again, within_s=30)
            assert await here.ping()
