"""Answers to the central system that both versions share."""

import pytest

from simulator import Version
from tests.simulator.asking import ends, remote_start, remote_stop, reserve, starts
from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger


async def test_busy_connector_refuses_a_remote_start(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        await charger.start_local(1, "LOCAL")
        assert await remote_start(central, charger) == "Rejected"
        assert await remote_start(central, charger, connector=9) == "Rejected"


async def test_unknown_transaction_is_not_stopped(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        unknown = "99" if version == "1.6" else "no-such"
        assert await remote_stop(central, charger, unknown) == "Rejected"


async def test_without_auto_plug_the_start_waits_for_the_cable(
    central: Central, make: MakeCharger
) -> None:
    async with make(auto_plug=False) as charger:
        assert await remote_start(central, charger) == "Accepted"
        await charger.wait_until(lambda: charger.connector(1).authorization is not None)
        assert starts(central) == []
        charger.plug(1)
        await charger.wait_transaction(1)
    assert len(starts(central)) == 1


async def test_reservation_holds_the_connector_for_its_token(
    central: Central, make: MakeCharger
) -> None:
    async with make() as charger:
        assert await reserve(central, charger, seconds=600, token="MINE") == "Accepted"
        await charger.wait_status(1, "Reserved")
        assert await remote_start(central, charger, "OTHER") == "Rejected"
        assert await remote_start(central, charger, "MINE") == "Accepted"
        transaction = await charger.wait_transaction(1)
    assert transaction.reservation_id == 5
    assert starts(central)[0]["reservationId"] == 5


async def test_reservation_expires_by_itself(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        assert await reserve(central, charger, seconds=40) == "Accepted"
        await charger.wait_status(1, "Reserved")
        await charger.wait_status(1, "Available")
        await charger.wait_settled()
    updates = [call.payload for call in central.of("ReservationStatusUpdate")]
    expired = [{"reservationId": 5, "reservationUpdateStatus": "Expired"}]
    assert updates == (expired if version == "2.0.1" else [])


async def test_reservation_is_cancelled_once(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        await reserve(central, charger, seconds=600)
        for expected in ("Accepted", "Rejected"):
            answer = await central.ask("CP-1", "CancelReservation", {"reservationId": 5})
            assert answer == {"status": expected}
        await charger.wait_status(1, "Available")


async def test_fault_ends_a_reservation_where_the_version_can_say_so(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        await reserve(central, charger, seconds=600)
        charger.fault(1)
        await charger.wait_settled()
        charger.clear_fault(1)
        expected = "Available" if version == "2.0.1" else "Reserved"
        await charger.wait_status(1, expected)
        await charger.wait_settled()
    told = [call.payload for call in central.of("ReservationStatusUpdate")]
    updates = [payload["reservationUpdateStatus"] for payload in told]
    assert updates == (["Removed"] if version == "2.0.1" else [])


async def test_occupied_connector_is_not_reserved(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        charger.plug(1)
        assert await reserve(central, charger, seconds=600) == "Occupied"
        charger.unplug(1)
        charger.fault(1)
        assert await reserve(central, charger, seconds=600) == "Faulted"


async def test_unlock_follows_its_version(
    central: Central, make: MakeCharger, version: Version
) -> None:
    """1.6 5.18 ends the transaction; 2.0.1 F05 refuses while one is authorized."""
    wish: Payload = {"connectorId": 1} if version == "1.6" else {"evseId": 1, "connectorId": 1}
    async with make() as charger:
        assert await central.ask("CP-1", "UnlockConnector", wish) == {"status": "Unlocked"}
        transaction = await charger.start_local(1, "LOCAL")
        await charger.wait_transaction(1)
        answer = await central.ask("CP-1", "UnlockConnector", wish)
        if version == "1.6":
            assert answer == {"status": "Unlocked"}
            await charger.wait_ended(transaction)
            assert [reason for reason, _ in ends(central)] == ["UnlockCommand"]
        else:
            assert answer == {"status": "OngoingAuthorizedTransaction"}


@pytest.mark.parametrize("graceful", [True, False])
async def test_reset_ends_transactions_and_boots(
    central: Central, make: MakeCharger, version: Version, *, graceful: bool
) -> None:
    async with make() as charger:
        transaction = await charger.start_local(1, "LOCAL")
        await charger.wait_transaction(1)
        if version == "1.6":
            kind, status = ("Soft" if graceful else "Hard"), "Accepted"
        else:
            kind, status = ("OnIdle", "Scheduled") if graceful else ("Immediate", "Accepted")
        assert await central.ask("CP-1", "Reset", {"type": kind}) == {"status": status}
        if status == "Scheduled":
            charger.stop_local(1)
        await central.until(lambda: len(central.of("BootNotification")) == 2)
        await charger.wait_ended(transaction)
    expected = {
        ("1.6", True): "SoftReset",
        ("1.6", False): "HardReset",
        ("2.0.1", True): "Local",
        ("2.0.1", False): "ImmediateReset",
    }
    assert [reason for reason, _ in ends(central)] == [expected[version, graceful]]


async def test_availability_of_a_busy_connector_is_scheduled(
    central: Central, make: MakeCharger, version: Version
) -> None:
    def wish(connector: int, operative: str) -> Payload:
        if version == "1.6":
            return {"connectorId": connector, "type": operative}
        return {"operationalStatus": operative, "evse": {"id": connector}}

    async with make(connectors=2) as charger:
        await charger.start_local(1, "LOCAL")
        for connector, expected in ((1, "Scheduled"), (2, "Accepted"), (3, "Rejected")):
            answer = await central.ask("CP-1", "ChangeAvailability", wish(connector, "Inoperative"))
            assert answer == {"status": expected}
        assert charger.status(2) == "Unavailable"
        charger.stop_local(1)
        await charger.wait_status(1, "Unavailable")
        assert await remote_start(central, charger) == "Rejected"
        await central.ask("CP-1", "ChangeAvailability", wish(2, "Operative"))
        await charger.wait_status(2, "Available")


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("BootNotification", "BootNotification"),
        ("Heartbeat", "Heartbeat"),
        ("StatusNotification", "StatusNotification"),
        ("MeterValues", "MeterValues"),
    ],
)
async def test_triggered_message_follows(
    central: Central, make: MakeCharger, message: str, action: str
) -> None:
    async with make():
        before = len(central.of(action))
        answer = await central.ask("CP-1", "TriggerMessage", {"requestedMessage": message})
        assert answer == {"status": "Accepted"}
        await central.until(lambda: len(central.of(action)) > before)


async def test_data_transfer_knows_one_vendor(central: Central, make: MakeCharger) -> None:
    async with make():
        known = {"vendorId": "org.voltgate.simulator", "data": "echo"}
        answer = await central.ask("CP-1", "DataTransfer", known)
        assert answer == {"status": "Accepted", "data": "echo"}
        answer = await central.ask("CP-1", "DataTransfer", {"vendorId": "org.other"})
        assert answer == {"status": "UnknownVendorId"}
        assert await central.ask("CP-1", "ClearCache") == {"status": "Accepted"}


async def test_what_it_cannot_is_a_callerror_and_in_the_ledger(
    central: Central, make: MakeCharger
) -> None:
    async with make() as charger:
        answer = await central.ask("CP-1", "StatusNotification", checked=False)
        assert answer == {"error": "NotImplemented"}
        (received,) = charger.ledger.calls_received("StatusNotification")
    assert received.error == "NotImplemented"
    assert received.answer is None


async def test_exactly_one_remote_start_is_countable(
    central: Central, make: MakeCharger, version: Version
) -> None:
    action = "RemoteStartTransaction" if version == "1.6" else "RequestStartTransaction"
    async with make() as charger:
        await remote_start(central, charger)
        await charger.wait_call(action)
        (received,) = charger.ledger.calls_received(action)
    assert received.answer == {"status": "Accepted"}
