"""The API on one node, the charger on another: over PostgreSQL and Redis, and without Redis."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from core.kernel.settings import Settings
from ops.serve import Role, platform
from tests import services
from tests.world import TestPartner, World, world

ROUNDS = 200
CHARGERS = 4


@pytest.fixture(params=["postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["redis", "sweep"])
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """With Redis between the nodes, and with nothing but the database."""
    if request.param == "sweep":
        return settings
    return settings.model_copy(update={"redis_url": SecretStr(services.redis_url())})


@pytest.fixture
async def other(settings: Settings, running: World) -> AsyncIterator[TestPartner]:
    """The partner's client on a second node that holds no charger."""
    elsewhere = settings.model_copy(update={"node_id": "node-b"})
    async with platform(elsewhere, roles=[Role.API, Role.WORKER]) as node:
        first = running.partner
        api = await running.client(node.api_url or "", first.key)
        yield TestPartner(id=first.id, key=first.key, api=api, receiver=first.receiver)


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[World]:
    settings = settings.model_copy(update={"confirm_within": timedelta(seconds=20)})
    async with world(settings) as created:
        yield created


async def test_any_node_takes_the_request_the_one_with_the_socket_sends(
    running: World, other: TestPartner
) -> None:
    charger = await running.add_charger()
    connector_id = await running.connector_id("CP-1")

    await other.start("r-1", connector_id)
    event = await other.outcome("r-1")

    assert event["type"] == "operation.succeeded"
    assert len(charger.ledger.calls_received("RemoteStartTransaction")) == 1


async def test_i02_a_hundred_identical_requests_over_two_nodes_are_one_operation(
    running: World, other: TestPartner
) -> None:
    charger = await running.add_charger()
    connector_id = await running.connector_id("CP-1")

    responses = await asyncio.gather(
        *((running.partner, other)[n % 2].start("r-1", connector_id) for n in range(100))
    )
    await other.outcome("r-1")

    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["id"] for response in responses}) == 1
    assert len(charger.ledger.calls_received("RemoteStartTransaction")) == 1
    assert running.partner.outcomes("r-1") == ["operation.succeeded"]


@pytest.mark.timeout(400)  # half a minute alone, six times that beside others
async def test_i09_two_partners_at_once_on_two_nodes_one_wins(
    running: World, other: TestPartner, settings: Settings
) -> None:
    rival = await running.add_partner("zenith")
    rounds = ROUNDS // CHARGERS if settings.redis_url else 3
    chargers = [
        await running.add_charger(f"CP-{number}", connectors=rounds, meter_interval_s=3600)
        for number in range(CHARGERS)
    ]

    async def race(identity: str) -> None:
        for number in range(rounds):
            connector_id = await running.connector_id(identity, evse=number + 1)
            name = f"{identity}-{number}"
            both = ((other, f"a-{name}"), (rival, f"z-{name}"))
            responses = await asyncio.gather(
                *(partner.start(request_id, connector_id) for partner, request_id in both)
            )
            statuses = [response.status_code for response in responses]
            assert sorted(statuses) == [202, 409], (name, [r.text for r in responses])
            winner, request_id = both[statuses.index(202)]
            event = await winner.outcome(request_id)
            assert event["type"] == "operation.succeeded"
            if number == 0:  # one of each charger's is ended, too
                await winner.stop(f"stop-{name}", session_id=event["related"]["session_id"])
                await winner.outcome(f"stop-{name}")

    await asyncio.gather(*(race(f"CP-{number}") for number in range(CHARGERS)))

    for charger in chargers:
        assert len(charger.ledger.calls_received("RemoteStartTransaction")) == rounds
