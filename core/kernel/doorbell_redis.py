"""The doorbell for many nodes: Redis PUBLISH/SUBSCRIBE over one connection a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from core.kernel import metrics
from core.kernel.clock import Clock
from core.kernel.doorbell import MemoryDoorbell, Rings
from core.kernel.ids import new_body
from core.kernel.tasks import kept_up

log = structlog.get_logger()

_PREFIX: Final = "voltgate:"
_RETRY_S: Final = 1.0
_READ_S: Final = 1.0


class RedisDoorbell:
    """Same contract as ``MemoryDoorbell``, across processes; Redis may vanish at any time.

    Rings inside this process never go through Redis, so a single node is as quick without it.
    While Redis is away, rings to other nodes are lost and their sweeps find the rows.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._redis = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        self._clock = clock
        self._local = MemoryDoorbell()
        self._subscribed: set[str] = set()
        self._pubsub: PubSub | None = None
        self._reader: asyncio.Task[None] | None = None
        self._away = False
        self._me = new_body()
        self._connected = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(
            kept_up("redis doorbell", self._read_forever, self._clock), name="redis doorbell"
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._redis.aclose()

    async def ring(self, topic: str, key: str) -> None:
        self._local.deliver(topic, key)
        if self._away:
            metrics.RINGS.labels("skipped").inc()
            return
        try:
            await self._redis.publish(_PREFIX + topic, f"{self._me} {key}")
        except (RedisError, OSError) as exc:
            metrics.RINGS.labels("lost").inc()
            log.warning("ring_lost", topic=topic, error=repr(exc))
        else:
            metrics.RINGS.labels("sent").inc()

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Rings]:
        async with self._local.subscribe(topic) as rings:
            await self._follow()
            try:
                yield rings
            finally:
                await self._follow()

    async def wait_connected(self, *, within_s: float) -> None:
        """Wait for Redis; raise ``TimeoutError`` if it does not answer in time."""
        async with asyncio.timeout(within_s):
            await self._connected.wait()

    async def ping(self) -> bool:
        """Tell whether Redis answers."""
        try:
            return bool(await self._redis.ping())
        except (RedisError, OSError):
            return False

    async def _follow(self) -> None:
        """Subscribe to what this process listens to, and to nothing else."""
        if self._pubsub is None:
            return
        wanted = self._local.topics()
        try:
            if new := wanted - self._subscribed:
                await self._pubsub.subscribe(*(_PREFIX + topic for topic in new))
            if old := self._subscribed - wanted:
                await self._pubsub.unsubscribe(*(_PREFIX + topic for topic in old))
        except (RedisError, OSError) as exc:
            log.warning("subscription_failed", error=repr(exc))
            return
        self._subscribed = set(wanted)

    async def _read_forever(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(_PREFIX + "hello")
                    self._pubsub, self._subscribed, self._away = pubsub, set(), False
                    await self._follow()
                    self._connected.set()
                    metrics.REDIS_CONNECTED.set(1)
                    await self._read(pubsub)
            except (RedisError, OSError) as exc:
                log.warning("redis_lost", error=repr(exc))
            finally:
                self._pubsub, self._away = None, True
                self._connected.clear()
                metrics.REDIS_CONNECTED.set(0)
            await self._clock.sleep(_RETRY_S)

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=_READ_S)
            if message is not None and message["type"] == "message":
                topic = message["channel"].decode().removeprefix(_PREFIX)
                sender, _, key = message["data"].decode().partition(" ")
                if sender != self._me:
                    self._local.deliver(topic, key)
