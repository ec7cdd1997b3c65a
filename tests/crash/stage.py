"""A platform in a process that dies, and around it those that do not: chargers, a partner, tools.

Everything here survives the node: the ledgers of the chargers, what the partner was answered, what
its receiver heard. ``at_rest`` waits until nothing is under way, then ``tests.oracle`` judges.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
from sqlalchemy import func, select, update

from core.audit.service import Actor
from core.chargers import id_tokens, registry, stations
from core.kernel.clock import SystemClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import FixedSettings
from core.operations.models import operations
from core.operations.states import MACHINE
from core.operators import service as operators
from core.operators.models import Role
from core.partners import keys
from core.partners import service as partners
from core.partners.scopes import Scope
from core.webhooks import endpoints
from core.webhooks.models import deliveries
from core.webhooks.states import DeliveryStatus
from ops.demo.receiver import Receiver, receiving
from simulator import Behaviour, ChargerConfig, SimulatedCharger
from tests.core.alerts.outside import FINE
from tests.core.webhooks.receiver import Receiver as Sink
from tests.crash.node import Faults, Node
from tests.eventually import eventually
from tests.oracle import Promises, violations
from tests.world import PASSWORD, QUICK, Version

ACTOR: Final = Actor(name="crash")
CARD: Final = "CARD"
LONGEST_LEASE: Final = timedelta(seconds=8)
SETTLE_WITHIN_S: Final = 90.0
LOOK_S: Final = 0.1
ALERT_SECRET: Final = "whsec_Y2FuYXJ5IG9mIHRoZSBhbGVydCBjaGFubmVsJ3Mgc2VjcmV0"

SETTINGS: Final = {
    "command_timeout": "PT2S",
    "suspect_grace": "PT1S",
    "status_interval": "PT0.05S",
    "requests_per_minute": "1000000",
    "control_calls_per_minute": "1000000",
    "stop_calls_per_minute": "1000000",
    "active_operations": "100000",
    "connections_per_address": "1000000",
    "handshakes_at_once": "1000",
    "flapping_replacements": "1000000",
    "conduct_rules": "false",
    "heartbeat_interval": "PT2S",
}
"""Deadlines that end soon; no limit that a partner who tries again and again would come to."""

SLOW: Final = dataclasses.replace(QUICK, answer_delay_s=3.0)
"""Of a charger that answers after our patience has ended."""

WORKERS: Final[dict[str, Version]] = {"CP-16": "1.6", "CP-201": "2.0.1"}
"""Chargers that charge all the time, and the versions they speak."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """Who takes part; ``chargers`` by identity."""

    db: Database
    vault: Vault
    node: Node
    station_id: str
    partner_id: str
    receiver: Receiver
    sink: Sink
    api: httpx2.AsyncClient
    operator: httpx2.AsyncClient
    tester: httpx2.AsyncClient
    chargers: dict[str, SimulatedCharger] = field(default_factory=dict)
    absent_id: str = ""
    """A charger that is registered and never comes."""
    promises: Promises = field(default_factory=Promises)
    wrong: list[str] = field(default_factory=list)
    """What did not hold already while it happened."""

    async def connector_id(self, identity: str) -> str:
        """Return the id of a charger's only connector, once it has been reported."""

        async def known() -> str | None:
            try:
                async with self.db.transaction() as tx:
                    charger = await registry.by_identity(tx, identity)
                    found = [] if charger is None else await registry.connectors_of(tx, charger.id)
            except DatabaseUnavailable:  # it is what is taken away here
                return None
            return next((connector.id for connector in found), None)

        return await eventually(known, within_s=30)

    async def charger_id(self, identity: str) -> str:
        async with self.db.transaction() as tx:
            charger = await registry.by_identity(tx, identity)
        assert charger is not None
        return charger.id

    async def at_rest(self, *, within_s: float = SETTLE_WITHIN_S) -> None:
        """Wait until nothing is under way anywhere; what still is goes into ``wrong``."""
        left: Sequence[str] = ()
        try:
            async with asyncio.timeout(within_s):
                while left := await self._under_way():  # noqa: ASYNC110 - nobody rings for all
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            self.wrong.append(f"I4, I12: after {within_s:.0f} s there is still {left}")

    async def violations(self) -> list[str]:
        """Return everything that does not hold, now that nothing is under way."""
        ledgers = [charger.ledger for charger in self.chargers.values()]
        receivers = {self.partner_id: self.receiver}
        return self.wrong + await violations(self.db, ledgers, receivers, self.promises)

    async def _under_way(self) -> Sequence[str]:
        try:
            return await self._seen_under_way()
        except DatabaseUnavailable:
            return ["the database is away"]

    async def _seen_under_way(self) -> Sequence[str]:
        await self._hasten()
        left = [
            f"{identity}: {charger.queued} messages, online {charger.online}"
            for identity, charger in self.chargers.items()
            if charger.queued or not charger.online
        ]
        async with self.db.transaction() as tx:
            open_ = operations.c.status.not_in(sorted(MACHINE.final))
            count = await tx.scalar(select(func.count()).select_from(operations).where(open_))
            due = deliveries.c.status == DeliveryStatus.DUE
            waiting = await tx.scalar(select(func.count()).select_from(deliveries).where(due))
        if count:
            left.append(f"{count} unfinished operations")
        if waiting:
            left.append(f"{waiting} deliveries")
        return left

    async def _hasten(self) -> None:
        """Let the pauses between the attempts at a webhook be over, leases aside."""
        async with self.db.transaction() as tx:
            is_pause = deliveries.c.due_at > tx.now + LONGEST_LEASE
            failed = deliveries.c.attempts > 0
            due = deliveries.c.status == DeliveryStatus.DUE
            await tx.execute(update(deliveries).where(due, failed, is_pause).values(due_at=tx.now))


