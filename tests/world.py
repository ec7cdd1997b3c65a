"""A platform with a partner, a station and simulated chargers, for tests that go all the way."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx2

from core.audit.service import Actor
from core.chargers import registry, stations
from core.doctor.service import examine
from core.kernel.clock import Clock
from core.kernel.page import Page
from core.kernel.settings import Settings
from core.kernel.tls import shared_context
from core.operators import service as operators
from core.operators.models import Role
from core.partners import keys
from core.partners import service as partners
from core.partners.scopes import Scope
from core.sessions import queries
from core.webhooks import endpoints
from ops.demo.receiver import OUTCOMES, Event, Receiver, receiving
from ops.serve import ALL_ROLES, Platform, platform
from ops.serve import Role as ServerRole
from simulator import Behaviour, ChargerConfig, SimulatedCharger, Timing
from tests.eventually import eventually

Version = Literal["1.6", "2.0.1"]
ACTOR: Final = Actor(name="test")
PASSWORD: Final = "correct-horse-battery"
QUICK: Final = Timing(
    late_s=4.5,
    slow_s=1.5,
    auto_plug_s=0.05,
    start_delay_s=0.05,
    auto_unplug_s=0.2,
    drop_offline_s=0.5,
    fault_after_s=1,
    fault_clear_s=1,
    reboot_s=0.3,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPartner:
    """A partner with a live key, its client and its webhook receiver."""

    __test__ = False

    id: str
    key: str
    api: httpx2.AsyncClient
    receiver: Receiver

    async def start(self, request_id: str, connector_id: str, **more: Any) -> httpx2.Response:
        body = {"request_id": request_id, "connector_id": connector_id, **more}
        return await self.api.post("/v1/start_charge", json=body)

    async def stop(self, request_id: str, **target: str) -> httpx2.Response:
        return await self.api.post("/v1/stop_charge", json={"request_id": request_id, **target})

    async def get(self, path: str) -> Any:
        response = await self.api.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    async def outcome(self, request_id: str, *, within_s: float = 40) -> Event:
        return await self.receiver.outcome(request_id, within_s=within_s)

    def outcomes(self, request_id: str) -> list[str]:
        """Return the types of every terminal event of a request."""
        return [event["type"] for event in self.receiver.all(*OUTCOMES, request_id=request_id)]


@dataclass(slots=True, kw_only=True)
class World:
    """One platform (or the first of several nodes) and everything around it."""

    platform: Platform
    station_id: str
    stack: AsyncExitStack
    partners: list[TestPartner] = field(default_factory=list)
    chargers: list[SimulatedCharger] = field(default_factory=list)
    operator: httpx2.AsyncClient | None = None

    @property
    def partner(self) -> TestPartner:
        return self.partners[0]

    async def add_partner(self, name: str = "acme") -> TestPartner:
        """Create a partner that may control the station and receives every event."""
        running = self.platform
        receiver = await self.stack.enter_async_context(receiving())
        async with running.db.transaction() as tx:
            partner = await partners.create_partner(tx, ACTOR, name=name)
            await stations.grant_station(tx, ACTOR, partner.id, self.station_id, control=True)
            _, key = await keys.create_key(
                tx,
                running.vault,
                ACTOR,
                partner_id=partner.id,
                livemode=True,
                name="test",
                scopes=list(Scope),
            )
            _, secret = await endpoints.create(
                tx,
                running.vault,
                running.settings,
                ACTOR,
                partner_id=partner.id,
                livemode=True,
                url=receiver.url,
                event_types=["*"],
            )
        receiver.secrets.append(secret)
        api = await self.client(running.api_url or "", key)
        created = TestPartner(id=partner.id, key=key, api=api, receiver=receiver)
        self.partners.append(created)
        return created

    async def client(self, url: str, key: str) -> httpx2.AsyncClient:
        """Return an API client, closed with the world."""
        return await self.stack.enter_async_context(
            httpx2.AsyncClient(
                base_url=url,
                headers={"authorization": f"Bearer {key}"},
                timeout=40,
                trust_env=False,
                verify=shared_context(),  # else each client reads the certificates: 40 ms
            )
        )

    async def register(self, identity: str, *, version: Version, **more: Any) -> ChargerConfig:
        """Register a charger; return the configuration that simulates it."""
        async with self.platform.db.transaction() as tx:
            await registry.register(
                tx,
                self.platform.vault,
                ACTOR,
                identity=identity,
                password=PASSWORD,
                station_id=self.station_id,
                security_profile=1,
            )
        values: dict[str, Any] = {
            "behaviour": Behaviour.OK,
            "connectors": 1,
            "timing": QUICK,
            "meter_interval_s": 1.0,
            "seed": 1,
        }
        return ChargerConfig(
            identity=identity,
            version=version,
            url=self.platform.ocpp_url,
            password=PASSWORD,
            **(values | more),
        )

    async def add_charger(
        self, identity: str = "CP-1", *, version: Version = "1.6", **more: Any
    ) -> SimulatedCharger:
        """Register and connect a charger; wait until its connectors are known."""
        config = await self.register(identity, version=version, **more)
        return await self.connect(config)

    async def connect(self, config: ChargerConfig) -> SimulatedCharger:
        charger = await self.stack.enter_async_context(SimulatedCharger(config))
        self.chargers.append(charger)
        await self.connector_id(config.identity)
        return charger

    async def connector_id(self, identity: str, evse: int = 1) -> str:
        """Return the public id of a charger's connector, once it has reported it."""

        async def known() -> str | None:
            async with self.platform.db.transaction() as tx:
                charger = await registry.by_identity(tx, identity)
                if charger is None:
                    return None
                found = await registry.connectors_of(tx, charger.id)
            return next((connector.id for connector in found if connector.evse == evse), None)

        return await eventually(known)

    async def wait_offline(self, identity: str) -> None:
        """Wait until the platform has noticed that a charger left."""

        async def gone() -> bool:
            async with self.platform.db.transaction() as tx:
                charger = await registry.by_identity(tx, identity)
            return charger is not None and not charger.online

        await eventually(gone)

    async def wait_readings(self, session_id: str, count: int) -> None:
        """Wait until a session has at least *count* meter readings."""

        async def enough() -> bool:
            values = await self.partner.get(f"/v1/sessions/{session_id}/meter_values")
            return len(values["data"]) >= count

        await eventually(enough)

    async def orders(self) -> list[dict[str, Any]]:
        """Return every order as the operator sees it, whoever it belongs to."""
        async with self.platform.db.transaction() as tx:
            found = await queries.list_orders(tx, Page(limit=200), owner=None)
        return [order.body for order in found.rows]

    async def operator_client(self) -> httpx2.AsyncClient:
        """Return a client of the operator API with every right."""
        if self.operator is None:
            async with self.platform.db.transaction() as tx:
                _, token = await operators.create_token(
                    tx, self.platform.vault, ACTOR, name="test", role=Role.ADMIN, expires_at=None
                )
            self.operator = await self.client(self.platform.operator_url, token)
        return self.operator

    async def check_invariants(self) -> None:
        """Compare the database with its rules, the chargers' ledgers, and the receivers' logs."""
        async with self.platform.db.transaction() as tx:
            findings = await examine(tx)
        assert not findings, findings
        for partner in self.partners:
            assert partner.receiver.forged == 0
            by_operation: dict[str, list[str]] = {}
            for event in partner.receiver.all(*OUTCOMES):
                by_operation.setdefault(event["data"]["object"]["id"], []).append(event["type"])
            doubled = {key: types for key, types in by_operation.items() if len(types) != 1}
            assert not doubled, doubled
        for charger in self.chargers:
            tokens = [
                call.payload.get("idTag") or call.payload.get("idToken", {}).get("idToken")
                for action in ("RemoteStartTransaction", "RequestStartTransaction")
                for call in charger.ledger.calls_received(action)
            ]
            assert len(tokens) == len(set(tokens)), "a start was sent twice (I6)"


@asynccontextmanager
async def world(
    settings: Settings,
    *,
    clock: Clock | None = None,
    roles: frozenset[ServerRole] = ALL_ROLES,
) -> AsyncIterator[World]:
    """Run a platform with one station and one partner; check the invariants at the end."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(
            platform(settings, roles=roles, clock=clock, rng=random.Random(1))  # noqa: S311
        )
        async with running.db.transaction() as tx:
            station = await stations.create_station(tx, ACTOR, name="Test station")
        created = World(platform=running, station_id=station.id, stack=stack)
        await created.add_partner()
        yield created
        await created.check_invariants()
