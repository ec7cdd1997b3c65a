"""Being away: what is kept, how it is sent later, and how it is sent again."""

from datetime import timedelta

import pytest

from simulator import Kind, SimulatedCharger, Transaction, Version
from tests.simulator.asking import ends, starts
from tests.simulator.central import Central
from tests.simulator.making import MakeCharger


async def test_session_while_offline_is_told_in_order_on_return(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        await charger.go_offline()
        transaction = await charger.start_local(1, "LOCAL")
        await charger.station.clock.sleep(50)
        charger.stop_local(1)
        assert starts(central) == []
        await charger.go_online()
        await charger.wait_ended(transaction)
        assert await charger.wait_settled() == []
    assert len(starts(central)) == 1
    assert len(ends(central)) == 1
    if version == "2.0.1":
        assert all(call.payload["offline"] for call in central.of("TransactionEvent"))
    else:
        assert transaction.transaction_id == "1"
        assert central.of("StopTransaction")[0].payload["transactionId"] == 1
        assert {c.payload["transactionId"] for c in central.of("MeterValues")} == {1}


def _a_day(charger: SimulatedCharger) -> list[Transaction]:
    day_start = charger.station.clock.now() - timedelta(days=1)
    return [
        charger.record_offline_transaction(
            1 + number % 2,
            f"DRIVER-{number}",
            start_at=day_start + timedelta(hours=2 * number),
            stop_at=day_start + timedelta(hours=2 * number + 1),
            energy_wh=1000 * (number + 1),
        )
        for number in range(10)
    ]


@pytest.mark.parametrize("shuffle", [False, True])
async def test_a_day_of_transactions_is_replayed_twice_out_of_order(
    central: Central, make: MakeCharger, *, shuffle: bool
) -> None:
    async with make(connectors=2) as charger:
        await charger.go_offline(abort=True)
        recorded = _a_day(charger)
        await charger.go_online(shuffle=shuffle)
        assert await charger.wait_settled() == []
        messages = len(charger.ledger.messages)
        assert await charger.replay(times=2, shuffle=True) == 2 * messages
    assert [t.energy_wh for t in recorded] == [1000 * n for n in range(1, 11)]
    assert all(transaction.acknowledged for transaction in recorded)
    assert len({t.transaction_id for t in recorded}) == 10
    assert len(starts(central)) == 30
    assert len(ends(central)) == 30
    assert {at for _, at in ends(central)} == {
        t.ended_at.replace(microsecond=t.ended_at.microsecond // 1000 * 1000)
        for t in recorded
        if t.ended_at
    }
    ids = [call.message_id for call in central.calls]
    assert len(set(ids)) == len(ids)


async def test_registers_never_fall_over_a_life(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        await charger.go_offline()
        for hours in (3, 2):
            now = charger.station.clock.now()
            charger.record_offline_transaction(
                1,
                "DRIVER",
                start_at=now - timedelta(hours=hours),
                stop_at=now - timedelta(hours=hours - 1),
                energy_wh=500,
            )
        await charger.start_local(1, "DRIVER")
        charger.stop_local(1)
    book = charger.ledger.transactions()
    readings = [wh for t in book for wh in (t.meter_start_wh, t.meter_stop_wh)]
    assert readings == sorted(wh for wh in readings if wh is not None)


async def test_unanswered_start_is_sent_again_after_reconnection(
    central: Central, make: MakeCharger
) -> None:
    """The connection ends between a start and its answer: the charger asks again."""
    asked: list[object] = []

    async with make(resend_same_id=True) as charger:
        silent = {"StartTransaction", "TransactionEvent"}

        def drop_first(payload: dict[str, object]) -> object:
            asked.append(payload)
            for action in silent:
                central.answers.pop(action, None)
            central.sockets["CP-1"].transport.abort()
            return {}

        for action in silent:
            central.answers[action] = drop_first
        await charger.start_local(1, "LOCAL")
        transaction = await charger.wait_transaction(1)
        start = transaction.messages[0]
    assert len(asked) == 1
    assert [attempt.error for attempt in start.attempts] == ["disconnected", None]
    assert start.attempts[0].message_id == start.attempts[1].message_id
    assert len(charger.ledger.transactions()) == 1


async def test_refused_message_is_tried_as_often_as_configured(
    central: Central, make: MakeCharger
) -> None:
    async with make(speed=2000.0) as charger:
        for action in ("StartTransaction", "TransactionEvent"):
            central.answers[action] = lambda _: "InternalError"
        await charger.start_local(1, "LOCAL")
        start = charger.ledger.messages[0]
        await charger.wait_until(lambda: start.abandoned)
    assert len(start.attempts) == 3
    assert {attempt.error for attempt in start.attempts} == {"InternalError"}
    assert charger.ledger.errors


async def test_invalid_token_ends_the_transaction(
    central: Central, make: MakeCharger, version: Version
) -> None:
    info = "idTagInfo" if version == "1.6" else "idTokenInfo"
    async with make() as charger:
        central.answers["StartTransaction"] = lambda _: {
            "transactionId": 9,
            info: {"status": "Blocked"},
        }
        central.answers["TransactionEvent"] = lambda payload: (
            {info: {"status": "Blocked"}} if payload["eventType"] == "Started" else {}
        )
        transaction = await charger.start_local(1, "LOCAL")
        await charger.wait_ended(transaction)
    assert transaction.token_status == "Blocked"
    assert [reason for reason, _ in ends(central)] == ["DeAuthorized"]


async def test_ledger_names_every_message_by_a_stable_key(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        transaction = await charger.start_local(1, "LOCAL")
        charger.stop_local(1)
        await charger.wait_ended(transaction)
    keys = [message.key for message in charger.ledger.messages]
    assert len(set(keys)) == len(keys)
    kinds = {message.kind for message in charger.ledger.messages}
    assert kinds == ({Kind.START, Kind.STOP} if version == "1.6" else {Kind.EVENT})
    book = charger.ledger.as_json()
    assert book["transactions"][0]["energy_wh"] == transaction.energy_wh
    assert [message["key"] for message in book["messages"]] == keys
    assert all(message["acknowledged"] for message in book["messages"])
