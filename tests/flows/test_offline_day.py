"""A charger that was away for a day: what it did is told late, twice and shuffled (OC-5)."""

from datetime import timedelta

import pytest

from core.chargers import id_tokens
from core.kernel.times import rfc3339, rfc3339_or_none
from tests.world import ACTOR, Version, World


@pytest.mark.parametrize("shuffle", [False, True])
async def test_i18_i23_ten_transactions_of_a_day_away_become_ten_orders(
    running: World, version: Version, *, shuffle: bool
) -> None:
    charger = await running.add_charger(version=version)
    db = running.platform.db
    async with db.transaction() as tx:
        await id_tokens.put(tx, ACTOR, "CARD")
    await charger.go_offline()
    began = db.now() - timedelta(hours=23)
    for number in range(10):
        start_at = began + timedelta(hours=2 * number)
        charger.record_offline_transaction(
            1,
            "CARD",
            start_at=start_at,
            stop_at=start_at + timedelta(minutes=50),
            energy_wh=5000 + number,
        )

    await charger.go_online(shuffle=shuffle and version == "2.0.1")
    await charger.wait_settled()
    await charger.replay(times=2, shuffle=shuffle)
    await charger.wait_settled()

    told = {
        (order["started_at"], order["ended_at"], order["energy_wh"], order["data_quality"])
        for order in await running.orders()
    }
    did = {
        (
            rfc3339(transaction.started_at),
            rfc3339_or_none(transaction.ended_at),
            transaction.energy_wh,
            "ok",
        )
        for transaction in charger.ledger.transactions()
    }
    assert len(did) == 10
    assert told == did
