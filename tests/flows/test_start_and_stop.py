"""The promise to partners: 202 now, one signed truth later, an order at the end."""

import asyncio

from tests.world import Version, World


async def test_i07_start_succeeds_on_the_chargers_own_evidence(
    running: World, version: Version
) -> None:
    charger = await running.add_charger(version=version)
    connector_id = await running.connector_id("CP-1")

    response = await running.partner.start("r-1", connector_id)
    started = await running.partner.outcome("r-1")

    assert response.status_code == 202
    assert response.headers["location"] == f"/v1/operations/{response.json()['id']}"
    assert response.json()["status"] == "accepted"
    assert started["type"] == "operation.succeeded"
    assert started["data"]["object"]["stage"] == "started"
    session = await running.partner.get(f"/v1/sessions/{started['related']['session_id']}")
    assert session["request_id"] == "r-1"
    assert len(charger.ledger.transactions()) == 1


async def test_a_stopped_session_becomes_one_order(running: World, version: Version) -> None:
    charger = await running.add_charger(version=version)
    await running.partner.start("r-1", await running.connector_id("CP-1"))
    started = await running.partner.outcome("r-1")
    session_id = started["related"]["session_id"]

    await running.partner.stop("r-2", session_id=session_id)
    stopped = await running.partner.outcome("r-2")
    order = await running.partner.receiver.wait("order.finalized", session_id=session_id)

    assert stopped["type"] == "operation.succeeded"
    assert stopped["data"]["object"]["result"]["already_ended"] is False
    told = order["data"]["object"]
    [transaction] = charger.ledger.transactions()
    assert told["stop_reason"] == "partner"
    assert told["energy_wh"] == transaction.energy_wh
    assert told["data_quality"] == "ok"
    assert told["billable"] is True


async def test_stopping_what_has_ended_succeeds_at_once(running: World, version: Version) -> None:
    charger = await running.add_charger(version=version)
    await running.partner.start("r-1", await running.connector_id("CP-1"))
    session_id = (await running.partner.outcome("r-1"))["related"]["session_id"]
    charger.stop_local(1)
    await running.partner.receiver.wait("session.ended", session_id=session_id)

    response = await running.partner.stop("r-2", session_id=session_id)

    assert response.json()["status"] == "succeeded"
    assert response.json()["result"]["already_ended"] is True


async def test_i02_concurrent_repeats_are_one_operation(running: World, version: Version) -> None:
    charger = await running.add_charger(version=version)
    connector_id = await running.connector_id("CP-1")

    responses = await asyncio.gather(
        *(running.partner.start("r-1", connector_id) for _ in range(20))
    )
    await running.partner.outcome("r-1")

    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["id"] for response in responses}) == 1
    replayed = [r.headers.get("idempotency-replayed") for r in responses]
    assert replayed.count("true") == 19
    assert len(charger.ledger.transactions()) == 1


async def test_i03_another_body_under_the_same_id_is_refused(running: World) -> None:
    await running.add_charger(connectors=2)
    first = await running.partner.start("r-1", await running.connector_id("CP-1"))

    second = await running.partner.start("r-1", await running.connector_id("CP-1", evse=2))

    assert second.status_code == 422
    assert second.json()["code"] == "idempotency_key_reused"
    assert second.json()["operation_id"] == first.json()["id"]


async def test_a_repeat_is_answered_even_if_the_charger_left(running: World) -> None:
    charger = await running.add_charger()
    connector_id = await running.connector_id("CP-1")
    first = await running.partner.start("r-1", connector_id)
    await running.partner.outcome("r-1")
    await charger.go_offline()

    second = await running.partner.start("r-1", connector_id)

    assert second.status_code == 202
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["status"] == "succeeded"


async def test_a_limit_ends_the_session_by_itself(running: World, version: Version) -> None:
    charger = await running.add_charger(version=version, speed=60.0, meter_interval_s=10.0)
    limits = {"max_energy_wh": 1}
    await running.partner.start("r-1", await running.connector_id("CP-1"), limits=limits)
    started = await running.partner.outcome("r-1")

    ended = await running.partner.receiver.wait(
        "session.ended", within_s=30, session_id=started["related"]["session_id"]
    )

    assert ended["data"]["object"]["stop_reason"] == "limit_energy"
    assert charger.ledger.transactions()[0].ended_at is not None
