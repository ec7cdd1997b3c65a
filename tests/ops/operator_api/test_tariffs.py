"""Tariffs for operators: versions, stations, what a session costs."""

from typing import Any

import httpx2
import pytest

from core.kernel.db import Database
from core.operators.models import Role
from tests.ops.conftest import Login
from tests.ops.operator_api.making import get, post
from tests.ops.operator_api.test_charging_profiles import begin, charger_id, refused

__all__ = ["charger_id"]

TARIFF = {
    "currency": "EUR",
    "per_kwh": "0.49",
    "start_fee": "0.35",
    "tax_percent": "19",
    "text": "0.49 EUR/kWh",
    "language": "en",
}


async def test_versions_are_offered_and_withdrawn_and_never_changed(
    operator: httpx2.AsyncClient,
) -> None:
    first = await post(operator, "/tariffs", **TARIFF)
    assert (first["per_kwh"], first["per_minute"], first["offered"]) == ("0.49", "0", True)
    station = await post(operator, "/stations", name="S")
    own = await post(operator, "/tariffs", **TARIFF, station_id=station["id"])
    ended = await post(operator, "/tariffs/withdraw", station_id=station["id"])
    assert ended["offered"] is False
    listed = await get(operator, "/tariffs")
    assert [one["id"] for one in listed["data"]] == [ended["id"], own["id"], first["id"]]
    page = await get(operator, "/tariffs", limit=1)
    rest = await get(operator, "/tariffs", limit=5, cursor=page["next_cursor"])
    assert [one["id"] for one in rest["data"]] == [own["id"], first["id"]]
    mine = await get(operator, "/tariffs", station_id=station["id"])
    assert len(mine["data"]) == 2
    assert await get(operator, f"/tariffs/{first['id']}") == first
    audited = await get(operator, "/audit", object_id=own["id"])
    assert audited["data"][0]["action"] == "tariff.offered"
    again = await refused(operator, "POST", "/tariffs/withdraw", {"station_id": station["id"]})
    assert again["code"] == "not_found"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"currency": "eur"}, "/currency"),
        ({"currency": "EURO"}, "/currency"),
        ({"per_kwh": 0.49}, "/per_kwh"),
        ({"per_kwh": "-1"}, "/per_kwh"),
        ({"per_kwh": "1e3"}, "/per_kwh"),
        ({"per_kwh": "9999999"}, "/per_kwh"),
        ({"tax_percent": "101"}, "/tax_percent"),
        ({"text": ""}, "/text"),
        ({"text": "a\x00"}, "/text"),
        ({"text": None}, "/language"),
        ({"language": "klingon"}, "/language"),
        ({"valid_from": "2020-01-01T00:00:00Z"}, "/valid_from"),
    ],
)
async def test_what_is_no_tariff_is_refused_with_a_pointer(
    operator: httpx2.AsyncClient, change: dict[str, Any], pointer: str
) -> None:
    problem = await refused(operator, "POST", "/tariffs", TARIFF | change)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_a_session_shows_what_it_costs_by_the_tariff_that_it_began_with(
    operator: httpx2.AsyncClient, db: Database, charger_id: str
) -> None:
    before = await begin(db, charger_id, "tx-0")
    tariff = await post(operator, "/tariffs", **TARIFF)
    after = await begin(db, charger_id, "tx-1")
    without = await get(operator, f"/sessions/{before}/cost")
    assert (without["tariff_id"], without["total"], without["final"]) == (None, None, False)
    found = await get(operator, f"/sessions/{after}/cost")
    amounts = {"currency": "EUR", "net": "0.35", "tax": "0.07", "total": "0.42"}
    assert found | amounts | {"tariff_id": tariff["id"]} == found


async def test_only_admins_set_prices(login: Login) -> None:
    support = await login(Role.SUPPORT)
    assert (await support.post("/operator/v1/tariffs", json=TARIFF)).status_code == 403
    assert (await support.get("/operator/v1/tariffs")).status_code == 200
    admin = await login(Role.ADMIN)
    problem = await refused(admin, "POST", "/tariffs", TARIFF | {"station_id": "st_none"})
    assert problem["code"] == "not_found"
