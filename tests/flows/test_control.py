"""Unlocking, cancelling, waiting, and what an operator sees when something did not start."""

import asyncio

import pytest

from simulator import Behaviour
from tests.world import Version, World


async def test_unlock_succeeds_when_the_charger_unlocked(running: World, version: Version) -> None:
    charger = await running.add_charger(version=version)
    body = {"request_id": "u-1", "connector_id": await running.connector_id("CP-1")}

    response = await running.partner.api.post("/v1/unlock_connector", json=body)
    event = await running.partner.outcome("u-1")

    assert response.status_code == 202
    assert event["type"] == "operation.succeeded"
    assert event["data"]["object"]["stage"] == "unlocked"
    assert len(charger.ledger.calls_received("UnlockConnector")) == 1


async def test_nobody_unlocks_another_partners_session(running: World, version: Version) -> None:
    await running.add_charger(version=version)
    rival = await running.add_partner("zenith")
    connector_id = await running.connector_id("CP-1")
    await running.partner.start("r-1", connector_id)
    await running.partner.outcome("r-1")

    response = await rival.api.post(
        "/v1/unlock_connector", json={"request_id": "u-1", "connector_id": connector_id}
    )

    assert response.status_code == 409
    assert response.json()["code"] == "connector_busy"


async def test_a_long_poll_answers_when_it_is_over(running: World, version: Version) -> None:
    await running.add_charger(version=version)
    started = await running.partner.start("r-1", await running.connector_id("CP-1"))
    operation_id = started.json()["id"]

    polled = await running.partner.get(f"/v1/operations/{operation_id}?wait=20")

    assert polled["status"] == "succeeded"
    event = await running.partner.outcome("r-1")
    assert event["data"]["object"] == polled


async def test_what_has_been_sent_cannot_be_cancelled(running: World) -> None:
    charger = await running.add_charger(behaviour=Behaviour.NOCAR)
    started = await running.partner.start("r-1", await running.connector_id("CP-1"))
    await charger.wait_call("RemoteStartTransaction")

    response = await running.partner.api.post(f"/v1/operations/{started.json()['id']}/cancel")

    assert response.status_code == 409
    assert response.json()["code"] == "operation_not_cancellable"


@pytest.mark.impatient
@pytest.mark.parametrize("behaviour", [Behaviour.REJECT, Behaviour.NOCAR])
async def test_op08_the_operator_sees_why_it_did_not_start(
    running: World, version: Version, behaviour: Behaviour
) -> None:
    await running.add_charger(version=version, behaviour=behaviour)
    started = await running.partner.start("r-1", await running.connector_id("CP-1"))
    await running.partner.outcome("r-1")
    operator = await running.operator_client()

    response = await operator.get(f"/operator/v1/operations/{started.json()['id']}/timeline")

    assert response.status_code == 200, response.text
    told = response.text
    assert '"responsible"' in told
    assert "StartTransaction" in told


async def test_a_raw_command_goes_out_as_the_operator_wrote_it(
    running: World, version: Version
) -> None:
    charger = await running.add_charger(version=version)
    operator = await running.operator_client()
    found = (await operator.get("/operator/v1/chargers?identity=CP-1")).json()["data"]
    action, payload = {
        "1.6": ("UnlockConnector", {"connectorId": 99}),
        "2.0.1": ("UnlockConnector", {"evseId": 99, "connectorId": 99}),
    }[version]

    response = await operator.post(
        f"/operator/v1/chargers/{found[0]['id']}/commands?wait=10",
        json={"action": action, "payload": payload},
    )

    assert response.json()["status"] in {"answered", "errored"}, response.text
    [call] = charger.ledger.calls_received(action)
    assert call.payload == payload


async def test_a_stop_right_behind_the_start_leaves_nothing_running(
    running: World, version: Version
) -> None:
    charger = await running.add_charger(version=version)
    connector_id = await running.connector_id("CP-1")

    await asyncio.gather(
        running.partner.start("r-1", connector_id),
        running.partner.stop("r-2", start_request_id="r-1"),
    )
    stopped = await running.partner.api.post(
        "/v1/stop_charge", json={"request_id": "r-3", "start_request_id": "r-1"}
    )
    assert stopped.status_code == 202
    event = await running.partner.outcome("r-3")

    assert event["type"] == "operation.succeeded"
    assert all(t.ended_at is not None for t in charger.ledger.transactions())
