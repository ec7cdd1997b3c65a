"""OCPP 1.6: charging sessions as a charge point tells them, online and after being offline.

OCA 1.6 CSMS: TC_003 and TC_004 regular session (plug first, id tag first), TC_005 EV side
disconnected, TC_032 power failure, TC_037 to TC_039 offline transactions.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.sessions.states import StopReason
from csms.ocpp16.transactions import END_REASONS
from tests.conformance.support import allow, booted, quarantined, sessions_of, the_session
from tests.csms.live import AT, RawCharger, Running

pytestmark = [
    pytest.mark.ocpp("1.6", "StartTransaction"),
    pytest.mark.ocpp("1.6", "StopTransaction"),
]

LATER = "2026-11-21T10:30:00Z"


async def status(cp: RawCharger, value: str) -> None:
    said = {"connectorId": 1, "errorCode": "NoError", "status": value}
    assert await cp.result("StatusNotification", said) == {}


async def start(cp: RawCharger, **changes: Any) -> int:
    payload = {"connectorId": 1, "idTag": "T1", "meterStart": 1000, "timestamp": AT} | changes
    answer = await cp.result("StartTransaction", payload)
    assert answer["idTagInfo"]["status"] == "Accepted"
    return int(answer["transactionId"])


async def stop(cp: RawCharger, number: int, **changes: Any) -> dict[str, Any]:
    payload = {"transactionId": number, "meterStop": 8000, "timestamp": LATER} | changes
    return await cp.result("StopTransaction", payload)


@pytest.mark.ocpp("1.6", "Authorize")
@pytest.mark.ocpp("1.6", "MeterValues")
@pytest.mark.ocpp("1.6", "StatusNotification")
@pytest.mark.parametrize("plug_first", [True, False], ids=["plug first", "id tag first"])
async def test_a_regular_session(server: Running, *, plug_first: bool) -> None:
    await allow(server, "T1")
    async with booted(server) as cp:
        if plug_first:
            await status(cp, "Preparing")
        assert (await cp.result("Authorize", {"idTag": "T1"}))["idTagInfo"]["status"] == "Accepted"
        if not plug_first:
            await status(cp, "Preparing")
        number = await start(cp)
        await status(cp, "Charging")
        sample = {"timestamp": "2026-11-21T10:15:00Z", "sampledValue": [{"value": "4500"}]}
        values = {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
        assert await cp.result("MeterValues", values) == {}
        assert (await the_session(server)).energy_wh == 3500
        told = await stop(cp, number, idTag="T1", reason="Local")
        assert told["idTagInfo"]["status"] == "Accepted"
        await status(cp, "Finishing")
        await status(cp, "Available")
    session = await the_session(server)
    assert (session.energy_wh, session.stop_reason) == (7000, StopReason.DRIVER)
    assert session.started_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert session.ended_at == datetime(2026, 11, 21, 10, 30, tzinfo=UTC)


@pytest.mark.ocpp("1.6", "StatusNotification")
async def test_the_vehicle_disconnects(server: Running) -> None:
    await allow(server, "T1")
    async with booted(server) as cp:
        number = await start(cp)
        await status(cp, "Charging")
        await status(cp, "SuspendedEV")
        assert (await the_session(server)).is_open
        await stop(cp, number, reason="EVDisconnected")
        await status(cp, "Available")
    assert (await the_session(server)).stop_reason == StopReason.VEHICLE_DISCONNECTED


@pytest.mark.parametrize("reason", sorted(END_REASONS))
async def test_each_reason_of_a_stop_ends_the_session_once(server: Running, reason: str) -> None:
    await allow(server, "T1")
    async with booted(server) as cp:
        number = await start(cp)
        await stop(cp, number, reason=reason)
        await stop(cp, number, reason=reason)
    session = await the_session(server)
    assert not session.is_open
    assert session.stop_reason is not None


@pytest.mark.ocpp("1.6", "BootNotification")
async def test_a_power_loss_is_told_after_the_boot(server: Running) -> None:
    await allow(server, "T1")
    async with booted(server) as cp:
        number = await start(cp)
    async with booted(server) as cp:
        assert (await the_session(server)).is_open
        await stop(cp, number, reason="PowerLoss")
    session = await the_session(server)
    assert (session.stop_reason, session.energy_wh) == (StopReason.POWER_LOSS, 7000)


async def test_a_whole_transaction_from_offline_is_taken_as_it_was(server: Running) -> None:
    await allow(server, "T1")
    async with booted(server) as cp:
        number = await start(cp)
        await stop(cp, number, reason="Local", transactionData=[])
    session = await the_session(server)
    assert (session.energy_wh, session.is_open) == (7000, False)


async def test_a_replay_after_a_lost_answer_changes_nothing(server: Running) -> None:
    """I18: the charge point sends it again, under a new message id, over another socket."""
    await allow(server, "T1")
    async with booted(server) as cp:
        number = await start(cp)
    async with booted(server) as cp:
        assert await start(cp) == number
        await stop(cp, number)
    before = await sessions_of(server)
    async with booted(server) as cp:
        assert await start(cp) == number
        await stop(cp, number)
    assert [row.id for row in await sessions_of(server)] == [row.id for row in before]
    assert await quarantined(server) == []


async def test_a_tag_that_became_invalid_meanwhile_is_told_so(server: Running) -> None:
    """An offline start with an unknown tag: the session is kept, the verdict is Invalid."""
    async with booted(server) as cp:
        payload = {"connectorId": 1, "idTag": "GONE", "meterStart": 0, "timestamp": AT}
        answer = await cp.result("StartTransaction", payload)
        assert answer["idTagInfo"]["status"] == "Invalid"
        await stop(cp, answer["transactionId"], reason="DeAuthorized")
    assert (await the_session(server)).stop_reason == StopReason.DEAUTHORIZED
