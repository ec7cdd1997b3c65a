"""What operators want of chargers: wished, shown beside reports, tried again, forgotten."""

from typing import Any

import httpx2
import pytest

from core.chargers.facts import Characteristics, VariableReported
from core.commands.commands import Verdict
from core.desired import variables
from core.kernel.crypto import Vault
from core.kernel.db import Database
from tests.core.desired.bench import Bench
from tests.ops.operator_api.making import get, post

V1 = "/operator/v1"
HEARTBEAT = {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval", "value": "300"}


@pytest.fixture
async def bench(operator: httpx2.AsyncClient, db: Database, vault: Vault) -> Bench:
    """A charger of OCPP 1.6 that is connected."""
    made = await post(operator, "/chargers", identity="CP-1")
    bench = Bench(db=db, vault=vault, charger_id=made["id"])
    await bench.connect()
    return bench


async def put(client: httpx2.AsyncClient, bench: Bench, path: str, **body: Any) -> httpx2.Response:
    return await client.put(f"{V1}/chargers/{bench.charger_id}/{path}", json=body)


async def report(bench: Bench, *found: VariableReported) -> None:
    async with bench.db.transaction() as tx:
        await variables.report(tx, bench.charger_id, list(found))


def reported(name: str, value: str | None, component: str = "", **more: Any) -> VariableReported:
    return VariableReported(
        component=component,
        variable=name,
        attribute="Actual",
        value=value,
        readonly=False,
        **more,
    )


async def test_a_key_shows_what_is_wanted_beside_what_is_reported(
    operator: httpx2.AsyncClient, bench: Bench
) -> None:
    answer = await put(operator, bench, "configuration", values={"A": "1", "B": "2"})
    assert answer.status_code == 200
    assert [row["status"] for row in answer.json()["data"]] == ["sent", "pending"]
    await bench.answer(await bench.claimed())
    await report(bench, reported("A", "9"), reported("C", "3"))
    shown = (await get(operator, f"/chargers/{bench.charger_id}/configuration"))["data"]
    told = [(row["key"], row["value"], row["wanted"], row["as_wanted"]) for row in shown]
    assert told == [("A", "9", "1", False), ("C", "3", None, None), ("b", None, "2", None)]
    assert shown[0]["status"] == "drifted"
    drifted = (await get(operator, "/desired_states", status="drifted"))["data"]
    assert [row["key"] for row in drifted] == ["a"]


async def test_variables_come_in_pages_with_what_they_can_be(
    operator: httpx2.AsyncClient, bench: Bench
) -> None:
    await bench.connect("2.0.1")
    answer = await put(operator, bench, "variables", variables=[HEARTBEAT])
    assert answer.json()["data"][0]["key"] == "ocppcommctrlr/heartbeatinterval"
    can = Characteristics(
        data_type="integer",
        unit="s",
        min_limit=10,
        max_limit=float("inf"),
        values_list="10, 20",
        supports_monitoring=False,
    )
    many = [reported(f"V{number}", "1", "C") for number in range(3)]
    heartbeat = reported("HeartbeatInterval", "60", "OCPPCommCtrlr", characteristics=can)
    await report(bench, heartbeat, *many)
    path = f"/chargers/{bench.charger_id}/variables"
    first = await get(operator, path, limit=3)
    assert first["has_more"]
    beat = first["data"][0]
    expected = {"data_type": "integer", "unit": "s", "min_limit": 10, "max_limit": None}
    assert beat | expected | {"values": ["10", "20"], "wanted": "300", "as_wanted": False} == beat
    rest = await get(operator, path, limit=3, cursor=first["next_cursor"])
    assert [row["variable"] for row in rest["data"]] == ["V2"]
    assert len((await get(operator, path, name="heart"))["data"]) == 1


async def test_a_secret_is_never_shown(operator: httpx2.AsyncClient, bench: Bench) -> None:
    answer = await put(operator, bench, "configuration", values={"SimPin": "1234"})
    assert "1234" not in answer.text
    (row,) = answer.json()["data"]
    assert (row["secret"], row["wanted"]["value"]) == (True, None)
    audit = await operator.get(f"{V1}/audit", params={"object_id": row["id"]})
    assert "1234" not in audit.text
    path = f"{V1}/chargers/{bench.charger_id}/commands"
    assert "1234" not in (await operator.get(path)).text


async def test_the_password_of_a_charger_is_changed_elsewhere(
    operator: httpx2.AsyncClient, bench: Bench
) -> None:
    answer = await put(operator, bench, "configuration", values={"AuthorizationKey": "0011"})
    assert answer.status_code == 400
    assert "/password" in answer.json()["detail"]


async def test_the_other_version_s_words_are_refused(
    operator: httpx2.AsyncClient, bench: Bench
) -> None:
    answer = await put(operator, bench, "variables", variables=[HEARTBEAT])
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_a_wish_is_tried_again_and_forgotten(
    operator: httpx2.AsyncClient, bench: Bench
) -> None:
    (row,) = (await put(operator, bench, "configuration", values={"A": "1"})).json()["data"]
    await bench.answer(await bench.claimed(), (Verdict.REJECTED, "Rejected"))
    shown = await get(operator, f"/desired_states/{row['id']}")
    assert (shown["status"], shown["reason"]) == ("rejected", "Rejected")
    again = await post(operator, f"/desired_states/{row['id']}/retry")
    assert again["status"] == "sent"
    path = f"{V1}/chargers/{bench.charger_id}/configuration/A"
    assert (await operator.delete(path)).status_code == 204
    assert (await operator.delete(path)).status_code == 404
    assert (await get(operator, f"/chargers/{bench.charger_id}/desired_states"))["data"] == []


async def test_availability_is_wanted_of_a_place(
    operator: httpx2.AsyncClient, bench: Bench
) -> None:
    answer = await put(operator, bench, "availability", operative=False, evse=1)
    assert (answer.json()["key"], answer.json()["status"]) == ("1", "sent")
    await bench.answer(await bench.claimed(), (Verdict.ACCEPTED, "Scheduled"))
    (row,) = (await get(operator, f"/chargers/{bench.charger_id}/availability"))["data"]
    assert (row["status"], row["reason"]) == ("accepted", "Scheduled")
    bad = await put(operator, bench, "availability", operative=False, connector=1)
    assert (bad.status_code, bad.json()["code"]) == (400, "invalid_parameter")
