"""Station groups, opening times and pictures, as operators set them."""

import httpx2

from core.kernel.settings import Settings
from tests.ops.operator_api.making import get, post
from tests.partner_api.joining import png


async def test_a_group_is_filled_granted_and_removed(operator: httpx2.AsyncClient) -> None:
    partner, station = (
        await post(operator, "/partners", name="App"),
        await post(operator, "/stations", name="Depot"),
    )
    group = await post(operator, "/station_groups", name="Berlin")
    path = f"/operator/v1/station_groups/{group['id']}"
    filled = await operator.post(f"{path}/stations", json={"station_ids": [station["id"]]})
    assert filled.status_code == 200, filled.text
    given = await operator.put(f"{path}/grants/{partner['id']}", json={"control": True})
    assert given.json()["control"] is True
    (grant,) = (await get(operator, f"/partners/{partner['id']}/grants"))["data"]
    assert (grant["station_id"], grant["control"], grant["direct"]) == (station["id"], True, False)
    shown = await get(operator, f"/station_groups/{group['id']}")
    assert shown["station_ids"] == [station["id"]]
    assert [one["partner_id"] for one in shown["grants"]] == [partner["id"]]
    assert (await operator.patch(path, json={"name": "North"})).json()["name"] == "North"
    assert (await get(operator, "/station_groups"))["data"][0]["name"] == "North"
    assert (await operator.delete(f"{path}/stations/{station['id']}")).status_code == 204
    assert (await get(operator, f"/partners/{partner['id']}/grants"))["data"] == []
    assert (await operator.delete(f"{path}/grants/{partner['id']}")).status_code == 204
    assert (await operator.delete(path)).status_code == 204
    assert (await operator.get(path)).status_code == 404


async def test_opening_times_are_checked_to_the_member(operator: httpx2.AsyncClient) -> None:
    station = await post(operator, "/stations", name="Depot")
    path = f"/operator/v1/stations/{station['id']}"
    good = {"opening_times": {"twentyfourseven": True}}
    assert (await operator.patch(path, json=good)).json()["opening_times"]["twentyfourseven"]
    bad = {"opening_times": {"regular_hours": [{"weekday": 8}]}}
    refused = (await operator.patch(path, json=bad)).json()
    assert refused["code"] == "invalid_parameter"
    assert refused["errors"][0]["pointer"] == "/opening_times/regular_hours/0"
    assert (await operator.patch(path, json={"opening_times": None})).status_code == 200


async def test_a_picture_is_uploaded_and_taken_off(
    operator: httpx2.AsyncClient, settings: Settings
) -> None:
    station = await post(operator, "/stations", name="Depot")
    path = f"/operator/v1/stations/{station['id']}/pictures"
    large = png() + bytes(settings.picture_limit_bytes)
    assert (await operator.post(path, content=large)).status_code == 413
    assert (await operator.post(path, content=b"text")).json()["code"] == "document_refused"
    made = await operator.post(f"{path}?caption=Entrance", content=png())
    assert made.status_code == 201, made.text
    (shown,) = (await get(operator, f"/stations/{station['id']}"))["pictures"]
    assert shown == made.json()
    assert (await operator.delete(f"{path}/{shown['id']}")).status_code == 204
    assert (await operator.delete(f"{path}/{shown['id']}")).status_code == 404
