"""A platform with two furnished partners, made once: each test works on a copy of it."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from core.audit.service import CLI
from core.chargers import presence, registry, stations
from core.kernel.clock import Clock, ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, metadata
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import FixedSettings, Settings
from partner_api.app import PartnerApp, create_app
from tests.partner_api.asgi import Answer, ask
from tests.partner_api.furniture import PICTURES, Furniture, furnish
from tests.partner_api.scenes import (
    Party,
    Place,
    client_of,
    grant,
    make_key,
    make_partner,
    make_place,
)
from tests.partner_api.surface import Call

FREELY: Final[dict[str, Any]] = {
    "requests_per_minute": 1_000_000,
    "control_calls_per_minute": 1_000_000,
    "stop_calls_per_minute": 1_000_000,
    "applicant_requests_per_minute": 1_000_000,
    "applications_per_address": 1_000_000,
    "applications_per_day": 1_000_000,
    "webhook_allow_insecure": True,
    "node_id": "node-a",
}
"""Settings under which probes are not held back for their number."""
USED: Final = frozenset({"last_used_at"})
"""What a call may change that is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A partner in one mode: a key with every scope, one object of every kind, and what is gone."""

    partner_id: str
    key: str
    livemode: bool
    has: Furniture
    gone: Mapping[str, tuple[str, ...]]

    def ids(self) -> dict[str, str]:
        """Return the ids by the names of the path parameters."""
        return {name: id_ for name, id_ in asdict(self.has).items() if name.endswith("_id")}

    def key_for(self, call: Call) -> str | None:
        """Return what this partner shows to *call*."""
        return self.has.status_token if "statusToken" in call.security else self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Two partners in both modes; a connector ours may only see; a place that both may use."""

    live: Side
    test: Side
    their_live: Side
    their_test: Side
    view_only_connector_id: str
    shared: Place

    def foreign_to(self, side: Side) -> tuple[Side, ...]:
        """Return whose objects *side* must not see: theirs, and its own of the other mode."""
        own = self.test if side is self.live else self.live
        return (self.their_live, self.their_test, own)


@dataclass(frozen=True, slots=True)
class Furnished:
    """The scene and the application that serves it."""

    app: PartnerApp
    db: Database
    scene: Scene

    async def ask(self, side: Side, method: str, target: str, **more: Any) -> Answer:
        return await ask(self.app, method, target, **({"key": side.key} | more))

    async def stored(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table, but when keys were last used."""
        found = {}
        async with self.db.transaction() as tx:
            for table in metadata.sorted_tables:
                columns = [column for column in table.c if column.name not in USED]
                key = list(table.primary_key.columns)
                found[table.name] = [
                    tuple(row) for row in await tx.all(select(*columns).order_by(*key))
                ]
        return found


async def make_scene(app: PartnerApp, db: Database, vault: Vault) -> Scene:
    """Furnish two partners in both modes."""
    sides = {}
    for name in ("ours", "theirs"):
        partner_id = await make_partner(db, name)
        for livemode in (True, False):
            label = f"{name}-{'live' if livemode else 'test'}"
            sides[label] = await _side(app, db, vault, partner_id, label, livemode=livemode)
    place = await make_place(db, vault, identity="view-only")
    await grant(db, place, sides["ours-live"].partner_id, control=False)
    shared = await make_place(db, vault, identity="shared")
    await grant(db, shared, sides["ours-live"].partner_id, sides["theirs-live"].partner_id)
    return Scene(
        live=sides["ours-live"],
        test=sides["ours-test"],
        their_live=sides["theirs-live"],
        their_test=sides["theirs-test"],
        view_only_connector_id=place.connector_id,
        shared=shared,
    )


async def _side(
    app: PartnerApp, db: Database, vault: Vault, partner_id: str, name: str, *, livemode: bool
) -> Side:
    key_id, key = await make_key(db, vault, partner_id, livemode=livemode)
    async with client_of(app, key) as client:
        party = Party(partner_id, key_id, key, client)
        has = await furnish(db, vault, party, name=name, livemode=livemode)
        body = {"url": "http://127.0.0.1:9999/gone"}
        endpoint_id = (await client.post("/v1/webhook_endpoints", json=body)).json()["id"]
        assert (await client.delete(f"/v1/webhook_endpoints/{endpoint_id}")).status_code == 200
    lost = [
        await _lost(db, vault, partner_id, name, is_removed, livemode=livemode)
        for is_removed in (True, False)
    ]
    gone = {"endpoint_id": (endpoint_id,)} | {
        f"{kind}_id": tuple(getattr(place, f"{kind}_id") for place in lost)
        for kind in ("station", "charger", "connector")
    }
    return Side(partner_id=partner_id, key=key, livemode=livemode, has=has, gone=gone)


async def _lost(
    db: Database, vault: Vault, partner_id: str, name: str, is_removed: bool, *, livemode: bool
) -> Place:
    """Make a place that the partner could see once: it was removed, or the grant withdrawn."""
    identity = f"{name}-{'removed' if is_removed else 'withdrawn'}"
    place = await make_place(db, vault, identity=identity, livemode=livemode)
    await grant(db, place, partner_id)
    async with db.transaction() as tx:
        if is_removed:
            await presence.disconnected(tx, place.charger_id, epoch=1)
            await registry.delete(tx, CLI, place.charger_id)
            await stations.remove_station(tx, CLI, place.station_id)
        else:
            await stations.revoke_station(tx, CLI, partner_id, place.station_id)
    return place


def free_settings(database_url: str, tmp_path: Path, **more: Any) -> Settings:
    """Return settings for the scene, in a database of one's own."""
    given = {
        "database_url": database_url,
        "document_directory": tmp_path / "documents",
        "picture_directory": PICTURES,
    }
    return FixedSettings(**{**FREELY, **given, **more})


@asynccontextmanager
async def opened(settings: Settings, clock: Clock) -> AsyncIterator[tuple[PartnerApp, Database]]:
    """Open the partner API on a database."""
    async with Database(settings.database_url, doorbell=MemoryDoorbell(), clock=clock) as db:
        async with db.transaction():  # from now on it knows the time
            pass
        yield create_app(db, settings, Vault(settings), clock), db


async def make_file(empty: Path, path: Path) -> Scene:
    """Write an SQLite file with the scene, from one with empty tables."""
    shutil.copy(empty, path)
    settings = free_settings(f"sqlite:///{path}", path.parent)
    async with opened(settings, ShiftedClock()) as (app, db):
        return await make_scene(app, db, Vault(settings))
