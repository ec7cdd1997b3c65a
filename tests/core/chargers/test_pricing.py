"""Tariffs as partners see them: a station shows the one that holds, and changes with it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.audit.service import CLI
from core.chargers import pricing, registry
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from core.tariffs.cost import Prices
from tests.core.chargers.making import heard, make_partner, make_station

PRICES = Prices(currency="EUR", per_kwh=Decimal("0.49"))


async def offer(db: Database, station_id: str | None, *, after_s: int = 0) -> str:
    async with db.transaction() as tx:
        valid_from = tx.now + timedelta(seconds=after_s) if after_s else None
        tariff = await pricing.offer(tx, CLI, PRICES, station_id=station_id, valid_from=valid_from)
        return tariff.id


async def shown(db: Database, station_id: str) -> str | None:
    async with db.transaction() as tx:
        return (await registry.get_station(tx, station_id)).tariff_id


async def test_a_tariff_of_a_station_shows_at_once_and_partners_hear_of_it(db: Database) -> None:
    station_id, other_id = await make_station(db), await make_station(db)
    partner_id = await make_partner(db, station_id, other_id)
    tariff_id = await offer(db, station_id)
    assert (await shown(db, station_id), await shown(db, other_id)) == (tariff_id, None)
    assert await pricing.show_what_holds(db) == 0
    (event,) = await heard(db, partner_id, "station.updated")
    assert event["data"]["object"]["id"] == station_id
    async with db.transaction() as tx:
        await pricing.withdraw(tx, CLI, station_id=station_id)
    assert await shown(db, station_id) is None


async def test_a_later_version_shows_when_it_begins_to_hold(
    db: Database, clock: ShiftedClock
) -> None:
    station_id = await make_station(db)
    first = await offer(db, station_id)
    second = await offer(db, station_id, after_s=60)
    assert await pricing.show_what_holds(db) == 0
    assert await shown(db, station_id) == first
    clock.advance(61)
    assert await pricing.show_what_holds(db) == 1
    assert await shown(db, station_id) == second


async def test_a_default_reaches_every_station_without_a_tariff_of_its_own(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pricing, "AT_ONCE", 2)
    stations = [await make_station(db) for _ in range(5)]
    own = await offer(db, stations[0])
    default = await offer(db, None)
    assert await shown(db, stations[1]) is None, "it takes a job, part by part"
    assert await pricing.show_what_holds(db) == 4
    assert [await shown(db, one) for one in stations] == [own, *[default] * 4]
    assert await shown(db, await make_station(db)) == default
    newer = await offer(db, None)
    assert await pricing.show_what_holds(db) == 5
    assert await shown(db, stations[1]) == newer
    async with db.transaction() as tx:
        await pricing.withdraw(tx, CLI, station_id=None)
    await pricing.show_what_holds(db)
    assert [await shown(db, one) for one in stations[:2]] == [own, None]


async def test_i32_a_partner_reads_tariffs_of_its_stations_and_the_default(db: Database) -> None:
    station_id, other_id = await make_station(db), await make_station(db)
    partner_id = await make_partner(db, station_id)
    mine, default = await offer(db, station_id), await offer(db, None)
    hidden = await offer(db, other_id)
    async with db.transaction() as tx:
        await pricing.withdraw(tx, CLI, station_id=station_id)
        found = await pricing.list_tariffs(tx, partner_id=partner_id, livemode=True, page=Page())
        assert sorted(one.id for one in found.rows) == sorted([mine, default])
        seen = await pricing.get_tariff(tx, mine, partner_id=partner_id, livemode=True)
        assert pricing.tariff_view(seen)["per_kwh"] == {"amount": "0.49", "currency": "EUR"}
        for tariff_id, livemode in ((hidden, True), (mine, False), ("trf_none", True)):
            with pytest.raises(PlatformError, match="not_found"):
                await pricing.get_tariff(tx, tariff_id, partner_id=partner_id, livemode=livemode)
