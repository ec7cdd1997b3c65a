"""``kill -9`` at every fail point between request and webhook, then a restart: nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from core.audit.service import Actor
from core.chargers import registry, stations
from core.doctor.service import examine
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.partners import keys
from core.partners import service as partners
from core.partners.scopes import Scope
from core.webhooks import endpoints
from ops.demo.receiver import OUTCOMES, Receiver, receiving
from simulator import ChargerConfig, SimulatedCharger
from tests.crash.node import Node, node
from tests.eventually import eventually
from tests.world import PASSWORD, QUICK

ACTOR: Final = Actor(name="test")

FAILPOINTS: Final = {
    "commit.after.api.POST/v1/start_charge": "succeeded",
    "csms.claimed.start": "timed_out",
    "csms.written.start": "succeeded",
    "csms.answered.start": "succeeded",
    "commit.after.frame.{started}": "succeeded",
    "commit.after.webhook.claim": "succeeded",
    "webhooks.posted": "succeeded",
}
"""Each place, and how the operation that was under way ends after the restart."""


@pytest.fixture
async def key(db: Database, vault: Vault, settings: Any, receiver: Receiver) -> str:
    """A partner with a key, one charger, and an endpoint that hears the outcomes."""
    async with db.transaction() as tx:
        station = await stations.create_station(tx, ACTOR, name="Test")
        charger, _ = await registry.register(
            tx, vault, ACTOR, identity="CP-1", password=PASSWORD, station_id=station.id
        )
        await registry.put_connectors(tx, ACTOR, charger.id, [registry.ConnectorSpec(evse=1)])
        partner = await partners.create_partner(tx, ACTOR, name="acme")
        await stations.grant_station(tx, ACTOR, partner.id, station.id, control=True)
        _, text = await keys.create_key(
            tx,
            vault,
            ACTOR,
            partner_id=partner.id,
            livemode=True,
            name="test",
            scopes=list(Scope),
        )
        _, secret = await endpoints.create(
            tx,
            vault,
            settings,
            ACTOR,
            partner_id=partner.id,
            livemode=True,
            url=receiver.url,
            event_types=list(OUTCOMES),
        )
    receiver.secrets.append(secret)
    return text


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as created:
        yield created


async def request_start(api: httpx2.AsyncClient, connector_id: str) -> dict[str, Any]:
    """Ask until it is answered, as a partner does: the same request_id each time."""
    body = {"request_id": "r-1", "connector_id": connector_id}

    async def answered() -> dict[str, Any] | None:
        try:
            response = await api.post("/v1/start_charge", json=body)
        except httpx2.HTTPError:
            return None
        if response.status_code != 202:
            return None
        operation: dict[str, Any] = response.json()
        return operation

    return await eventually(answered, within_s=30)


@pytest.mark.timeout(170)
@pytest.mark.parametrize(("failpoint", "outcome"), FAILPOINTS.items())
async def test_i01_i04_i06_i12_a_killed_node_loses_nothing_and_sends_nothing_twice(
    database_url: str,
    backend: str,
    db: Database,
    key: str,
    receiver: Receiver,
    tmp_path: Path,
    failpoint: str,
    outcome: str,
) -> None:
    version = "1.6" if backend == "sqlite" else "2.0.1"
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(node(database_url, tmp_path))
        if outcome == "timed_out":
            running.confirm_within = "PT10S"
        started = "StartTransaction" if version == "1.6" else "TransactionEvent"
        await running.start(failpoint.format(started=started))
        charger = await stack.enter_async_context(_charger(running, version))
        api = await stack.enter_async_context(
            httpx2.AsyncClient(
                base_url=running.api_url,
                headers={"authorization": f"Bearer {key}"},
                trust_env=False,
                verify=False,  # nothing here is TLS, and its certificates take time to read
                timeout=10,
            )
        )
        connector_id = await _connector(db)
        asking = asyncio.create_task(request_start(api, connector_id))
        await running.died()
        await running.start()
        operation = await asking

        event = await receiver.outcome("r-1", within_s=80)

        assert event["type"] == f"operation.{outcome}"
        assert event["data"]["object"]["id"] == operation["id"]
        polled = (await api.get(f"/v1/operations/{operation['id']}")).json()
        assert polled["status"] == outcome
        assert len(receiver.all(*OUTCOMES)) == 1
        sent = charger.ledger.calls_received(
            "RemoteStartTransaction" if version == "1.6" else "RequestStartTransaction"
        )
        assert len(sent) == (0 if failpoint == "csms.claimed.start" else 1)
        async with db.transaction() as tx:
            assert await examine(tx) == []


def _charger(running: Node, version: Any) -> SimulatedCharger:
    return SimulatedCharger(
        ChargerConfig(
            identity="CP-1",
            version=version,
            url=running.ocpp_url,
            password=PASSWORD,
            timing=QUICK,
            reconnect_min_s=0.1,
            reconnect_max_s=0.3,
        )
    )


async def _connector(db: Database) -> str:
    async with db.transaction() as tx:
        charger = await registry.by_identity(tx, "CP-1")
        assert charger is not None
        [connector] = await registry.connectors_of(tx, charger.id)
    return connector.id
