"""What partners read of stations: pages, pictures, tariffs, and when to read them again."""

from decimal import Decimal
from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import groups, pictures, pricing, stations
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.tariffs.cost import Prices
from tests.partner_api.joining import JPEG, png
from tests.partner_api.scenes import Party, Place, grant, make_place

HOURS = {"regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}]}


async def read(partner: Party, path: str, **headers: str) -> Any:
    answer = await partner.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_sy1_a_station_shows_hours_pictures_and_what_holds_there(
    db: Database, settings: Settings, partner: Party, place: Place
) -> None:
    prices = Prices(currency="EUR", per_kwh=Decimal("0.49"), tax_percent=Decimal(19))
    before = (await read(partner, f"/v1/stations/{place.station_id}"))["updated_at"]
    async with db.transaction() as tx:
        await stations.update_station(tx, CLI, place.station_id, {"opening_times": HOURS})
        tariff = await pricing.offer(tx, CLI, prices, station_id=place.station_id)
    for content in (png(), JPEG):
        await pictures.attach(db, settings, CLI, station_id=place.station_id, content=content)
    station = await read(partner, f"/v1/stations/{place.station_id}")
    assert station["updated_at"] >= before
    assert station["opening_times"]["regular_hours"] == HOURS["regular_hours"]
    (charger,) = station["chargers"]
    assert {one["tariff_id"] for one in charger["connectors"]} == {tariff.id}
    assert (await read(partner, f"/v1/connectors/{place.connector_id}"))["tariff_id"] == tariff.id
    shown = await read(partner, f"/v1/tariffs/{tariff.id}")
    assert shown["per_kwh"] == {"amount": "0.49", "currency": "EUR"}
    assert shown["tax_percent"] == "19"
    assert (await read(partner, "/v1/tariffs"))["data"] == [shown]
    for picture, content in zip(station["pictures"], (png(), JPEG), strict=True):
        answer = await partner.client.get(picture["url"])
        assert answer.content == content
        assert answer.headers["Content-Type"] == picture["media_type"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "private, max-age=604800"
        again = await partner.client.get(
            picture["url"], headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert (again.status_code, again.content) == (304, b"")


async def test_i32_a_picture_is_seen_by_whom_its_station_was_granted_to(
    db: Database, vault: Vault, settings: Settings, partner: Party, place: Place
) -> None:
    hidden = await make_place(db, vault, identity="CP-9")
    picture = await pictures.attach(db, settings, CLI, station_id=hidden.station_id, content=png())
    for station_id in (hidden.station_id, place.station_id, "st_none"):
        answer = await partner.client.get(f"/v1/stations/{station_id}/pictures/{picture['id']}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    await grant(db, hidden, partner.partner_id)
    path = f"/v1/stations/{hidden.station_id}/pictures/{picture['id']}"
    assert (await partner.client.get(path)).status_code == 200
    for file in settings.picture_directory.iterdir():
        file.unlink()
    assert (await partner.client.get(path)).json()["code"] == "dependency_unavailable"


PATHS = ("stations", "stations/{st}", "connectors/{con}", "statuses", "tariffs", "tariffs/{trf}")


@pytest.mark.parametrize("path", PATHS)
async def test_sy1_what_did_not_change_is_not_sent_again(
    db: Database, partner: Party, place: Place, path: str
) -> None:
    async with db.transaction() as tx:
        prices = Prices(currency="EUR", per_kwh=Decimal(1))
        tariff = await pricing.offer(tx, CLI, prices, station_id=place.station_id)
    ids = {"st": place.station_id, "con": place.connector_id, "trf": tariff.id}
    url = f"/v1/{path.format(**ids)}"
    first = await partner.client.get(url)
    assert first.headers["Cache-Control"].startswith("private, ")
    again = await partner.client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_a_station_of_a_group_is_seen_and_controlled_as_any(
    db: Database, vault: Vault, partner: Party
) -> None:
    place = await make_place(db, vault, identity="CP-7")
    async with db.transaction() as tx:
        group = await groups.create_group(tx, CLI, name="Berlin")
        await groups.add_stations(tx, CLI, group.id, [place.station_id])
        await groups.grant_group(tx, CLI, partner.partner_id, group.id, control=False)
    body = {"request_id": "r-1", "connector_id": place.connector_id}
    assert (await read(partner, "/v1/statuses"))["data"][0]["station_id"] == place.station_id
    refused = await partner.client.post("/v1/start_charge", json=body)
    assert refused.json()["code"] == "station_not_granted"
    async with db.transaction() as tx:
        await groups.grant_group(tx, CLI, partner.partner_id, group.id, control=True)
    assert (await partner.client.post("/v1/start_charge", json=body)).status_code == 202
    listed = (await read(partner, "/v1/partner"))["stations"]
    assert listed == [{"station_id": place.station_id, "control": True}]
