"""Stations, chargers and reports for the tests of chargers, and what partners heard."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.audit.service import CLI
from core.chargers import presence, registry, status, telling
from core.chargers.facts import StatusReported
from core.chargers.models import Charger
from core.chargers.states import ConnectorStatus
from core.chargers.views import status_view
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.partners import service as partners
from core.webhooks.models import events

PASSWORD = "correct-horse-battery"


async def make_station(db: Database, **values: Any) -> str:
    async with db.transaction() as tx:
        return (await registry.create_station(tx, CLI, **{"name": "Depot", **values})).id


async def make_partner(db: Database, *station_ids: str) -> str:
    """Create a partner that may see the stations."""
    async with db.transaction() as tx:
        partner = await partners.create_partner(tx, CLI, name="Partner")
        for station_id in station_ids:
            await registry.grant_station(tx, CLI, partner.id, station_id, control=True)
        return partner.id


async def make_charger(
    db: Database, vault: Vault, station_id: str | None = None, **values: Any
) -> Charger:
    async with db.transaction() as tx:
        facts = {"identity": "CP-1", "password": PASSWORD, "station_id": station_id, **values}
        charger, _ = await registry.register(tx, vault, CLI, **facts)
        return charger


async def connect(db: Database, charger_id: str, node_id: str = "node-a") -> int:
    async with db.transaction() as tx:
        return await presence.connected(
            tx, charger_id, node_id=node_id, version="1.6", address="192.0.2.7"
        )


async def disconnect(db: Database, charger_id: str, epoch: int) -> bool:
    async with db.transaction() as tx:
        return await presence.disconnected(tx, charger_id, epoch=epoch)


async def report(
    db: Database,
    charger_id: str,
    reported: ConnectorStatus,
    *,
    evse: int = 1,
    connector: int | None = None,
    at: datetime | None = None,
    error_code: str | None = None,
) -> None:
    async with db.transaction() as tx:
        fact = StatusReported(
            charger_id=charger_id,
            evse=evse,
            connector=connector,
            status=reported,
            error_code=error_code,
            error_info=None,
            at=at,
        )
        await status.report(tx, [fact])


async def shown(db: Database, partner_id: str, after_seq: int = 0) -> list[dict[str, Any]]:
    """Return the statuses that a partner reads after a number of the feed."""
    async with db.transaction() as tx:
        feed = await status.feed(tx, partner_id=partner_id, livemode=True, after_seq=after_seq)
        return [status_view(live, now=tx.now) for live in feed.statuses]


async def tell(db: Database) -> int:
    """Do what a worker does each second: tell partners of statuses that changed."""
    return await telling.tell_changes(db, backlog=1000)


async def heard(db: Database, partner_id: str, *types: str) -> list[dict[str, Any]]:
    """Return the events of a partner, of some types or all, in their order, once it is told."""
    await telling.tell_station_changes(db)
    await tell(db)
    statement = select(events.c.body).where(events.c.partner_id == partner_id)
    async with db.transaction() as tx:
        bodies = [json.loads(body) for body in await tx.scalars(statement.order_by(events.c.seq))]
    return [body for body in bodies if not types or body["type"] in types]


async def get(tx: Tx, charger: Charger) -> Charger:
    return await registry.get(tx, charger.id)
