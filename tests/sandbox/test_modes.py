"""What happens in test mode is not seen with a live key of the same partner, nor as it happens."""

import json

from ops.serve import Platform
from tests.sandbox.conftest import Developer, key_of

LISTS = (
    *("stations", "statuses", "sessions", "orders", "operations", "reservations"),
    *("events", "webhook_endpoints"),
)


async def test_lists_of_a_live_key_are_empty_while_the_sandbox_charges(
    running: Platform, dev: Developer
) -> None:
    await dev.open_inbox()
    operation = await dev.ended(await dev.start("SIM-OK"))
    await dev.ended(await dev.stop(operation["session_id"]))
    await dev.received("order.finalized")
    async with key_of(running, dev.partner_id, livemode=True) as live:
        for name in LISTS:
            assert (await dev.get(f"/v1/{name}"))["data"] or name == "reservations", name
            assert (await live.get(f"/v1/{name}"))["data"] == [], name
        found = await live.get("/v1/operations?request_id=start-SIM-OK")
        assert found["data"] == []
        assert (await live.get("/v1/partner"))["livemode"] is True


async def test_a_request_id_is_free_in_the_other_mode(running: Platform, dev: Developer) -> None:
    operation = await dev.ended(await dev.start("SIM-OK"))
    async with key_of(running, dev.partner_id, livemode=True) as live:
        body = {"request_id": "stop-1", "start_request_id": operation["request_id"]}
        refused = await live.call("POST", "/v1/stop_charge", body, status=404)
        assert refused["code"] == "not_found"
    assert (await dev.get(f"/v1/sessions/{operation['session_id']}"))["status"] == "charging"


async def test_the_stream_of_a_live_key_has_nothing_of_the_sandbox(
    running: Platform, dev: Developer
) -> None:
    await dev.helper("SIM-OK", "plug")
    assert len((await dev.get("/v1/events"))["data"]) > 1
    async with key_of(running, dev.partner_id, livemode=True) as live:
        hook = {"url": "http://127.0.0.1:9999/hook"}
        endpoint = await live.call("POST", "/v1/webhook_endpoints", hook, status=201)
        await live.call("POST", f"/v1/webhook_endpoints/{endpoint['id']}/ping", status=202)
        async with live.api.stream("GET", "/v1/events/stream?after_seq=0") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    event = json.loads(line.removeprefix("data:"))
                    break
    assert (event["type"], event["livemode"]) == ("ping", True)
