"""Profiles, compliance reports and connection help through the operator API."""

import httpx2

from core.chargers import deviations
from core.chargers.deviations import Tally
from core.kernel.db import Database
from core.operators.models import Role
from tests.ops.conftest import Login
from tests.ops.operator_api.making import get, post


async def test_a_profile_is_created_changed_and_deleted(operator: httpx2.AsyncClient) -> None:
    made = await post(
        operator, "/charger_profiles", name="ACME", vendor="ACME*", rules={"settle_s": 10}
    )
    assert made["object"] == "charger_profile"
    listed = await get(operator, "/charger_profiles")
    assert [one["id"] for one in listed["data"] if not one["builtin"]] == [made["id"]]
    changed = await operator.patch(
        f"/operator/v1/charger_profiles/{made['id']}", json={"rules": {"pings": False}}
    )
    assert changed.json()["rules"] == {"pings": False}
    gone = await operator.delete(f"/operator/v1/charger_profiles/{made['id']}")
    assert gone.status_code == 204
    missing = await operator.get(f"/operator/v1/charger_profiles/{made['id']}")
    assert missing.status_code == 404


async def test_bad_rules_name_their_pointer(operator: httpx2.AsyncClient) -> None:
    body = {"name": "x", "vendor": "*", "rules": {"naive_time_zone": "Nowhere/City"}}
    answer = await operator.post("/operator/v1/charger_profiles", json=body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/rules/naive_time_zone"
    nothing = await operator.post("/operator/v1/charger_profiles", json={"name": "x", "rules": {}})
    assert nothing.status_code == 400
    cleared = await operator.patch("/operator/v1/charger_profiles/cpf_x", json={"rules": None})
    assert cleared.status_code == 400
    odd = {**body, "rules": {"enum_aliases": {"A/\x00": {"": "x"}}}}
    assert (await operator.post("/operator/v1/charger_profiles", json=odd)).status_code == 400


async def test_a_charger_has_rules_of_its_own_until_they_are_deleted(
    operator: httpx2.AsyncClient,
) -> None:
    charger = await post(operator, "/chargers", identity="CP-1")
    path = f"/operator/v1/chargers/{charger['id']}/profile"
    assert (await operator.get(path)).json()["profile"] is None

    put = await operator.put(path, json={"rules": {"naive_time_zone": "Europe/Berlin"}})

    assert put.status_code == 200
    assert put.json()["rules"]["naive_time_zone"] == "Europe/Berlin"
    assert (await operator.delete(path)).status_code == 204
    assert (await operator.delete(path)).status_code == 404


async def test_a_report_is_json_or_a_letter_to_the_vendor(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    charger = await post(operator, "/chargers", identity="CP-1")
    async with db.transaction() as tx:
        tally = Tally(charger["id"])
        tally.note("boot_repeated", at=tx.now, action="BootNotification", message_id="m1")
        tally.saw("BootNotification")
        await deviations.flush(tx, [tally])

    report = await get(operator, f"/chargers/{charger['id']}/compliance")
    letter = await operator.get(
        f"/operator/v1/chargers/{charger['id']}/compliance", params={"format": "markdown"}
    )

    assert report["verdict"] == "deviates"
    assert [one["code"] for one in report["deviations"]] == ["boot_repeated"]
    assert letter.headers["content-type"].startswith("text/markdown")
    assert "`boot_repeated`" in letter.text
    again = await post(operator, f"/chargers/{charger['id']}/compliance/restart")
    assert again["deviations"] == []
    catalogue = await get(operator, "/deviations")
    assert "boot_repeated" in {row["code"] for row in catalogue["data"]}


async def test_connection_help_answers_for_any_identity(
    operator: httpx2.AsyncClient, login: Login
) -> None:
    await post(operator, "/chargers", identity="DEPOT-1")
    viewer = await login(Role.VIEWER)

    known = await get(viewer, "/connection_help", identity="DEPOT-1")
    unknown = await get(viewer, "/connection_help", identity="depot_1")

    assert known["state"] == "never_seen"
    assert unknown["similar_identities"] == ["DEPOT-1"]
    odd = await get(viewer, "/connection_help", identity="a/b%00%25")
    assert odd["state"] == "unknown"
