"""The application with a partner and a place, and clients that reach it without a socket."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx2
import pytest
from voltgate_client import AsyncVoltgate

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from partner_api.app import PartnerApp, create_app
from tests.partner_api.scenes import Party, Place, grant, make_place, party

Fault = httpx2.Response | Exception | Callable[[httpx2.Response], Exception]


@pytest.fixture
def backend() -> str:
    """What a client does is a matter of the API."""
    return "sqlite"


@pytest.fixture
def app(db: Database, settings: Settings, vault: Vault, clock: ShiftedClock) -> PartnerApp:
    return create_app(db, settings, vault, clock)


@pytest.fixture
async def partner(app: PartnerApp, db: Database, vault: Vault) -> AsyncIterator[Party]:
    async with party(app, db, vault) as opened:
        yield opened


@pytest.fixture
async def place(db: Database, vault: Vault, partner: Party) -> Place:
    place = await make_place(db, vault)
    await grant(db, place, partner.partner_id)
    return place


@dataclass
class Faulty(httpx2.AsyncBaseTransport):
    """A way to the application on which things go wrong: a fault for each request in turn.

    A response or an exception comes in place of the request; a function makes an exception of the
    answer: the platform has done it, and the client does not hear.
    """

    behind: httpx2.AsyncBaseTransport
    faults: list[Fault] = field(default_factory=list)
    seen: list[httpx2.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, httpx2.Response):
            return fault
        if isinstance(fault, Exception):
            raise fault
        answer = await self.behind.handle_async_request(request)
        if fault is not None:
            raise fault(answer)
        return answer


@dataclass
class Line:
    """A client, the way it takes, and how long it slept."""

    client: AsyncVoltgate
    way: Faulty
    slept: list[float]


@pytest.fixture
async def line(app: PartnerApp, partner: Party) -> AsyncIterator[Line]:
    """A client of ``partner``."""
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    way = Faulty(httpx2.ASGITransport(app=app))
    async with httpx2.AsyncClient(transport=way) as http:
        numbers = itertools.count(1)
        client = AsyncVoltgate(
            partner.key,
            "http://api.test",
            http=http,
            sleep=sleep,
            chance=lambda: 0.0,
            new_request_id=lambda: f"made-{next(numbers)}",
        )
        yield Line(client, way, slept)


Caller = Callable[[AsyncVoltgate], Awaitable[object]]
