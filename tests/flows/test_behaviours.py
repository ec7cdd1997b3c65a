"""Each named behaviour of test mode ends as the contract says, once, with the right culprit."""

from typing import Any

import pytest

from simulator import Behaviour
from tests.world import Version, World


async def started(
    running: World, behaviour: Behaviour, version: Version, **more: Any
) -> dict[str, object]:
    """Start a charge on a charger with *behaviour*; return the terminal operation."""
    await running.add_charger(version=version, behaviour=behaviour, **more)
    await running.partner.start("r-1", await running.connector_id("CP-1"))
    event = await running.partner.outcome("r-1")
    operation: dict[str, object] = event["data"]["object"]
    return operation


def failure(operation: dict[str, object]) -> tuple[str, str]:
    told = operation["failure"]
    assert isinstance(told, dict)
    return told["code"], told["responsible"]


async def test_ok_succeeds(running: World, version: Version) -> None:
    operation = await started(running, Behaviour.OK, version)

    assert operation["status"] == "succeeded"


async def test_reject_fails_at_once(running: World, version: Version) -> None:
    operation = await started(running, Behaviour.REJECT, version)

    assert operation["status"] == "failed"
    assert failure(operation) == ("charger_rejected", "charger")


@pytest.mark.impatient
async def test_nocar_times_out_and_names_the_driver(running: World, version: Version) -> None:
    operation = await started(running, Behaviour.NOCAR, version)

    assert operation["status"] == "timed_out"
    assert failure(operation) == ("vehicle_not_connected", "driver")


@pytest.mark.impatient
async def test_late_times_out_then_is_stopped(running: World, version: Version) -> None:
    operation = await started(running, Behaviour.LATE, version)
    assert operation["status"] == "timed_out"

    late = await running.partner.receiver.wait("operation.late_outcome", request_id="r-1")

    outcome = late["data"]["object"]["late_outcome"]
    assert late["data"]["object"]["status"] == "timed_out"
    assert outcome["action"] == "stopped"
    order = await running.partner.receiver.wait("order.finalized", session_id=outcome["session_id"])
    assert order["data"]["object"]["billable"] is False


async def test_offline_is_refused_at_once(running: World, version: Version) -> None:
    charger = await running.add_charger(version=version)
    connector_id = await running.connector_id("CP-1")
    await charger.go_offline()
    await running.wait_offline("CP-1")

    response = await running.partner.start("r-1", connector_id)

    assert response.status_code == 409
    assert response.json()["code"] == "charger_offline"
    assert (await running.partner.get("/v1/operations?request_id=r-1"))["data"] == []


async def test_slow_succeeds_within_the_deadline(running: World, version: Version) -> None:
    operation = await started(running, Behaviour.SLOW, version)

    assert operation["status"] == "succeeded"


@pytest.mark.impatient
async def test_drop_times_out_because_the_charger_left(running: World, version: Version) -> None:
    operation = await started(running, Behaviour.DROP, version)

    assert operation["status"] == "timed_out"
    assert failure(operation) == ("charger_disconnected", "charger")


async def test_fault_ends_the_session_with_its_reason(running: World, version: Version) -> None:
    operation = await started(running, Behaviour.FAULT, version)
    assert operation["status"] == "succeeded"

    ended = await running.partner.receiver.wait("session.ended")

    assert ended["data"]["object"]["stop_reason"] == "charger_fault"


async def test_dup_is_one_of_everything(running: World, version: Version) -> None:
    operation = await started(running, Behaviour.DUP, version)
    session_id = str(operation["session_id"])
    await running.partner.stop("r-2", session_id=session_id)
    await running.partner.outcome("r-2")
    await running.partner.receiver.wait("order.finalized", session_id=session_id)

    assert running.partner.outcomes("r-1") == ["operation.succeeded"]
    assert len((await running.partner.get("/v1/sessions"))["data"]) == 1
    [order] = (await running.partner.get("/v1/orders"))["data"]
    [transaction] = running.chargers[0].ledger.transactions()
    assert order["energy_wh"] == transaction.energy_wh


async def test_metergap_is_flagged_on_the_order(running: World, version: Version) -> None:
    operation = await started(running, Behaviour.METERGAP, version, speed=4.0)
    session_id = str(operation["session_id"])
    await running.wait_readings(session_id, 4)
    await running.partner.stop("r-2", session_id=session_id)

    order = await running.partner.receiver.wait("order.finalized", session_id=session_id)

    assert order["data"]["object"]["data_quality"] == "meter_gap"
    [transaction] = running.chargers[0].ledger.transactions()
    assert order["data"]["object"]["energy_wh"] == transaction.energy_wh


@pytest.mark.impatient
@pytest.mark.parametrize("keep", [True, False])
async def test_a_late_start_may_be_kept(running: World, version: Version, *, keep: bool) -> None:
    await running.add_charger(version=version, behaviour=Behaviour.LATE)
    wanted = "keep" if keep else "stop"
    connector_id = await running.connector_id("CP-1")
    await running.partner.start("r-1", connector_id, on_late_start=wanted)

    late = await running.partner.receiver.wait(
        "operation.late_outcome", within_s=15, request_id="r-1"
    )

    action = late["data"]["object"]["late_outcome"]["action"]
    assert action == ("kept" if keep else "stopped")
