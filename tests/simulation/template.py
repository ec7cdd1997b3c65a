"""The database that every run begins with: made once in a process, then copied."""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from core.audit.service import Actor
from core.chargers import id_tokens, registry, stations
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import FixedSettings, Settings
from core.partners import keys
from core.partners import service as partners
from core.partners.scopes import Scope
from core.webhooks import endpoints
from migrations import run as migrations
from tests.simulation.determinism import determined
from tests.simulation.node import EPOCH_UNIX_S
from tests.world import PASSWORD

ACTOR: Final = Actor(name="simulation")
CARD: Final = "CARD-1"
USUAL: Final = ("operation.*", "session.*", "order.*")
"""What endpoints want in most runs; statuses of connectors are many."""
RECEIVER_PORTS: Final = (7001, 7002)
MACHINES: Final = {"CP-1": ("1.6", 1), "CP-2": ("2.0.1", 1), "CP-3": ("1.6", 2)}
"""The chargers: version, connectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFacts:
    """A partner in the template: its live key and the secret of its endpoint."""

    id: str
    name: str
    key: str
    key_id: str
    endpoint_id: str
    secret: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A file to copy, and what is in it."""

    path: Path
    partners: tuple[PartnerFacts, ...]
    connectors: dict[str, tuple[str, ...]]
    chargers: dict[str, str]
    """Ids by identity."""


def settings_of(path: Path, number: int, *, logs: bool = True, statuses: bool = True) -> Settings:
    """Return the settings of node *number* on the database at *path*.

    Args:
        logs: Frames and requests are stored, too.
        statuses: Somebody hears of statuses, so that they are told often.
    """
    return FixedSettings(
        database_url=f"sqlite:///{path}",
        node_id=f"node-{number}",
        api_port=8000 + number,
        operator_port=8100 + number,
        ocpp_port=9000 + number,
        webhook_allow_insecure=True,
        confirm_within=timedelta(seconds=7),
        command_timeout=timedelta(seconds=3),
        webhook_timeout=timedelta(seconds=3),
        suspect_grace=timedelta(seconds=8),
        status_interval=timedelta(seconds=2 if statuses else 10),
        frame_log=logs,
        request_log=logs,
        document_directory=path.parent / "documents",
        picture_directory=path.parent / "pictures",
        sandbox=False,
    )


class _Epoch:
    """The clock of the template: it stands at the beginning."""

    def monotonic(self) -> float:
        return 0.0

    def unix(self) -> float:
        return EPOCH_UNIX_S

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(0)


def make(directory: Path) -> Template:
    """Make the template in *directory*; the same one in every process."""
    path = directory / "template.db"
    rng = random.Random("template")  # noqa: S311 - a simulation
    asyncio.run(migrations.upgrade(f"sqlite:///{path}"))
    with determined(rng=rng, monotonic=lambda: 0.0, unix=lambda: EPOCH_UNIX_S):
        return asyncio.run(_fill(path))


async def _fill(path: Path) -> Template:
    settings = settings_of(path, 1)
    vault = Vault(settings)
    made: list[PartnerFacts] = []
    connectors: dict[str, tuple[str, ...]] = {}
    chargers: dict[str, str] = {}
    url = settings.database_url
    async with (
        Database(url, doorbell=MemoryDoorbell(), clock=_Epoch()) as db,
        db.transaction() as tx,
    ):
        station = await stations.create_station(tx, ACTOR, name="Simulated")
        await id_tokens.put(tx, ACTOR, CARD)
        for identity, (_, count) in MACHINES.items():
            charger, _ = await registry.register(
                tx,
                vault,
                ACTOR,
                identity=identity,
                password=PASSWORD,
                station_id=station.id,
                security_profile=1,
            )
            chargers[identity] = charger.id
            specs = [registry.ConnectorSpec(evse=number + 1) for number in range(count)]
            await registry.put_connectors(tx, ACTOR, charger.id, specs)
            found = await registry.connectors_of(tx, charger.id)
            connectors[identity] = tuple(one.id for one in sorted(found, key=lambda c: c.evse))
        for name, port in zip(("acme", "zenith"), RECEIVER_PORTS, strict=True):
            partner = await partners.create_partner(tx, ACTOR, name=name)
            await stations.grant_station(tx, ACTOR, partner.id, station.id, control=True)
            key, text = await keys.create_key(
                tx,
                vault,
                ACTOR,
                partner_id=partner.id,
                livemode=True,
                name="key",
                scopes=list(Scope),
            )
            endpoint, secret = await endpoints.create(
                tx,
                vault,
                settings,
                ACTOR,
                partner_id=partner.id,
                livemode=True,
                url=f"http://127.0.0.1:{port}/webhooks",
                event_types=list(USUAL),
            )
            made.append(
                PartnerFacts(
                    id=partner.id,
                    name=name,
                    key=text,
                    key_id=key.id,
                    endpoint_id=endpoint.id,
                    secret=secret,
                    port=port,
                )
            )
    return Template(path=path, partners=tuple(made), connectors=connectors, chargers=chargers)
