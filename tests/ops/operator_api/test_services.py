"""Two platforms in one process share the routes of the operator API, and nothing else."""

import httpx2
import pytest

from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import Settings
from core.operators import service as operators
from core.operators.models import Role
from ops.operator_api.app import OperatorApp, create_operator_app
from tests.ops.conftest import client_of


async def test_each_platform_answers_from_its_own_database(
    operator: httpx2.AsyncClient, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    named = settings.model_copy(update={"node_id": "node-away", "public_url": "https://away.test"})
    url = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
    async with Database(url, doorbell=MemoryDoorbell(), clock=clock) as nothing:
        away = create_operator_app(nothing, named, vault, clock)
        async with client_of(away, None) as client:
            for _ in range(2):
                assert (await client.get("/healthz")).json()["node"] == "node-away"
                assert (await client.get("/readyz")).status_code == 503
                unavailable = await client.get("/operator/v1/stations")
                assert unavailable.status_code == 503
                assert unavailable.json()["type"].startswith("https://away.test/")
                assert (await operator.get("/healthz")).json()["node"] == settings.node_id
                assert (await operator.get("/readyz")).status_code == 200
                assert (await operator.get("/operator/v1/stations")).status_code == 200


async def test_the_routes_are_analysed_once_per_process(
    operator_app: OperatorApp,
    operator: httpx2.AsyncClient,
    db: Database,
    settings: Settings,
    vault: Vault,
    clock: ShiftedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (await operator.get("/operator/v1/stations")).status_code == 200  # FastAPI is lazy
    async with db.transaction() as tx:
        _, token = await operators.create_token(tx, vault, CLI, name="x", role=Role.VIEWER)

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("routes are analysed again")

    monkeypatch.setattr("fastapi.routing.get_dependant", fail)
    again = create_operator_app(db, settings, vault, clock)
    assert again.fastapi is operator_app.fastapi
    async with client_of(again, token) as client:
        assert (await client.get("/operator/v1/stations")).status_code == 200
