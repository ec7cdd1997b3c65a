"""What the tests of this folder set up: partners with keys, a station, a charger that is online."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from core.audit.service import CLI
from core.chargers import presence, registry, stations, status
from core.chargers.facts import StatusReported
from core.chargers.registry import ConnectorSpec
from core.chargers.states import ConnectorStatus
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.partners import keys
from core.partners import service as partners
from core.partners.scopes import Scope
from partner_api.app import PartnerApp

ALL_SCOPES = tuple(Scope)


@dataclass(frozen=True, slots=True)
class Place:
    """A station with one charger of one connector."""

    station_id: str
    charger_id: str
    connector_id: str


@dataclass(frozen=True, slots=True)
class Party:
    """A partner and a client that has its key."""

    partner_id: str
    key_id: str
    key: str
    client: httpx2.AsyncClient


def client_of(
    app: PartnerApp, key: str | None = None, *, address: str = "127.0.0.1"
) -> httpx2.AsyncClient:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    transport = httpx2.ASGITransport(app=app, client=(address, 40_000))
    return httpx2.AsyncClient(transport=transport, base_url="http://api.test", headers=headers)


async def make_key(
    db: Database, vault: Vault, partner_id: str, *, livemode: bool = True, **values: Any
) -> tuple[str, str]:
    async with db.transaction() as tx:
        key, text = await keys.create_key(
            tx,
            vault,
            CLI,
            partner_id=partner_id,
            livemode=livemode,
            name="test",
            **{"scopes": ALL_SCOPES} | values,
        )
    return key.id, text


async def make_partner(db: Database, name: str = "Tester") -> str:
    async with db.transaction() as tx:
        return (await partners.create_partner(tx, CLI, name=name)).id


@asynccontextmanager
async def party(
    app: PartnerApp, db: Database, vault: Vault, *, livemode: bool = True, **values: Any
) -> AsyncIterator[Party]:
    """Create a partner with a key; open its client."""
    partner_id = await make_partner(db)
    key_id, key = await make_key(db, vault, partner_id, livemode=livemode, **values)
    async with client_of(app, key) as client:
        yield Party(partner_id, key_id, key, client)


async def make_place(
    db: Database, vault: Vault, *, identity: str = "CP-1", livemode: bool = True
) -> Place:
    """Create a station whose charger is online and available."""
    async with db.transaction() as tx:
        station = await stations.create_station(tx, CLI, name="Mall", livemode=livemode)
        charger, _ = await registry.register(
            tx,
            vault,
            CLI,
            identity=identity,
            station_id=station.id,
            connectors=[ConnectorSpec(evse=1, connector=1)],
        )
        (connector,) = await registry.connectors_of(tx, charger.id)
        await presence.connected(
            tx, charger.id, node_id="node-a", version="1.6", address="127.0.0.1"
        )
    await report(db, charger.id, ConnectorStatus.AVAILABLE)
    return Place(station.id, charger.id, connector.id)


async def report(db: Database, charger_id: str, found: ConnectorStatus) -> None:
    async with db.transaction() as tx:
        fact = StatusReported(
            charger_id=charger_id,
            evse=1,
            connector=1,
            status=found,
            error_code=None,
            error_info=None,
            at=tx.now,
        )
        await status.report(tx, [fact])


async def grant(db: Database, place: Place, *partner_ids: str, control: bool = True) -> None:
    async with db.transaction() as tx:
        for partner_id in partner_ids:
            await stations.grant_station(tx, CLI, partner_id, place.station_id, control=control)


def start_body(place: Place, request_id: str = "app-1", **more: Any) -> dict[str, Any]:
    return {"request_id": request_id, "connector_id": place.connector_id} | more
