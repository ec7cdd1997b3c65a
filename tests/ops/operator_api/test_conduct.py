"""Operators see why a partner was throttled or banned, do and lift that, and tune the rules."""

from datetime import datetime, timedelta

import httpx2
import pytest

from tests.ops.operator_api.making import get, post


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
async def partner_id(operator: httpx2.AsyncClient) -> str:
    made: str = (await post(operator, "/partners", name="Acme"))["id"]
    return made


async def test_a_ban_is_explained_lifted_and_audited(
    operator: httpx2.AsyncClient, partner_id: str
) -> None:
    path = f"/partners/{partner_id}/conduct"
    before = await get(operator, path)
    assert (before["live"]["step"], before["test"]["step"]) == ("good", "good")
    assert before["incidents"] == []
    throttled = await post(operator, f"{path}/throttle", livemode=False, reason="asked")
    incident = await post(operator, f"{path}/ban", length="1h", reason="floods us")
    assert (incident["rule"], incident["step"]) == ("manual", "banned_1h")
    assert incident["evidence"] == {"reason": "floods us"}
    assert incident["opened_by"].startswith("operator:")

    now = await get(operator, path)
    assert now["live"]["step"] == "banned_1h"
    assert now["live"]["banned_until"] == incident["until"]
    assert now["test"]["step"] == "throttled"
    assert [one["id"] for one in now["incidents"]] == [incident["id"], throttled["id"]]

    lifted = await post(operator, f"{path}/lift", reason="they mended it")
    assert (lifted["step"], lifted["banned_until"]) == ("good", None)
    after = await get(operator, path)
    assert after["test"]["step"] == "throttled"
    assert [one["action"] for one in after["history"]] == [
        "conduct.lifted",
        "conduct.banned",
        "conduct.throttled",
    ]
    assert after["history"][0]["after"]["reason"] == "they mended it"
    assert after["history"][0]["after"]["incidents"] == [incident["id"]]
    again = await operator.post(f"/operator/v1{path}/lift", json={})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_incidents_are_listed_by_what_one_looks_for(
    operator: httpx2.AsyncClient, partner_id: str
) -> None:
    other_id = (await post(operator, "/partners", name="Other"))["id"]
    path = f"/partners/{partner_id}/conduct"
    first = await post(operator, f"{path}/ban", length="15m", reason="one")
    await post(operator, f"/partners/{other_id}/conduct/throttle", livemode=False, reason="two")
    await post(operator, f"{path}/lift")
    for query, expected in (
        ({}, 2),
        ({"partner_id": partner_id}, 1),
        ({"partner_id": other_id, "livemode": "true"}, 0),
        ({"rule": "manual"}, 2),
        ({"rule": "scanning"}, 0),
        ({"status": "open"}, 1),
        ({"status": "closed", "step": "banned_15m"}, 1),
    ):
        assert len((await get(operator, "/incidents", **query))["data"]) == expected, query
    page = await get(operator, "/incidents", limit=1)
    rest = await get(operator, "/incidents", limit=1, cursor=page["next_cursor"])
    assert page["data"][0]["id"] != rest["data"][0]["id"]
    one = await get(operator, f"/incidents/{first['id']}")
    assert (one["status"], one["partner_id"]) == ("closed", partner_id)
    assert one["closed_by"].startswith("operator:")


async def test_rules_are_tuned_for_all_and_for_one(
    operator: httpx2.AsyncClient, partner_id: str
) -> None:
    own = f"/operator/v1/partners/{partner_id}/conduct/rules"
    everybody = "/operator/v1/conduct_rules"
    changed = await operator.patch(f"{everybody}/scanning", json={"count": 500})
    assert changed.json()["overrides"] == {"scanning": {"count": 500}}
    changed = await operator.patch(
        f"{own}/scanning", json={"enabled": False, "ceiling": "throttled"}
    )
    (rule,) = [one for one in changed.json()["rules"] if one["rule"] == "scanning"]
    assert (rule["enabled"], rule["count"], rule["ceiling"]) == (False, 500, "throttled")
    back = await operator.patch(f"{own}/scanning", json={"enabled": None, "ceiling": None})
    assert back.json()["overrides"] == {}
    (rule,) = [
        one for one in (await operator.get(own)).json()["rules"] if one["rule"] == "scanning"
    ]
    assert (rule["enabled"], rule["count"], rule["ceiling"]) == (True, 500, "suspended")
    assert len((await operator.get(everybody)).json()["rules"]) == 7
    audit = await get(operator, "/audit", object_id=partner_id)
    assert [entry["action"] for entry in audit["data"][:2]] == ["conduct.tuned"] * 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "ban", {}, 400),
        ("POST", "ban", {"length": "2h", "reason": "x"}, 400),
        ("POST", "ban", {"length": "1h", "reason": ""}, 400),
        ("POST", "throttle", {"reason": "x", "livemode": "yes"}, 400),
        ("POST", "lift", {"mode": "live"}, 400),
        ("PATCH", "rules/teleport", {"count": 1}, 400),
        ("PATCH", "rules/scanning", {"count": 0}, 400),
        ("PATCH", "rules/scanning", {"count": "9"}, 400),
        ("PATCH", "rules/scanning", {"window_minutes": 500}, 400),
        ("PATCH", "rules/scanning", {"ceiling": "good"}, 400),
        ("PATCH", "rules/scanning", {"speed": 1}, 400),
    ],
)
async def test_odd_requests_are_refused(
    operator: httpx2.AsyncClient,
    partner_id: str,
    method: str,
    path: str,
    body: dict[str, object],
    status: int,
) -> None:
    answer = await operator.request(
        method, f"/operator/v1/partners/{partner_id}/conduct/{path}", json=body
    )
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] in {"invalid_parameter", "unknown_field"}


async def test_a_ban_lasts_as_long_as_it_says(
    operator: httpx2.AsyncClient, partner_id: str
) -> None:
    for length, expected in (("15m", 900), ("1h", 3600), ("24h", 86_400)):
        found = await post(
            operator, f"/partners/{partner_id}/conduct/ban", length=length, reason="x"
        )
        begin, end = (found[name].replace("Z", "+00:00") for name in ("created_at", "until"))
        lasts = datetime.fromisoformat(end) - datetime.fromisoformat(begin)
        assert lasts == timedelta(seconds=expected)
