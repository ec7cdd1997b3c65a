"""Alive, able to work, counted: without a login."""

import httpx2
import pytest
from pydantic import SecretStr

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import Settings
from migrations import run as migrations
from ops.operator_api.app import create_operator_app
from tests.ops.conftest import client_of


async def test_the_process_is_alive_whatever_the_database_does(anybody: httpx2.AsyncClient) -> None:
    answer = await anybody.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "node": "node-a"})


async def test_it_is_ready_once_the_tables_are_up_to_date(
    anybody: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "head", lambda: "9999_newer")
        missing = await anybody.get("/readyz")
    assert missing.status_code == 503
    assert missing.json()["checks"]["migrations"] == "missing; run: voltgate migrate"
    ready = await anybody.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


async def test_it_is_not_ready_without_its_database(
    settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    url = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
    async with Database(url, doorbell=MemoryDoorbell(), clock=clock) as away:
        app = create_operator_app(away, settings, vault, clock)
        async with client_of(app, None) as client:
            answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "cannot be reached"


async def test_redis_may_be_away(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    named = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    app = create_operator_app(db, named, vault, clock)
    async with client_of(app, None) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"]["redis"].startswith("away")


async def test_metrics_are_in_the_text_format(anybody: httpx2.AsyncClient) -> None:
    await anybody.get("/healthz")
    answer = await anybody.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'voltgate_http_request_seconds_count{app="operator"' in answer.text
    assert 'route="/healthz"' in answer.text
