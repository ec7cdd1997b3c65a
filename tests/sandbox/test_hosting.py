"""Simulated chargers come when they are wanted, and leave when nobody uses them."""

import asyncio
from datetime import timedelta

import pytest

from core.kernel.settings import Settings
from ops.serve import Platform, Role, platform
from tests.eventually import eventually
from tests.sandbox.conftest import Developer, client_of, developer

ALL = {
    *("SIM-OK", "SIM-REJECT", "SIM-NOCAR", "SIM-LATE", "SIM-OFFLINE"),
    *("SIM-SLOW", "SIM-DROP", "SIM-FAULT", "SIM-DUP", "SIM-METERGAP"),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Who hosts a charger is decided by statements: on both databases."""
    return str(request.param)


def sockets(running: Platform) -> int:
    assert running.csms is not None
    return len(running.csms.connections)


async def test_the_first_test_key_that_asks_finds_a_station_of_its_own(
    running: Platform, dev: Developer
) -> None:
    [station] = (await dev.get("/v1/stations"))["data"]

    assert station["livemode"] is False
    assert {charger["model"] for charger in station["chargers"]} == ALL
    assert all(len(charger["connectors"]) == 1 for charger in station["chargers"])
    assert {status["status"] for status in (await dev.get("/v1/statuses"))["data"]} == {"unknown"}
    assert next(one["name"] for one in (await dev.get("/v1/test_helpers/chargers"))["data"]) == (
        "SIM-OK"
    )
    assert sockets(running) == 0


async def test_of_two_first_requests_one_makes_the_sandbox(
    running: Platform, dev: Developer
) -> None:
    answers = await asyncio.gather(*(dev.get("/v1/stations") for _ in range(6)))

    assert len({answer["data"][0]["id"] for answer in answers}) == 1
    assert all(len(answer["data"]) == 1 for answer in answers)


async def test_only_the_wanted_charger_connects_and_leaves_when_idle(settings: Settings) -> None:
    hasty = settings.model_copy(update={"sandbox_idle_after": timedelta(seconds=2)})
    async with platform(hasty) as running, developer(running) as dev:
        operation = await dev.ended(await dev.start("SIM-OK"))
        assert sockets(running) == 1
        assert (await dev.charger("SIM-OK"))["state"] == "online"
        assert (await dev.charger("SIM-REJECT"))["state"] == "asleep"
        await dev.ended(await dev.stop(operation["session_id"]))

        async def asleep() -> bool:
            return sockets(running) == 0 and bool(
                (await dev.charger("SIM-OK"))["state"] == "asleep"
            )

        await eventually(asleep)
        again = await dev.start("SIM-OK", request_id="again")

        assert (await dev.ended(again))["status"] == "succeeded"


async def test_a_charger_that_charges_is_not_idle(settings: Settings) -> None:
    hasty = settings.model_copy(update={"sandbox_idle_after": timedelta(seconds=1)})
    async with platform(hasty) as running, developer(running) as dev:
        await dev.helper("SIM-REJECT", "plug")
        operation = await dev.ended(await dev.start("SIM-OK"))

        async def other_asleep() -> bool:
            return bool((await dev.charger("SIM-REJECT"))["state"] == "asleep")

        await eventually(other_asleep)

        assert (await dev.charger("SIM-OK"))["state"] == "online"
        session = await dev.get(f"/v1/sessions/{operation['session_id']}")
        assert session["status"] == "charging"


async def test_a_platform_that_stops_ends_the_sessions_of_its_simulated_chargers(
    settings: Settings,
) -> None:
    async with platform(settings) as running, developer(running) as dev:
        operation = await dev.ended(await dev.start("SIM-OK"))
        key = dev.key
    async with platform(settings) as running, client_of(running, dev.partner_id, key) as dev:
        session = await dev.get(f"/v1/sessions/{operation['session_id']}")
        assert session["status"] == "ended"
        again = await dev.start("SIM-OK", request_id="again")
        assert (await dev.ended(again))["status"] == "succeeded"


async def test_who_finds_no_room_is_told_to_try_again(settings: Settings) -> None:
    small = settings.model_copy(update={"sandbox_chargers_at_once": 1})
    async with platform(small) as running, developer(running) as dev:
        await dev.helper("SIM-OK", "plug")

        refused = await dev.start("SIM-DUP", status=503)

        assert (refused["code"], refused["retryable"]) == ("overloaded", True)


async def test_simulated_chargers_have_a_door_of_their_own_where_others_need_tls(
    settings: Settings,
) -> None:
    strict = settings.model_copy(update={"security_profile_min": 2})
    async with platform(strict) as running, developer(running) as dev:
        assert running.csms is not None
        assert running.csms.sandbox_url not in {None, running.ocpp_url}

        assert (await dev.ended(await dev.start("SIM-OK")))["status"] == "succeeded"


async def test_an_api_node_uses_the_chargers_of_another_node(settings: Settings) -> None:
    csms = settings.model_copy(update={"node_id": "node-b"})
    async with (
        platform(csms, roles={Role.CSMS, Role.WORKER}),
        platform(settings, roles={Role.API}) as api,
        developer(api) as dev,
    ):
        operation = await dev.ended(await dev.start("SIM-OK"))

        assert operation["status"] == "succeeded"
        assert (await dev.helper("SIM-OK", "unplug"))["state"] == "online"
