"""Two platforms in one process: they share the routes, and see nothing of each other."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import Settings
from partner_api.app import PartnerApp, create_app, release
from tests.partner_api.scenes import Party, client_of, party

LARGE = {"request_id": "r" * 2000}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another platform: an own database, own settings, own partner."""

    app: PartnerApp
    partner: Party


@pytest.fixture
async def neighbour(
    settings: Settings, vault: Vault, clock: ShiftedClock, sqlite_template: Path, tmp_path: Path
) -> AsyncIterator[Neighbour]:
    path = shutil.copy(sqlite_template, tmp_path / "neighbour.db")
    own = settings.model_copy(
        update={
            "database_url": f"sqlite+aiosqlite:///{path}",
            "public_url": "https://neighbour.test",
            "body_limit_bytes": 1024,
            "requests_per_minute": 7,
        }
    )
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(
            Database(own.database_url, doorbell=MemoryDoorbell(), clock=clock)
        )
        app = create_app(db, own, vault, clock)
        yield Neighbour(app, await stack.enter_async_context(party(app, db, vault)))


async def test_a_key_of_one_platform_is_unknown_to_the_other(
    app: PartnerApp, partner: Party, neighbour: Neighbour
) -> None:
    async with (
        client_of(neighbour.app, partner.key) as stranger,
        client_of(app, neighbour.partner.key) as other_stranger,
    ):
        answers = await asyncio.gather(
            *(
                client.get("/v1/partner")
                for client in (partner.client, stranger, neighbour.partner.client, other_stranger)
            )
        )
    assert [answer.status_code for answer in answers] == [200, 401, 200, 401]
    assert answers[0].json()["id"] == partner.partner_id
    assert answers[2].json()["id"] == neighbour.partner.partner_id


async def test_each_platform_has_its_own_address_limits_and_document(
    settings: Settings, partner: Party, neighbour: Neighbour
) -> None:
    here, there = partner.client, neighbour.partner.client
    for client, url, status, quota in (
        (here, settings.public_url, 400, settings.requests_per_minute),
        (there, "https://neighbour.test", 413, 7),
        (here, settings.public_url, 400, settings.requests_per_minute),
    ):
        refused = await client.post("/v1/start_charge", json=LARGE)
        assert refused.status_code == status
        assert refused.json()["type"].startswith(f"{url}/docs/errors/")
        admitted = await client.get("/v1/partner")
        assert admitted.headers["RateLimit-Policy"] == f'"default";q={quota};w=60'
    document = (await there.get("/openapi.json")).json()
    assert document["servers"] == [{"url": "https://neighbour.test"}]


async def test_what_one_partner_has_used_up_is_left_to_its_neighbour(
    partner: Party, neighbour: Neighbour
) -> None:
    statuses = [(await neighbour.partner.client.get("/v1/partner")).status_code for _ in range(8)]
    assert statuses == [200] * 7 + [429]
    assert (await partner.client.get("/v1/partner")).status_code == 200


async def test_one_platform_may_stop_while_the_other_goes_on(
    app: PartnerApp, neighbour: Neighbour
) -> None:
    release(neighbour.app)
    assert neighbour.app.services.closing.is_set()
    assert not app.services.closing.is_set()


async def test_the_routes_are_analysed_once_per_process(
    app: PartnerApp,
    partner: Party,
    db: Database,
    settings: Settings,
    vault: Vault,
    clock: ShiftedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (await partner.client.get("/v1/partner")).status_code == 200  # FastAPI is lazy

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("routes are analysed again")

    monkeypatch.setattr("fastapi.routing.get_dependant", fail)
    again = create_app(db, settings, vault, clock)
    assert again.fastapi is app.fastapi
    async with client_of(again, partner.key) as client:
        assert (await client.get("/v1/partner")).status_code == 200
