"""The doorbell for many nodes: Redis PUBLISH/SUBSCRIBE, a connection of a process for each."""

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
from core.kernel.doorbell import RINGS_KEPT, MemoryDoorbell, Rings
from core.kernel.ids import new_body
from core.kernel.tasks import kept_up

log = structlog.get_logger()

_PREFIX: Final = "voltgate:"
_RETRY_S: Final = 1.0
_READ_S: Final = 1.0
_TAKEN_WITHIN_S: Final = 5.0
"""How long Redis may take for rings until they are lost."""
_LAST_WITHIN_S: Final = 1.0
"""The same for those that are left when the process stops."""


class RedisDoorbell:
    """Same contract as ``MemoryDoorbell``, across processes; Redis may vanish at any time.

    Rings inside this process never go through Redis, so a single node is as quick without it.
    Nobody waits for Redis: a task of its own sends what was rung since it sent last. While Redis
    is away, or does not answer, rings to other nodes are lost and their sweeps find the rows.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        # Without a time limit of its own: before Python 3.12 its wait_for loses a cancellation that
        # comes as what it waits for is done, and whoever stops the task would wait for ever.
        self._redis = Redis.from_url(url, socket_connect_timeout=2)
        self._clock = clock
        self._local = MemoryDoorbell()
        self._subscribed: set[str] = set()
        self._pubsub: PubSub | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._rung: dict[tuple[str, str], None] = {}
        self._has_rung = asyncio.Event()
        self._away = False
        self._me = new_body()
        self._connected = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(kept_up(name, work, self._clock), name=name)
            for name, work in (
                ("redis doorbell", self._read_forever),
                ("redis rings", self._send_forever),
            )
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._rung:
            await self._send(within_s=_LAST_WITHIN_S)
        await self._redis.aclose()

    async def ring(self, topic: str, key: str) -> None:
        self._local.deliver(topic, key)
        if self._away:
            metrics.RINGS.labels("skipped").inc()
        elif len(self._rung) == RINGS_KEPT:
            metrics.RINGS.labels("lost").inc()
        else:
            self._rung[topic, key] = None
            self._has_rung.set()

    async def _send_forever(self) -> None:
        while True:
            await self._has_rung.wait()
            await self._send(within_s=_TAKEN_WITHIN_S)

    async def _send(self, *, within_s: float) -> None:
        """Send what was rung, all at once."""
        rung, self._rung = self._rung, {}
        self._has_rung.clear()
        try:
            async with asyncio.timeout(within_s), self._redis.pipeline(transaction=False) as pipe:
                for topic, key in rung:
                    pipe.publish(_PREFIX + topic, f"{self._me} {key}")
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as exc:
            metrics.RINGS.labels("lost").inc(len(rung))
            log.warning("rings_lost", rings=len(rung), error=repr(exc))
        else:
            metrics.RINGS.labels("sent").inc(len(rung))

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
