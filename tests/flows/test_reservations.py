"""A connector held for a driver: reserved, used, released, expired."""

from datetime import timedelta

import pytest

from core.kernel.clock import ShiftedClock
from core.kernel.times import rfc3339
from tests.world import Version, World


async def reserve(running: World, request_id: str = "res-1", minutes: int = 30) -> str:
    """Reserve the connector of CP-1; return the reservation's id once the charger holds it."""
    connector_id = await running.connector_id("CP-1")
    expires_at = rfc3339(running.platform.db.now() + timedelta(minutes=minutes))
    body = {"request_id": request_id, "connector_id": connector_id, "expires_at": expires_at}
    response = await running.partner.api.post("/v1/reserve", json=body)
    assert response.status_code == 202, response.text
    event = await running.partner.outcome(request_id)
    assert event["type"] == "operation.succeeded", event
    reservation_id: str = event["data"]["object"]["reservation_id"]
    return reservation_id


async def test_a_reserved_connector_is_refused_to_others_and_serves_its_holder(
    running: World, version: Version
) -> None:
    await running.add_charger(version=version)
    rival = await running.add_partner("zenith")
    connector_id = await running.connector_id("CP-1")
    reservation_id = await reserve(running)

    refused = await rival.start("z-1", connector_id)
    await running.partner.start("r-1", connector_id, reservation_id=reservation_id)
    started = await running.partner.outcome("r-1")

    assert refused.status_code == 409
    assert refused.json()["code"] == "connector_reserved"
    assert started["type"] == "operation.succeeded"
    used = await running.partner.receiver.wait("reservation.used")
    assert used["data"]["object"]["id"] == reservation_id


async def test_a_cancelled_reservation_frees_the_connector(
    running: World, version: Version
) -> None:
    await running.add_charger(version=version)
    reservation_id = await reserve(running)

    await running.partner.api.post(
        "/v1/cancel_reservation", json={"request_id": "c-1", "reservation_id": reservation_id}
    )
    cancelled = await running.partner.outcome("c-1")
    await running.partner.receiver.wait("reservation.cancelled")
    await reserve(running, "res-2")

    assert cancelled["type"] == "operation.succeeded"


async def test_cancelling_what_is_over_succeeds_at_once(running: World) -> None:
    await running.add_charger()
    reservation_id = await reserve(running)
    body = {"request_id": "c-1", "reservation_id": reservation_id}
    await running.partner.api.post("/v1/cancel_reservation", json=body)
    await running.partner.outcome("c-1")

    again = await running.partner.api.post(
        "/v1/cancel_reservation", json=body | {"request_id": "c-2"}
    )

    assert again.json()["status"] == "succeeded"
    assert again.json()["result"]["already_released"] is True


async def test_i35_a_reservation_expires_by_database_time(
    running: World, clock: ShiftedClock
) -> None:
    await running.add_charger()
    reservation_id = await reserve(running, minutes=2)

    clock.advance(121)

    expired = await running.partner.receiver.wait("reservation.expired", within_s=20)
    assert expired["data"]["object"]["id"] == reservation_id


@pytest.mark.parametrize("minutes", [0, 60 * 25])
async def test_an_expiry_out_of_range_is_refused(running: World, minutes: int) -> None:
    await running.add_charger()
    body = {
        "request_id": "res-1",
        "connector_id": await running.connector_id("CP-1"),
        "expires_at": rfc3339(running.platform.db.now() + timedelta(minutes=minutes)),
    }

    response = await running.partner.api.post("/v1/reserve", json=body)

    assert response.status_code == 422
    assert response.json()["code"] == "expiry_out_of_range"
