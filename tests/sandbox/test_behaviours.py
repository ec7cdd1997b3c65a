"""Each named charger of the sandbox, through the API alone, ends as the contract says."""

import json
from typing import Any

import pytest
from standardwebhooks import Webhook

from core.kernel.settings import Settings
from core.sandbox.cast import ABSENT, CAST
from tests.eventually import eventually
from tests.sandbox.conftest import Developer


async def charged(dev: Developer, name: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Start at a named charger; return the final operation and its webhook in the inbox."""
    inbox = await dev.open_inbox()
    operation = await dev.ended(await dev.start(name, **more))
    [message] = await dev.received(f"operation.{operation['status']}")
    assert message["event"]["livemode"] is False
    assert message["event"]["data"]["object"]["id"] == operation["id"]
    verified = Webhook(inbox["secret"]).verify(message["body"], message["headers"])
    assert verified == message["event"] == json.loads(message["body"])
    return operation, message["event"]


async def test_ok_charges_until_it_is_stopped(dev: Developer) -> None:
    operation, _ = await charged(dev, "SIM-OK")
    assert operation["status"] == "succeeded"

    stopped = await dev.ended(await dev.stop(operation["session_id"]))

    assert stopped["status"] == "succeeded"
    [ended] = await dev.received("session.ended")
    assert ended["event"]["data"]["object"]["stop_reason"] == "partner"
    [order] = await dev.received("order.finalized")
    assert order["event"]["data"]["object"]["data_quality"] == "ok"


async def test_reject_fails(dev: Developer) -> None:
    operation, event = await charged(dev, "SIM-REJECT")

    assert event["type"] == "operation.failed"
    assert operation["failure"]["code"] == "charger_rejected"


@pytest.mark.impatient
async def test_nocar_times_out(dev: Developer) -> None:
    operation, event = await charged(dev, "SIM-NOCAR")

    assert event["type"] == "operation.timed_out"
    assert operation["failure"]["code"] == "vehicle_not_connected"


@pytest.mark.impatient
async def test_late_times_out_and_is_stopped_afterwards(dev: Developer) -> None:
    operation, _ = await charged(dev, "SIM-LATE")
    assert operation["status"] == "timed_out"

    [late] = await dev.received("operation.late_outcome")

    assert late["event"]["data"]["object"]["late_outcome"]["action"] == "stopped"


async def test_offline_is_refused_at_once_and_leaves_the_request_id_free(dev: Developer) -> None:
    refused = await dev.start("SIM-OFFLINE", status=409)

    assert refused["code"] == "charger_offline"
    assert (await dev.get("/v1/operations?request_id=start-SIM-OFFLINE"))["data"] == []
    assert (await dev.charger("SIM-OFFLINE"))["state"] == "absent"


async def test_slow_starts_when_most_of_the_deadline_is_over(
    dev: Developer, settings: Settings
) -> None:
    deadline_s = settings.confirm_within.total_seconds()
    await dev.open_inbox()
    operation = await dev.start("SIM-SLOW")

    async def waits() -> bool:
        found = await dev.get(f"/v1/operations/{operation['id']}")
        return bool(found["stage"] in {"accepted_by_charger", "waiting_for_vehicle"})

    await eventually(waits)
    await dev.helper("SIM-SLOW", "advance", {"seconds": int(deadline_s / 2)})
    assert await waits()
    await dev.helper("SIM-SLOW", "advance", {"seconds": int(deadline_s * 5 / 12)})

    assert (await dev.ended(operation))["status"] == "succeeded"
    assert await dev.received("operation.succeeded")


@pytest.mark.impatient
async def test_drop_times_out_because_the_charger_left(dev: Developer) -> None:
    operation, _ = await charged(dev, "SIM-DROP")

    assert operation["status"] == "timed_out"
    assert operation["failure"]["code"] == "charger_disconnected"


async def test_fault_ends_the_session_in_its_middle(dev: Developer) -> None:
    operation, _ = await charged(dev, "SIM-FAULT")
    assert operation["status"] == "succeeded"

    await dev.helper("SIM-FAULT", "advance", {"seconds": 120})

    [ended] = await dev.received("session.ended")
    assert ended["event"]["data"]["object"]["stop_reason"] == "charger_fault"


async def test_dup_is_one_of_everything(dev: Developer) -> None:
    operation, _ = await charged(dev, "SIM-DUP")
    await dev.ended(await dev.stop(operation["session_id"]))
    await dev.received("order.finalized")

    assert len((await dev.get("/v1/sessions"))["data"]) == 1
    assert len((await dev.get("/v1/orders"))["data"]) == 1
    assert len(await dev.received("session.started")) == 1
    assert len(await dev.received("order.finalized")) == 1


async def test_metergap_is_flagged_on_the_order(dev: Developer) -> None:
    operation, _ = await charged(dev, "SIM-METERGAP")
    session = f"/v1/sessions/{operation['session_id']}"
    await dev.helper("SIM-METERGAP", "advance", {"seconds": 60})

    async def enough() -> bool:
        await dev.helper("SIM-METERGAP", "advance", {"seconds": 10})
        return len((await dev.get(f"{session}/meter_values"))["data"]) >= 4

    await eventually(enough)
    await dev.stop(operation["session_id"])

    [order] = await dev.received("order.finalized")
    assert order["event"]["data"]["object"]["data_quality"] == "meter_gap"


@pytest.mark.parametrize("name", sorted(set(CAST) - set(ABSENT)))
async def test_every_named_charger_comes_when_a_driver_plugs_in(dev: Developer, name: str) -> None:
    told = await dev.helper(name, "plug")

    assert (told["state"], told["status"]) == ("online", "preparing")
