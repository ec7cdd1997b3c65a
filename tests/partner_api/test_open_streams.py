"""A partner keeps few streams open: each looks at the database again and again."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import httpx2
import pytest

from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.partners import limits
from ops.http import serving
from partner_api import app as partner_app
from partner_api.app import PartnerApp
from tests.eventually import eventually
from tests.partner_api.scenes import Party, party

STREAMS = ("/v1/events/stream", "/v1/statuses/stream", "/v1/request_logs/stream")


@pytest.fixture
def app(db: Database, settings: Settings, vault: Vault, clock: ShiftedClock) -> PartnerApp:
    return partner_app.create_app(
        db, settings.model_copy(update={"open_streams": len(STREAMS)}), vault, clock
    )


@pytest.fixture
async def client(app: PartnerApp) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(app, host="127.0.0.1", port=0) as url:
        try:
            async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
                yield client
        finally:
            partner_app.release(app)


def opened(
    client: httpx2.AsyncClient, path: str, partner: Party
) -> AbstractAsyncContextManager[httpx2.Response]:
    return client.stream("GET", path, headers={"Authorization": f"Bearer {partner.key}"})


@asynccontextmanager
async def all_open(client: httpx2.AsyncClient, partner: Party) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for path in STREAMS:
            answer = await stack.enter_async_context(opened(client, path, partner))
            assert answer.status_code == 200
        yield


@pytest.mark.parametrize("path", STREAMS)
async def test_a_partner_keeps_only_so_many_streams_open(
    app: PartnerApp,
    db: Database,
    vault: Vault,
    client: httpx2.AsyncClient,
    partner: Party,
    path: str,
) -> None:
    async with party(app, db, vault) as other, all_open(client, partner):
        async with opened(client, path, partner) as refused:
            problem = (await refused.aread(), refused.json())[1]
            assert (refused.status_code, problem["code"]) == (429, "rate_limited")
            assert (problem["limit"], refused.headers["Retry-After"]) == ("open_streams", "5")
        async with opened(client, path, other) as answer:
            assert answer.status_code == 200
        assert (await partner.client.get("/v1/partner")).status_code == 200


async def test_a_stream_that_ends_leaves_its_place_to_another(
    client: httpx2.AsyncClient, partner: Party
) -> None:
    async with all_open(client, partner):
        pass

    async def has_room() -> bool:
        async with opened(client, STREAMS[0], partner) as answer:
            return answer.status_code == 200

    await eventually(has_room)
    await eventually(has_room)


async def test_what_an_operator_allows_a_partner_holds_for_its_streams(
    db: Database, client: httpx2.AsyncClient, partner: Party
) -> None:
    async with db.transaction() as tx:
        await limits.change(
            tx, CLI, partner_id=partner.partner_id, changes={"open_streams": len(STREAMS) + 1}
        )
    async with all_open(client, partner), opened(client, STREAMS[0], partner) as one_more:
        assert one_more.status_code == 200
