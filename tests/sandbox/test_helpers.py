"""What developers let happen at the chargers of their sandbox."""

import pytest

from core.kernel.settings import Settings
from ops.serve import Platform, platform
from tests.eventually import eventually
from tests.sandbox.conftest import Developer, developer, key_of


async def test_a_plugged_car_lets_a_charger_start_that_waits_for_one(dev: Developer) -> None:
    operation = await dev.start("SIM-NOCAR")

    assert (await dev.helper("SIM-NOCAR", "plug"))["status"] == "preparing"

    assert (await dev.ended(operation))["status"] == "succeeded"


async def test_a_session_ends_when_the_car_leaves(dev: Developer) -> None:
    await dev.open_inbox()
    await dev.ended(await dev.start("SIM-OK"))

    await dev.helper("SIM-OK", "unplug")

    [ended] = await dev.received("session.ended")
    assert ended["event"]["data"]["object"]["stop_reason"] == "vehicle_disconnected"


async def test_a_fault_refuses_starts_until_it_is_cleared(dev: Developer) -> None:
    told = await dev.helper("SIM-OK", "fault", {"code": "OverVoltage"})
    assert (told["state"], told["status"]) == ("online", "faulted")
    refused = await dev.start("SIM-OK", status=409)
    assert refused["code"] == "connector_faulted"

    assert (await dev.helper("SIM-OK", "clear_fault"))["status"] == "available"

    assert (await dev.ended(await dev.start("SIM-OK")))["status"] == "succeeded"


async def test_a_disconnected_charger_stays_away_until_it_is_reconnected(dev: Developer) -> None:
    await dev.open_inbox()
    await dev.helper("SIM-OK", "reconnect")
    assert len(await dev.received("charger.online")) == 1  # the latest state alone is told

    gone = await dev.helper("SIM-OK", "disconnect")
    assert (gone["state"], gone["status"]) == ("disconnected", "unknown")
    assert (await dev.start("SIM-OK", status=409))["code"] == "charger_offline"
    assert len(await dev.received("charger.offline")) == 1

    assert (await dev.helper("SIM-OK", "reconnect"))["state"] == "online"

    assert (await dev.ended(await dev.start("SIM-OK")))["status"] == "succeeded"
    assert len(await dev.received("charger.online", 2)) == 2
    assert len(await dev.received("charger.offline")) == 1


async def test_energy_of_an_advanced_clock_is_that_of_the_time(dev: Developer) -> None:
    operation = await dev.ended(await dev.start("SIM-OK"))
    session = f"/v1/sessions/{operation['session_id']}"

    await dev.helper("SIM-OK", "advance", {"seconds": 200})

    async def charged() -> bool:
        return int((await dev.get(session))["energy_wh"]) >= 500  # 11 kW for 200 s are 611 Wh

    await eventually(charged)
    assert (await dev.get(session))["data_quality"] == "ok"


async def test_a_clock_is_not_advanced_further_than_the_platform_believes(dev: Developer) -> None:
    await dev.helper("SIM-OK", "advance", {"seconds": 200})

    refused = await dev.helper("SIM-OK", "advance", {"seconds": 41}, status=409)

    assert refused["code"] == "conflict"
    assert "200 s ahead" in refused["detail"]
    await dev.helper("SIM-OK", "advance", {"seconds": 40})


@pytest.mark.parametrize("act", ["unplug", "clear_fault"])
async def test_what_makes_no_sense_is_a_conflict(dev: Developer, act: str) -> None:
    assert (await dev.helper("SIM-OK", act, status=409))["code"] == "conflict"


async def test_nothing_happens_at_a_charger_that_never_connects(dev: Developer) -> None:
    assert (await dev.helper("SIM-OFFLINE", "plug", status=409))["code"] == "conflict"


async def test_a_live_key_is_told_to_use_a_test_key(running: Platform, dev: Developer) -> None:
    charger = await dev.charger("SIM-OK")
    async with key_of(running, dev.partner_id, livemode=True) as live:
        for method, path in (
            ("GET", "/v1/test_helpers/chargers"),
            ("GET", f"/v1/test_helpers/chargers/{charger['id']}"),
            ("POST", f"/v1/test_helpers/chargers/{charger['id']}/plug"),
            ("POST", "/v1/test_helpers/inbox"),
            ("GET", "/v1/test_helpers/inbox"),
            ("DELETE", "/v1/test_helpers/inbox"),
        ):
            refused = await live.call(method, path, status=403)
            assert refused["code"] == "test_mode_only", path
        assert (await live.get("/v1/stations"))["data"] == []


async def test_chargers_of_others_are_not_found(running: Platform, dev: Developer) -> None:
    charger = await dev.charger("SIM-OK")
    async with developer(running) as other:
        path = f"/v1/test_helpers/chargers/{charger['id']}/plug"
        assert (await other.call("POST", path, status=404))["code"] == "not_found"
        assert (await other.charger("SIM-OK"))["id"] != charger["id"]


async def test_reservations_and_unlocks_wake_a_charger_too(dev: Developer) -> None:
    connector_id = (await dev.charger("SIM-DUP"))["connector_id"]

    body = {"request_id": "unlock-1", "connector_id": connector_id}
    operation = await dev.call("POST", "/v1/unlock_connector", body, status=202)

    assert (await dev.ended(operation))["status"] == "succeeded"


async def test_a_platform_without_test_mode_says_so(settings: Settings) -> None:
    without = settings.model_copy(update={"sandbox": False})
    async with platform(without) as running, developer(running) as dev:
        refused = await dev.call("GET", "/v1/test_helpers/chargers", status=501)

        assert refused["code"] == "not_implemented"
        assert (await dev.get("/v1/stations"))["data"] == []


async def test_the_inbox_is_one_and_is_emptied(dev: Developer) -> None:
    inbox = await dev.open_inbox()
    assert inbox["url"] == "voltgate://inbox"
    assert (await dev.call("POST", "/v1/test_helpers/inbox", status=409))["code"] == "conflict"
    await dev.call("POST", f"/v1/webhook_endpoints/{inbox['id']}/ping", status=202)
    [message] = await dev.received("ping")
    assert message["endpoint_id"] == inbox["id"]
    delivery = await dev.get(f"/v1/deliveries/{message['delivery_id']}")
    assert delivery["status"] == "delivered"

    emptied = await dev.call("DELETE", "/v1/test_helpers/inbox")

    assert emptied["object"] == "inbox"
    assert emptied["deleted"] >= 1
    assert (await dev.get("/v1/test_helpers/inbox"))["data"] == []


@pytest.mark.parametrize("livemode", [True, False])
async def test_s16_nobody_gives_an_endpoint_the_address_of_the_inbox(
    running: Platform, livemode: bool
) -> None:
    async with developer(running, livemode=livemode) as dev:
        body = {"url": "voltgate://inbox"}
        refused = await dev.call("POST", "/v1/webhook_endpoints", body, status=422)
        assert refused["code"] == "webhook_url_forbidden"
