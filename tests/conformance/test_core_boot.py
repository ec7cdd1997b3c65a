"""Cold boot: accepted, pending, rejected; heartbeats; connectors' first status.

OCA 1.6 CSMS: TC_001 cold boot, TC_002 pending, TC_003 rejected. OCPP 2.0.1 B01 to B03, G01, G02.
"""

from typing import Any

import pytest
from websockets import InvalidStatus

from core.audit.service import CLI
from core.chargers import registry
from core.chargers.holding import hold
from core.chargers.states import ConnectorStatus
from core.kernel.settings import Settings
from csms.ocpp16.inbound import STATUSES
from tests.conformance.support import booted, charger_of, connectors_of, until
from tests.csms.live import AT, RawCharger, Running, charger, closed


def status_of(version: str, number: int, status: str) -> dict[str, Any]:
    if version == "1.6":
        return {"connectorId": number, "errorCode": "NoError", "status": status, "timestamp": AT}
    return {"timestamp": AT, "connectorStatus": status, "evseId": number, "connectorId": 1}


@pytest.mark.ocpp("1.6", "BootNotification")
@pytest.mark.ocpp("2.0.1", "BootNotification")
@pytest.mark.ocpp("1.6", "StatusNotification")
@pytest.mark.ocpp("2.0.1", "StatusNotification")
@pytest.mark.ocpp("1.6", "Heartbeat")
@pytest.mark.ocpp("2.0.1", "Heartbeat")
async def test_a_cold_boot_is_accepted_then_status_and_heartbeat(
    server: Running, version: str, settings: Settings
) -> None:
    await server.add_charger()
    async with charger(server, version=version) as cp:
        answer = await cp.boot()
        assert answer["status"] == "Accepted"
        usual_s = settings.heartbeat_interval.total_seconds()
        assert 0.9 * usual_s <= answer["interval"] <= 1.1 * usual_s
        assert answer["currentTime"].endswith("Z")
        for number in (1, 2):
            told = await cp.result("StatusNotification", status_of(version, number, "Available"))
            assert told == {}
        assert list(await cp.result("Heartbeat", {})) == ["currentTime"]
    found = {row.evse: row.status for row in await connectors_of(server)}
    assert found == {1: ConnectorStatus.AVAILABLE, 2: ConnectorStatus.AVAILABLE}


@pytest.mark.ocpp("1.6", "BootNotification")
@pytest.mark.ocpp("2.0.1", "BootNotification")
async def test_a_charger_held_back_is_pending_until_somebody_approves_it(
    server: Running, version: str
) -> None:
    row = await server.add_charger()
    async with server.db.transaction() as tx:
        await hold(tx, CLI, row.id, reason="not paid")
    async with charger(server, version=version) as cp:
        answer = await cp.boot()
        assert answer["status"] == "Pending"
        assert 0 < answer["interval"] <= 66
        assert (await cp.call("Heartbeat", {}))[2] == "SecurityError"
        async with server.db.transaction() as tx:
            await registry.approve(tx, CLI, row.id)
        assert (await cp.boot())["status"] == "Accepted"
        await cp.result("Heartbeat", {})


@pytest.mark.ocpp("1.6", "BootNotification")
@pytest.mark.ocpp("2.0.1", "BootNotification")
async def test_a_rejected_charger_loses_its_socket_and_gets_no_other(
    server: Running, version: str
) -> None:
    row = await server.add_charger()
    async with server.db.transaction() as tx:
        await hold(tx, CLI, row.id, reason="stolen")
    async with charger(server, version=version) as cp:
        assert (await cp.boot())["status"] == "Pending"
        async with server.db.transaction() as tx:
            await registry.reject(tx, CLI, row.id)
        assert await closed(cp) == 1008
    with pytest.raises(InvalidStatus) as refused:
        async with charger(server, version=version):
            pass
    assert refused.value.response.status_code in {401, 403}


@pytest.mark.ocpp("2.0.1", "TransactionEvent")
async def test_a_201_station_gets_a_security_error_before_its_first_boot(server: Running) -> None:
    """OCPP 2.0.1 B02.FR.09, B03.FR.07: no other message before Accepted."""
    await server.add_charger()
    event = {
        "eventType": "Started",
        "timestamp": AT,
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "tx1"},
    }
    async with charger(server, version="2.0.1") as cp:
        assert (await cp.call("TransactionEvent", event))[2] == "SecurityError"
        assert (await cp.boot())["status"] == "Accepted"
        assert (await cp.call("TransactionEvent", event))[0] == 3


@pytest.mark.ocpp("1.6", "StatusNotification")
async def test_each_status_of_16_reaches_the_connector(server: Running) -> None:
    async with booted(server) as cp:
        for status, expected in STATUSES.items():
            await cp.result("StatusNotification", status_of("1.6", 1, status))
            await has_status(server, expected)
        fault = status_of("1.6", 1, "Faulted") | {"errorCode": "GroundFailure", "info": "leak"}
        await cp.result("StatusNotification", fault)
    (connector,) = await connectors_of(server)
    assert (connector.error_code, connector.error_info) == ("GroundFailure", "leak")


@pytest.mark.ocpp("2.0.1", "StatusNotification")
async def test_each_status_of_201_reaches_the_connector(server: Running) -> None:
    async with booted(server, "2.0.1") as cp:
        for status in ("Available", "Reserved", "Unavailable", "Faulted"):
            await cp.result("StatusNotification", status_of("2.0.1", 1, status))
            await has_status(server, ConnectorStatus(status.lower()))


@pytest.mark.ocpp("1.6", "BootNotification")
@pytest.mark.ocpp("2.0.1", "BootNotification")
async def test_a_charger_that_boots_again_is_served_as_before(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp:
        assert await again(cp) == ["Accepted"] * 3
    assert (await charger_of(server)).booted_at is not None


async def again(cp: RawCharger) -> list[str]:
    return [(await cp.boot())["status"] for _ in range(3)]


async def has_status(server: Running, expected: ConnectorStatus) -> None:
    async def probe() -> bool:
        return any(row.status is expected for row in await connectors_of(server))

    await until(probe)
