"""Display messages, costs and what the station knows of a customer (2.0.1)."""

from datetime import timedelta

import pytest

from simulator import SimulatedCharger
from simulator.clock import timestamp
from simulator.switches import Switches
from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger

pytestmark = pytest.mark.parametrize("version", ["2.0.1"])


def message(number: int, **more: object) -> Payload:
    content = {"format": "UTF8", "language": "en", "content": f"message {number}"}
    return {"id": number, "priority": "NormalCycle", "message": content, **more}


async def show(central: Central, wish: Payload) -> str:
    return str((await central.ask("CP-1", "SetDisplayMessage", {"message": wish}))["status"])


async def shown(central: Central, number: int, **criteria: object) -> list[int]:
    wish: Payload = {"requestId": number, **criteria}
    answer = await central.ask("CP-1", "GetDisplayMessages", wish)
    if answer["status"] == "Unknown":
        return []

    def parts() -> list[Payload]:
        found = [call.payload for call in central.of("NotifyDisplayMessages")]
        return [part for part in found if part["requestId"] == number]

    await central.until(lambda: parts() and not parts()[-1]["tbc"])
    return [entry["id"] for part in parts() for entry in part["messageInfo"]]


async def test_messages_are_kept_replaced_and_cleared(central: Central, make: MakeCharger) -> None:
    async with make(switches=Switches(messages_max=6)) as charger:
        for number in range(1, 6):
            assert await show(central, message(number)) == "Accepted"
        assert await show(central, message(3, priority="AlwaysFront")) == "Accepted"
        assert await show(central, message(6, priority="AlwaysFront")) == "Accepted"
        assert await show(central, message(7)) == "Accepted"
        assert await show(central, message(8)) == "Rejected"
        assert await shown(central, 1) == [1, 2, 4, 5, 6, 7]
        assert await shown(central, 2, priority="AlwaysFront") == [6]
        assert await shown(central, 3, id=[1, 99]) == [1]
        assert await shown(central, 4, state="Faulted") == []
        for status in ("Accepted", "Unknown"):
            answer = await central.ask("CP-1", "ClearDisplayMessage", {"id": 1})
            assert answer == {"status": status}
        assert charger.station.settings.text("DisplayMessageCtrlr.NumberOfDisplayMessages") == "5"


async def test_message_ends_with_its_transaction_or_its_time(
    central: Central, make: MakeCharger
) -> None:
    async with make() as charger:
        assert await show(central, message(1, transactionId="none")) == "UnknownTransaction"
        past = timestamp(charger.station.clock.now() - timedelta(seconds=5))
        assert await show(central, message(1, endDateTime=past)) == "Rejected"
        transaction = await charger.start_local(1, "LOCAL")
        named = message(2, transactionId=transaction.transaction_id)
        assert await show(central, named) == "Accepted"
        assert await shown(central, 1) == [2]
        charger.stop_local(1)
        await charger.wait_ended(transaction)
        assert await shown(central, 2) == []


async def test_cost_is_shown(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        transaction = await charger.start_local(1, "LOCAL")
        wish = {"totalCost": 1.25, "transactionId": transaction.transaction_id}
        assert await central.ask("CP-1", "CostUpdated", wish) == {}
        assert charger.station.costs == {transaction.transaction_id: 1.25}


async def told(central: Central, charger: SimulatedCharger, number: int, **wish: object) -> str:
    payload: Payload = {"requestId": number, "report": True, "clear": False, **wish}
    answer = await central.ask("CP-1", "CustomerInformation", payload)
    assert answer == {"status": "Accepted"}

    def parts() -> list[Payload]:
        found = [call.payload for call in central.of("NotifyCustomerInformation")]
        return [part for part in found if part["requestId"] == number]

    await central.until(lambda: parts() and not parts()[-1]["tbc"])
    return "".join(part["data"] for part in parts())


async def test_customer_information_is_reported_in_parts_and_cleared(
    central: Central, make: MakeCharger
) -> None:
    token = {"idToken": "LOCAL", "type": "ISO14443"}
    async with make() as charger:
        for _ in range(10):
            transaction = await charger.start_local(1, "LOCAL")
            charger.stop_local(1)
            charger.unplug(1)
            await charger.wait_ended(transaction)
        text = await told(central, charger, 1, idToken=token)
        assert len(text) > 512
        assert "cache: Accepted" in text
        assert await told(central, charger, 2, customerIdentifier="NOBODY") == ""
        await told(central, charger, 3, idToken=token, clear=True)
        assert charger.station.local.cache == {}
        for wish, status in (
            ({"report": True, "clear": True}, "Invalid"),
            ({"report": False, "clear": False, "idToken": token}, "Rejected"),
        ):
            answer = await central.ask("CP-1", "CustomerInformation", {"requestId": 9, **wish})
            assert answer["status"] == status
