"""A running platform, and a partner of which nothing is there but a test key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from core.audit.service import Actor
from core.doctor.service import examine
from core.kernel.clock import ShiftedClock
from core.kernel.settings import Settings
from core.kernel.tls import shared_context
from core.partners import keys
from core.partners import service as partners
from core.partners.scopes import Scope
from ops.serve import Platform, platform
from tests.eventually import eventually

ACTOR = Actor(name="test")


@dataclass(frozen=True, slots=True)
class Developer:
    """A partner as it sees itself: a key and the API."""

    partner_id: str
    key: str
    api: httpx2.AsyncClient

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = await self.api.request(method, path, json=body)
        assert answer.status_code == status, (method, path, answer.text)
        return answer.json()

    async def get(self, path: str) -> Any:
        return await self.call("GET", path)

    async def charger(self, name: str) -> dict[str, Any]:
        found = (await self.get("/v1/test_helpers/chargers"))["data"]
        [charger] = [one for one in found if one["name"] == name]
        return dict(charger)

    async def helper(
        self, name: str, act: str, body: Any = None, *, status: int = 200
    ) -> dict[str, Any]:
        charger = await self.charger(name)
        path = f"/v1/test_helpers/chargers/{charger['id']}/{act}"
        return dict(await self.call("POST", path, body, status=status))

    async def start(self, name: str, *, status: int = 202, **more: Any) -> dict[str, Any]:
        body = {
            "request_id": f"start-{name}",
            "connector_id": (await self.charger(name))["connector_id"],
        }
        return dict(await self.call("POST", "/v1/start_charge", body | more, status=status))

    async def stop(self, session_id: str) -> dict[str, Any]:
        body = {"request_id": f"stop-{session_id}", "session_id": session_id}
        return dict(await self.call("POST", "/v1/stop_charge", body, status=202))

    async def ended(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Return an operation when it is final."""
        found = await self.get(f"/v1/operations/{operation['id']}?wait=30")
        assert found["status"] in {"succeeded", "failed", "timed_out", "cancelled"}, found
        return dict(found)

    async def open_inbox(self) -> dict[str, Any]:
        return dict(await self.call("POST", "/v1/test_helpers/inbox", {}, status=201))

    async def received(self, event_type: str, count: int = 1) -> list[dict[str, Any]]:
        """Return what came into the inbox of one type, once there are *count*."""

        async def enough() -> list[dict[str, Any]] | None:
            path = f"/v1/test_helpers/inbox?event_type={event_type}&wait=5"
            data: list[dict[str, Any]] = (await self.get(path))["data"]
            return data if len(data) >= count else None

        return await eventually(enough)


@asynccontextmanager
async def developer(running: Platform, *, livemode: bool = False) -> AsyncIterator[Developer]:
    """Create a partner that has a key and nothing else."""
    async with running.db.transaction() as tx:
        partner = await partners.create_partner(tx, ACTOR, name="Developer")
    async with key_of(running, partner.id, livemode=livemode) as opened:
        yield opened


@asynccontextmanager
async def key_of(running: Platform, partner_id: str, *, livemode: bool) -> AsyncIterator[Developer]:
    """Give a partner one more key; open its client."""
    async with running.db.transaction() as tx:
        _, key = await keys.create_key(
            tx,
            running.vault,
            ACTOR,
            partner_id=partner_id,
            livemode=livemode,
            name="test",
            scopes=list(Scope),
        )
    async with client_of(running, partner_id, key) as opened:
        yield opened


@asynccontextmanager
async def client_of(running: Platform, partner_id: str, key: str) -> AsyncIterator[Developer]:
    """Open a client that has a key."""
    async with httpx2.AsyncClient(
        base_url=running.api_url or "",
        headers={"authorization": f"Bearer {key}"},
        timeout=40,
        trust_env=False,
        verify=shared_context(),
    ) as api:
        yield Developer(partner_id, key, api)


@pytest.fixture
def backend() -> str:
    """What chargers do is a matter of the simulator and the API; hosting asks for both."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """A deadline that a busy machine can keep, or (``impatient``) that is soon over."""
    impatient = request.node.get_closest_marker("impatient") is not None
    return settings.model_copy(update={"confirm_within": timedelta(seconds=4 if impatient else 20)})


@pytest.fixture
async def running(settings: Settings, clock: ShiftedClock) -> AsyncIterator[Platform]:
    async with platform(settings, clock=clock) as started:
        yield started
        async with started.db.transaction() as tx:
            findings = await examine(tx)
        assert not findings, findings


@pytest.fixture
async def dev(running: Platform) -> AsyncIterator[Developer]:
    async with developer(running) as opened:
        yield opened
