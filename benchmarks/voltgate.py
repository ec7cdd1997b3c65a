"""The platform under measurement: every role in one process, as ``voltgate serve`` runs it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from benchmarks.frames import token_of
from benchmarks.neighbours import NOISY_PER_MINUTE
from benchmarks.servers import Order, Ready
from core.audit.service import Actor
from core.chargers import id_tokens, registry, stations
from core.chargers.registry import ConnectorSpec
from core.conduct import tuning
from core.conduct.rules import RuleName
from core.kernel import log, memory
from core.kernel.db import Tx
from core.kernel.settings import FixedSettings
from core.partners import keys, limits
from core.partners import service as partners
from core.partners.scopes import Scope
from migrations import run as migrations
from ops.serve import Platform, platform

PER_STATION: Final = 20
"""Chargers of a station."""
UNLIMITED: Final = 1_000_000_000
PASSWORD: Final = "benchmark-password"  # noqa: S105 - of chargers that live for seconds
_ACTOR: Final = Actor(name="benchmark")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop where there is one, as in production."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def serve(order: Order, until_end: Callable[[Ready], Awaitable[None]]) -> None:
    """Serve as in production, but for the limits that would slow a load generator down."""
    ocpp_port, api_port = (0, 0) if order.resumed is None else _ports(order.resumed)
    settings = FixedSettings(
        database_url=order.database_url,
        node_id="bench",
        api_port=api_port,
        operator_port=0,
        ocpp_port=ocpp_port,
        frame_log=order.frame_log,
        frames_per_second=UNLIMITED,
        connections_per_address=UNLIMITED,
        requests_per_minute=UNLIMITED,
        control_calls_per_minute=UNLIMITED,
        stop_calls_per_minute=UNLIMITED,
        active_operations=UNLIMITED,
        open_reservations=UNLIMITED,
        open_streams=UNLIMITED,
        webhook_allow_insecure=True,
        **order.settings,
    )
    log.configure(level=settings.log_level, format_="json", bound={"node": settings.node_id})
    await migrations.upgrade(settings.database_url)
    memory.return_what_is_freed()
    memory.collect_seldom()
    async with platform(settings) as running:
        await until_end(order.resumed or await _prepare(running, order))


def _ports(ready: Ready) -> tuple[int, int]:
    return urlsplit(ready.ocpp_url).port or 0, urlsplit(ready.api_url).port or 0


async def _prepare(running: Platform, order: Order) -> Ready:
    """Make stations with the chargers, and the partners who may see and control them."""
    connectors: dict[str, list[str]] = {}
    places: list[str] = []
    for begin in range(0, len(order.chargers), PER_STATION):
        async with running.db.transaction() as tx:
            station = await stations.create_station(tx, _ACTOR, name=f"Station {len(places) + 1}")
            places.append(station.id)
            for identity in order.chargers[begin : begin + PER_STATION]:
                connectors[identity] = await _charger(running, tx, station.id, identity, order)
    made = [await _partner(running, places) for _ in range(order.partners)]
    async with running.db.transaction() as tx:
        for number, (partner_id, _) in enumerate(made):
            await id_tokens.put(tx, _ACTOR, token_of(number), partner_id=partner_id)
        noisy = await partners.create_partner(tx, _ACTOR, name="noisy")
        own = {"requests_per_minute": NOISY_PER_MINUTE}
        await limits.change(tx, _ACTOR, partner_id=noisy.id, changes=own)
        for rule in RuleName:  # the limit is measured, not the ladder
            await tuning.tune(
                tx, _ACTOR, partner_id=noisy.id, rule=rule, changes={"enabled": False}
            )
        _, noisy_key = await keys.create_key(
            tx,
            running.vault,
            _ACTOR,
            partner_id=noisy.id,
            livemode=True,
            name="noisy",
            scopes=list(Scope),
        )
    return Ready(
        ocpp_url=running.ocpp_url,
        password=PASSWORD,
        api_url=running.api_url or "",
        api_key=made[0][1],
        api_keys=[key for _, key in made],
        noisy_key=noisy_key,
        connectors=connectors,
    )


async def _charger(
    running: Platform, tx: Tx, station_id: str, identity: str, order: Order
) -> list[str]:
    """Register a charger; return the ids of its connectors."""
    charger, _ = await registry.register(
        tx,
        running.vault,
        _ACTOR,
        identity=identity,
        password=PASSWORD,
        station_id=station_id,
        connectors=[ConnectorSpec(evse=number + 1) for number in range(order.connectors)],
    )
    found = await registry.connectors_of(tx, charger.id)
    return [one.id for one in sorted(found, key=lambda one: one.evse) if one.evse > 0]


async def _partner(running: Platform, places: Sequence[str]) -> tuple[str, str]:
    """Make a partner that may control all stations; return its id and its key."""
    async with running.db.transaction() as tx:
        partner = await partners.create_partner(tx, _ACTOR, name="benchmark")
        for station_id in places:
            await stations.grant_station(tx, _ACTOR, partner.id, station_id, control=True)
        _, key = await keys.create_key(
            tx,
            running.vault,
            _ACTOR,
            partner_id=partner.id,
            livemode=True,
            name="benchmark",
            scopes=list(Scope),
        )
    return partner.id, key