async def insist(
    ask: Callable[[], Any], *, within_s: float = 60.0, wait_s: float = 0.05
) -> httpx2.Response:
    """Ask as a partner does, until there is an answer that is not the platform's trouble."""
    async with asyncio.timeout(within_s):
        while True:
            with suppress(httpx2.HTTPError):
                response: httpx2.Response = await ask()
                if response.status_code < 500 and response.status_code != 429:
                    return response
            await asyncio.sleep(wait_s)


@asynccontextmanager
async def stage(
    database_url: str,
    directory: Path,
    *,
    settings: dict[str, str] | None = None,
    faults: Faults | None = None,
    others: bool = True,
) -> AsyncIterator[Stage]:
    """Set everything up over a database with every table; start the node once, and the chargers.

    Args:
        settings: Of the node, beside ``SETTINGS``.
        others: Whether the chargers are there that only acts need.
    """
    async with AsyncExitStack() as stack:
        created = await _platform(stack, database_url, directory, settings or {})
        created.node.faults = faults or Faults()
        await created.node.start()
        for identity, version in WORKERS.items():
            await add_charger(stack, created, identity, version=version)
        if not others:
            yield created
            return
        await add_charger(stack, created, "CP-NOCAR", behaviour=Behaviour.NOCAR)
        await add_charger(stack, created, "CP-ODD")
        await add_charger(stack, created, "CP-LIMIT")
        await add_charger(stack, created, "CP-SLOW", timing=SLOW)
        yield created


async def add_charger(
    stack: AsyncExitStack,
    on: Stage,
    identity: str,
    *,
    version: Version = "1.6",
    **more: Any,
) -> SimulatedCharger:
    """Register a charger and let it connect; it ends with *stack*."""
    async with on.db.transaction() as tx:
        await registry.register(
            tx, on.vault, ACTOR, identity=identity, password=PASSWORD, station_id=on.station_id
        )
    config = ChargerConfig(
        identity=identity,
        version=version,
        url=on.node.ocpp_url,
        password=PASSWORD,
        timing=more.pop("timing", QUICK),
        meter_interval_s=1.0,
        reconnect_min_s=0.05,
        reconnect_max_s=0.2,
        response_timeout_s=15.0,
        boot_on_reconnect=True,
        seed=1,
        **more,
    )
    charger = await stack.enter_async_context(SimulatedCharger(config, ready=False))
    on.chargers[identity] = charger
    await charger.wait_online(timeout_s=30)
    return charger


async def _platform(
    stack: AsyncExitStack, database_url: str, directory: Path, settings: dict[str, str]
) -> Stage:
    receiver = await stack.enter_async_context(receiving())
    sink = await stack.enter_async_context(sinking())
    fixed = FixedSettings(database_url=database_url, webhook_allow_insecure=True)
    vault = Vault(fixed)
    db = await stack.enter_async_context(
        Database(database_url, doorbell=MemoryDoorbell(), clock=SystemClock(), pool_size=3)
    )
    async with db.transaction() as tx:
        station = await stations.create_station(tx, ACTOR, name="Crash station")
        partner = await partners.create_partner(tx, ACTOR, name="acme")
        await stations.grant_station(tx, ACTOR, partner.id, station.id, control=True)
        key, test_key = [
            (
                await keys.create_key(
                    tx,
                    vault,
                    ACTOR,
                    partner_id=partner.id,
                    livemode=livemode,
                    name="crash",
                    scopes=list(Scope),
                )
            )[1]
            for livemode in (True, False)
        ]
        _, secret = await endpoints.create(
            tx,
            vault,
            fixed,
            ACTOR,
            partner_id=partner.id,
            livemode=True,
            url=receiver.url,
            event_types=["*"],
        )
        _, token = await operators.create_token(tx, vault, ACTOR, name="crash", role=Role.ADMIN)
        await id_tokens.put(tx, ACTOR, CARD)
        absent, _ = await registry.register(
            tx, vault, ACTOR, identity="CP-ABSENT", password=PASSWORD, station_id=station.id
        )
    receiver.secrets.append(secret)
    node = Node(
        database_url=database_url,
        directory=directory,
        confirm_within="PT6S",
        settings={
            **SETTINGS,
            "alert_webhook_url": f"http://127.0.0.1:{sink.port}/alerts",
            "alert_webhook_secret": ALERT_SECRET,
            **settings,
        },
    )
    stack.push_async_callback(node.stop)
    return Stage(
        db=db,
        vault=vault,
        node=node,
        station_id=station.id,
        partner_id=partner.id,
        receiver=receiver,
        sink=sink,
        api=await stack.enter_async_context(client(node.api_url, key)),
        operator=await stack.enter_async_context(client(node.operator_url, token)),
        tester=await stack.enter_async_context(client(node.api_url, test_key)),
        absent_id=absent.id,
    )


def client(url: str, key: str, *, timeout_s: float = 10.0) -> httpx2.AsyncClient:
    """Return a client of the partner or operator API; nothing here is TLS."""
    return httpx2.AsyncClient(
        base_url=url,
        headers={"authorization": f"Bearer {key}"},
        trust_env=False,
        verify=False,
        timeout=timeout_s,
    )


@asynccontextmanager
async def sinking() -> AsyncIterator[Sink]:
    """Listen on loopback for alerts; each is answered with 204."""
    sink = Sink([FINE])
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
