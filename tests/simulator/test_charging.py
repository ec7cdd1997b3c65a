"""Booting, charging, stopping: what a central system sees."""

import pytest

from simulator import NotAuthorized, Version
from tests.simulator.asking import ends, remote_start, remote_stop, starts
from tests.simulator.central import Central
from tests.simulator.making import MakeCharger


async def test_boots_and_reports_every_connector(central: Central, make: MakeCharger) -> None:
    async with make(connectors=2) as charger:
        assert charger.online
        assert central.calls[0].action == "BootNotification"
        assert central.statuses(1) == ["Available"]
        assert central.statuses(2) == ["Available"]


async def test_remote_start_to_remote_stop(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        assert await remote_start(central, charger) == "Accepted"
        transaction = await charger.wait_transaction(1)
        assert transaction.token == "TAG"
        await central.until(lambda: len(central.of("MeterValues", "TransactionEvent")) > 3)
        assert transaction.transaction_id is not None
        assert await remote_stop(central, charger, transaction.transaction_id) == "Accepted"
        await charger.wait_ended(transaction)
        await charger.wait_status(1, "Available")
        assert await charger.wait_settled() == []
    assert [reason for reason, _ in ends(central)] == ["Remote"]
    assert len(starts(central)) == 1
    assert transaction.energy_wh is not None
    assert transaction.energy_wh > 0


async def test_statuses_of_a_session(central: Central, make: MakeCharger, version: Version) -> None:
    expected = ["Available", "Preparing", "Charging", "Finishing", "Available"]
    if version == "2.0.1":
        expected = ["Available", "Occupied", "Available"]
    async with make() as charger:
        transaction = await charger.start_local(1, "LOCAL")
        charger.stop_local(1)
        await charger.wait_ended(transaction)
        await charger.wait_status(1, "Available")
        await charger.wait_settled()
    seen = central.statuses(1)
    assert [s for i, s in enumerate(seen) if i == 0 or seen[i - 1] != s] == expected


async def test_refused_token_starts_nothing(central: Central, make: MakeCharger) -> None:
    central.answers["Authorize"] = lambda payload: {
        "idTokenInfo" if "idToken" in payload else "idTagInfo": {"status": "Blocked"}
    }
    async with make() as charger:
        with pytest.raises(NotAuthorized, match="Blocked"):
            await charger.start_local(1, "STOLEN")
    assert starts(central) == []
