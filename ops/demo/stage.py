"""The stage of the demo: a platform on a temporary database, chargers, and two partners."""

import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

import httpx2

from core.audit.service import Actor
from core.chargers import registry, stations
from core.kernel.settings import FixedSettings, Settings
from core.kernel.tls import shared_context
from core.operators import service as operators
from core.operators.models import Role
from core.partners import keys
from core.partners import service as partners
from core.partners.scopes import Scope
from core.webhooks import endpoints
from migrations import run as migrations
from ops.demo.narrator import Narrator
from ops.demo.receiver import OUTCOMES, Receiver, receiving
from ops.serve import Platform, platform
from simulator import Behaviour, ChargerConfig, SimulatedCharger, Timing

Version = Literal["1.6", "2.0.1"]
ACTOR: Final = Actor(name="demo")
CONFIRM_WITHIN: Final = timedelta(seconds=6)
"""Instead of 60 s, so that nobody has to wait for the ones that never start."""

PASSWORD: Final = "demo-charger-password"  # noqa: S105 - of simulated chargers on loopback


SUBSCRIBED: Final = (
    *OUTCOMES,
    "operation.late_outcome",
    "session.started",
    "session.ended",
    "order.finalized",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A partner with its key, its API client and its webhook receiver."""

    name: str
    key: str
    api: httpx2.AsyncClient
    receiver: Receiver
    narrator: Narrator

    async def post(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        """Call the partner API, and tell it."""
        self.narrator.line(self.name, "voltgate", f"POST {path}", str(body), "magenta")
        response = await self.api.post(path, json=body)
        answer = response.json()
        said = answer.get("code") or f"{answer.get('id')} {answer.get('status')}"
        self.narrator.line("voltgate", self.name, f"{response.status_code}", said, "magenta")
        return response

    async def get(self, path: str) -> Any:
        """Return the JSON of a GET."""
        return (await self.api.get(path)).json()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that the story needs."""

    platform: Platform
    station_id: str
    connectors: dict[str, str]
    chargers: dict[str, SimulatedCharger]
    acme: Partner
    zenith: Partner
    operator_token: str
    directory: Path


CAST: Final[tuple[tuple[str, Version, Behaviour], ...]] = (
    ("SIM-OK", "1.6", Behaviour.OK),
    ("SIM-OK-2", "2.0.1", Behaviour.OK),
    ("SIM-REJECT", "1.6", Behaviour.REJECT),
    ("SIM-NOCAR", "2.0.1", Behaviour.NOCAR),
    ("SIM-LATE", "1.6", Behaviour.LATE),
)


@asynccontextmanager
async def set_up(narrator: Narrator) -> AsyncIterator[Stage]:
    """Build the stage; everything is gone when the block is left."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voltgate-demo-")))
        settings = _settings(directory)
        await migrations.upgrade(settings.database_url)
        running = await stack.enter_async_context(platform(settings))
        station_id = await _register(running)
        operator_token = await _operator(running)
        acme = await _partner(stack, running, narrator, "acme", station_id)
        zenith = await _partner(stack, running, narrator, "zenith", station_id)
        chargers = {
            identity: await stack.enter_async_context(
                SimulatedCharger(
                    _config(running.ocpp_url, identity, version, behaviour),
                    on_frame=narrator.frame,
                )
            )
            for identity, version, behaviour in CAST
        }
        yield Stage(
            platform=running,
            station_id=station_id,
            connectors=await _connectors(running, [identity for identity, _, _ in CAST]),
            chargers=chargers,
            acme=acme,
            zenith=zenith,
            operator_token=operator_token,
            directory=directory,
        )


def _settings(directory: Path) -> Settings:
    return FixedSettings(
        database_url=f"sqlite:///{directory}/demo.db",
        confirm_within=CONFIRM_WITHIN,
        webhook_allow_insecure=True,
        api_port=_free_port(8080),
        operator_port=_free_port(8081),
        ocpp_port=_free_port(9000),
    )


def _free_port(wanted: int) -> int:
    """Return *wanted*, or 0 (any) if somebody else is using it."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def _config(url: str, identity: str, version: Version, behaviour: Behaviour) -> ChargerConfig:
    return ChargerConfig(
        identity=identity,
        version=version,
        url=url,
        password=PASSWORD,
        connectors=1,
        behaviour=behaviour,
        meter_interval_s=1,
        timing=Timing(late_s=8, auto_plug_s=0.5, start_delay_s=0.3, auto_unplug_s=1),
    )


async def _register(running: Platform) -> str:
    async with running.db.transaction() as tx:
        station = await stations.create_station(
            tx,
            ACTOR,
            name="Demo station",
            livemode=False,
            address="1 Harbour Road",
            city="Rotterdam",
            country="NL",
            latitude=51.9,
            longitude=4.48,
            time_zone="Europe/Amsterdam",
        )
        for identity, _, _ in CAST:
            await registry.register(
                tx,
                running.vault,
                ACTOR,
                identity=identity,
                password=PASSWORD,
                station_id=station.id,
                security_profile=1,
            )
    return station.id


async def _operator(running: Platform) -> str:
    async with running.db.transaction() as tx:
        _, token = await operators.create_token(
            tx, running.vault, ACTOR, name="demo", role=Role.ADMIN, expires_at=None
        )
    return token


async def _partner(
    stack: AsyncExitStack, running: Platform, narrator: Narrator, name: str, station_id: str
) -> Partner:
    receiver = await stack.enter_async_context(receiving())
    receiver.on_event = lambda event: narrator.webhook(name, event)
    async with running.db.transaction() as tx:
        partner = await partners.create_partner(tx, ACTOR, name=name)
        await stations.grant_station(tx, ACTOR, partner.id, station_id, control=True)
        _, key = await keys.create_key(
            tx,
            running.vault,
            ACTOR,
            partner_id=partner.id,
            livemode=False,
            name="demo",
            scopes=list(Scope),
        )
        _, secret = await endpoints.create(
            tx,
            running.vault,
            running.settings,
            ACTOR,
            partner_id=partner.id,
            livemode=False,
            url=receiver.url,
            event_types=SUBSCRIBED,
            description="the demo's receiver",
        )
    receiver.secrets.append(secret)
    api = await stack.enter_async_context(
        httpx2.AsyncClient(
            base_url=running.api_url or "",
            headers={"authorization": f"Bearer {key}"},
            timeout=40,
            trust_env=False,
            verify=shared_context(),
        )
    )
    return Partner(name=name, key=key, api=api, receiver=receiver, narrator=narrator)


async def _connectors(running: Platform, identities: Sequence[str]) -> dict[str, str]:
    """Return the public connector id of each charger: learned from what it reported."""
    found: dict[str, str] = {}
    async with running.db.transaction() as tx:
        for identity in identities:
            charger = await registry.by_identity(tx, identity)
            if charger is None:
                raise RuntimeError(f"charger {identity} was not registered")
            found[identity] = (await registry.connectors_of(tx, charger.id))[0].id
    return found
