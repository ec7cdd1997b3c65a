"""The composition root: builds the parts and runs them in one process, or some of them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from core.chargers.frame_log import FrameLog
from core.jobs.runner import running
from core.jobs.schedule import periodic_work
from core.jobs.watch import Streaks
from core.kernel import metrics, tracing
from core.kernel.clock import Clock, SystemClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import Doorbell, MemoryDoorbell
from core.kernel.engine import Engine
from core.kernel.settings import Settings
from core.webhooks.sender import Sender, transport_for
from core.webhooks.transport import Transport
from csms.server import Csms, listen
from ops.http import serving
from ops.operator_api.app import create_operator_app
from ops.roles import ALL_ROLES, Role
from ops.sandbox.host import hosting_sandbox
from partner_api.app import PartnerApp, create_app, release

__all__ = ["ALL_ROLES", "Platform", "Role", "platform"]

LAG_EVERY_S: Final = 0.5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A running platform, as the command line, the demo and the tests see it.

    Addresses of parts that do not run here are ``None``.
    """

    settings: Settings
    db: Database
    vault: Vault
    clock: Clock
    operator_url: str
    api: PartnerApp | None = None
    api_url: str | None = None
    csms: Csms | None = None

    @property
    def ocpp_url(self) -> str:
        """Where chargers connect, without their identity."""
        if self.csms is None:
            raise RuntimeError("this process does not serve chargers")
        return self.csms.url


@asynccontextmanager
async def platform(
    settings: Settings,
    *,
    roles: Collection[Role] = ALL_ROLES,
    clock: Clock | None = None,
    rng: random.Random | None = None,
    transport: Transport | None = None,
    doorbell: Doorbell | None = None,
    engine: Engine | None = None,
) -> AsyncIterator[Platform]:
    """Run *roles* until the block is left; parts that are not given are made from *settings*.

    Raises:
        OSError: A port is in use.
        RuntimeError: Traces are asked for, and OpenTelemetry is not installed.
        DatabaseUnavailable: The database cannot be reached.
    """
    clock = clock or SystemClock()
    rng = rng or random.SystemRandom()
    vault = Vault(settings)
    async with AsyncExitStack() as stack:
        stack.enter_context(tracing.running(settings))
        if doorbell is None:
            doorbell = await stack.enter_async_context(_doorbell(settings, clock))
        db = await stack.enter_async_context(
            Database(
                settings.database_url,
                doorbell=doorbell,
                clock=clock,
                pool_size=settings.database_pool_size,
                engine=engine,
            )
        )
        async with db.transaction():
            pass  # reach the database and learn its time before anybody is served
        parts: dict[str, Any] = {}
        if Role.WORKER in roles:
            await _start_worker(stack, db, settings, vault, clock, rng, transport)
        if Role.CSMS in roles:
            frame_log = await stack.enter_async_context(FrameLog(db))
            parts["csms"] = await stack.enter_async_context(
                listen(db, settings, vault, frame_log, clock, rng)
            )
            if (sandbox_url := parts["csms"].sandbox_url) is not None:
                await stack.enter_async_context(hosting_sandbox(db, settings, vault, sandbox_url))
        await stack.enter_async_context(_owned(_measure_lag(clock), "event loop lag"))
        operator_app = create_operator_app(db, settings, vault, clock)
        operator_url = await stack.enter_async_context(
            serving(operator_app, host=settings.host, port=settings.operator_port)
        )
        if Role.API in roles:
            parts["api"] = create_app(db, settings, vault, clock)
            await stack.enter_async_context(parts["api"].services.limiter.running())
            await stack.enter_async_context(parts["api"].services.request_log.running())
            await stack.enter_async_context(parts["api"].services.watch.running())
            parts["api_url"] = await stack.enter_async_context(
                serving(parts["api"], host=settings.host, port=settings.api_port)
            )
            stack.callback(release, parts["api"])
        yield Platform(
            settings=settings,
            db=db,
            vault=vault,
            clock=clock,
            operator_url=operator_url,
            **parts,
        )


async def _start_worker(
    stack: AsyncExitStack,
    db: Database,
    settings: Settings,
    vault: Vault,
    clock: Clock,
    rng: random.Random,
    transport: Transport | None,
) -> None:
    if transport is None:
        transport = await stack.enter_async_context(transport_for(settings, clock))
    sender = Sender(db, vault, settings, transport, jitter=rng.random)
    await stack.enter_async_context(_owned(sender.run(), "webhook sender"))
    streaks = Streaks()
    jobs = periodic_work(db, settings, streaks)
    await stack.enter_async_context(running(jobs, clock, streaks))


async def _measure_lag(clock: Clock) -> None:
    """Look twice a second how late the event loop is."""
    while True:
        due_s = clock.monotonic() + LAG_EVERY_S
        await clock.sleep(LAG_EVERY_S)
        metrics.LOOP_LAG_SECONDS.observe(max(clock.monotonic() - due_s, 0))


@asynccontextmanager
async def _owned(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run *work* until the block is left, then cancel it and wait for its end."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def _doorbell(settings: Settings, clock: Clock) -> AsyncIterator[Doorbell]:
    if settings.redis_url is None:
        yield MemoryDoorbell()
        return
    from core.kernel.doorbell_redis import RedisDoorbell  # noqa: PLC0415 - slow; often not needed

    url = settings.redis_url.get_secret_value()
    async with RedisDoorbell(url, clock) as doorbell:
        with contextlib.suppress(TimeoutError):
            await doorbell.wait_connected(within_s=2)
        yield doorbell
