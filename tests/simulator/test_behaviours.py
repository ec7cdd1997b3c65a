"""Each named behaviour of test mode, as a central system sees it."""

from datetime import datetime

import pytest

from simulator import Behaviour, SimulatedCharger, Timing, Version
from tests.simulator.asking import ends, remote_start, starts
from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger


async def test_reject_refuses_the_start(central: Central, make: MakeCharger) -> None:
    async with make(behaviour=Behaviour.REJECT) as charger:
        assert await remote_start(central, charger) == "Rejected"
    assert charger.ledger.transactions() == []


async def test_nocar_accepts_and_gives_up_after_its_connection_timeout(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make(behaviour=Behaviour.NOCAR) as charger:
        assert await remote_start(central, charger) == "Accepted"
        await charger.wait_until(lambda: charger.connector(1).authorization is not None)
        await charger.wait_until(lambda: charger.connector(1).authorization is None)
        await charger.wait_settled()
    assert charger.ledger.transactions() == []
    if version == "1.6":
        assert central.statuses(1) == ["Available", "Preparing", "Available"]


@pytest.mark.parametrize(("behaviour", "delay_s"), [(Behaviour.LATE, 75), (Behaviour.SLOW, 55)])
async def test_delayed_start_comes_after_its_delay(
    central: Central, make: MakeCharger, behaviour: Behaviour, delay_s: float
) -> None:
    async with make(behaviour=behaviour, connection_timeout_s=30) as charger:
        assert await remote_start(central, charger) == "Accepted"
        asked_at = charger.ledger.received[-1].at
        transaction = await charger.wait_transaction(1)
        waited = transaction.started_at - asked_at
        assert waited.total_seconds() >= delay_s


async def test_delays_are_settings(central: Central, make: MakeCharger) -> None:
    timing = Timing(late_s=0.0)
    async with make(behaviour=Behaviour.LATE, timing=timing, speed=1.0) as charger:
        await remote_start(central, charger)
        await charger.wait_transaction(1, timeout_s=3)


async def test_offline_never_connects(central: Central, make: MakeCharger) -> None:
    async with make(behaviour=Behaviour.OFFLINE) as charger:
        assert not charger.online
    assert charger.ledger.connections == 0
    assert central.sockets == {}


async def test_drop_accepts_then_vanishes_and_returns_without_a_start(
    central: Central, make: MakeCharger
) -> None:
    async with make(behaviour=Behaviour.DROP) as charger:
        assert await remote_start(central, charger) == "Accepted"
        await charger.wait_until(lambda: charger.ledger.connections == 2 and charger.online)
        assert len(central.of("BootNotification")) == 1
    assert charger.ledger.transactions() == []


async def test_fault_ends_the_session_in_the_middle(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make(behaviour=Behaviour.FAULT) as charger:
        await remote_start(central, charger)
        transaction = await charger.wait_transaction(1)
        await charger.wait_ended(transaction)
        assert "Faulted" in central.statuses(1)
        await charger.wait_status(1, "Available")
    expected = "Other" if version == "1.6" else "GroundFault"
    assert [reason for reason, _ in ends(central)] == [expected]


async def test_dup_says_everything_twice_with_a_new_id(central: Central, make: MakeCharger) -> None:
    async with make(behaviour=Behaviour.DUP) as charger:
        await remote_start(central, charger)
        transaction = await charger.wait_transaction(1)
        charger.stop_local(1)
        await charger.wait_ended(transaction)
        await charger.wait_settled()
    assert len(central.of("BootNotification")) == 2
    assert len(starts(central)) == 2
    assert starts(central)[0] == starts(central)[1]
    ids = [call.message_id for call in central.calls]
    assert len(set(ids)) == len(ids)
    assert all(len(message.attempts) == 2 for message in charger.ledger.messages)
    assert len(charger.ledger.transactions()) == 1


def _registers(central: Central) -> list[int]:
    """Return the periodic energy registers in the order they came."""
    found = []
    for call in central.of("MeterValues", "TransactionEvent"):
        for value in call.payload.get("meterValue", []):
            first = value["sampledValue"][0]
            if first["context"] == "Sample.Periodic":
                found.append(int(first["value"]))
    return found


async def test_metergap_loses_samples_then_zero_then_a_jump(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make(behaviour=Behaviour.METERGAP, speed=400.0) as charger:
        await remote_start(central, charger)
        transaction = await charger.wait_transaction(1)
        await central.until(lambda: len(_registers(central)) >= 4)
        charger.stop_local(1)
        await charger.wait_ended(transaction)
    first, spurious, third, *_ = _registers(central)
    lost_wh = 4 * 20 * 11_000 // 3600
    assert spurious == 0
    assert third - first >= lost_wh
    if version == "2.0.1":
        seq_nos = [call.payload["seqNo"] for call in central.of("TransactionEvent")]
        assert seq_nos == [0, 1, 2, *range(5, 5 + len(seq_nos) - 3)]


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_2_0_1_events_tell_the_whole_session(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        await remote_start(central, charger)
        transaction = await charger.wait_transaction(1)
        await central.until(lambda: len(central.of("TransactionEvent")) >= 3)
        charger.unplug(1)
        await charger.wait_ended(transaction)
    events = [call.payload for call in central.of("TransactionEvent")]
    _check_events(events, charger)


def _check_events(events: list[Payload], charger: SimulatedCharger) -> None:
    first, second, *updates, last = events
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert (first["eventType"], first["triggerReason"]) == ("Started", "RemoteStart")
    assert first["transactionInfo"]["remoteStartId"] == 7
    assert first["idToken"] == {"idToken": "TAG", "type": "Central"}
    assert first["evse"] == {"id": 1, "connectorId": 1}
    assert second["triggerReason"] == "ChargingStateChanged"
    assert second["transactionInfo"]["chargingState"] == "Charging"
    assert {event["triggerReason"] for event in updates} == {"MeterValuePeriodic"}
    assert (last["eventType"], last["triggerReason"]) == ("Ended", "EVDeparted")
    assert last["transactionInfo"]["stoppedReason"] == "EVDisconnected"
    times = [datetime.fromisoformat(event["timestamp"]) for event in events]
    assert times == sorted(times)
    assert all("offline" not in event for event in events)
    assert charger.ledger.unacknowledged() == []
