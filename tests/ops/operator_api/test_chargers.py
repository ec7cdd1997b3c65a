"""Stations, chargers and id tokens, and what is known of each."""

import httpx2
import pytest

from core.chargers import frame_log, id_tokens, inventory
from core.chargers import login as charger_login
from core.chargers.facts import VariableReported
from core.chargers.states import RefusalReason
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings, UnknownChargers
from core.operators.models import Role
from tests.ops.conftest import Login
from tests.ops.operator_api.making import connect, get, post


async def test_a_station_has_a_life(operator: httpx2.AsyncClient) -> None:
    station = await post(operator, "/stations", name="Depot", city="Berlin", latitude=52.5)
    path = f"/operator/v1/stations/{station['id']}"
    changed = (await operator.patch(path, json={"city": None, "time_zone": "Asia/Tokyo"})).json()
    assert (changed["city"], changed["time_zone"], changed["name"]) == (None, "Asia/Tokyo", "Depot")
    assert [one["id"] for one in (await get(operator, "/stations"))["data"]] == [station["id"]]
    assert (await operator.delete(path)).status_code == 204
    assert (await operator.get(path)).status_code == 404


async def test_a_charger_is_registered_with_a_password_shown_once(
    operator: httpx2.AsyncClient,
) -> None:
    station = await post(operator, "/stations", name="Depot")
    made = await post(operator, "/chargers", identity="CP-1", station_id=station["id"])
    assert len(bytes.fromhex(made["password"])) == 20
    shown = await get(operator, f"/chargers/{made['id']}")
    assert "password" not in shown
    assert shown["has_password"]
    (charger,) = (await get(operator, f"/stations/{station['id']}"))["chargers"]
    assert charger["id"] == made["id"]


async def test_a_chosen_password_is_kept_and_can_be_replaced(operator: httpx2.AsyncClient) -> None:
    made = await post(operator, "/chargers", identity="CP-1", password="correct-horse-battery")
    assert made["password"] == "correct-horse-battery"
    again = await post(operator, f"/chargers/{made['id']}/password")
    assert again["password"] != made["password"]


async def test_an_identity_is_registered_once(operator: httpx2.AsyncClient) -> None:
    await post(operator, "/chargers", identity="CP-1")
    refused = await operator.post("/operator/v1/chargers", json={"identity": "cp-1"})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


async def test_chargers_are_found_by_what_an_operator_has_in_hand(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    station = await post(operator, "/stations", name="Depot")
    one = await post(operator, "/chargers", identity="CP-1", station_id=station["id"])
    two = await post(operator, "/chargers", identity="CP-2")
    await connect(db, two["id"])
    filters: list[tuple[dict[str, str], list[str]]] = [
        ({"identity": "cp-1"}, [one["id"]]),
        ({"station_id": station["id"]}, [one["id"]]),
        ({"online": "true"}, [two["id"]]),
        ({"registration": "pending"}, []),
        ({}, sorted([one["id"], two["id"]])),
    ]
    for params, expected in filters:
        found = await get(operator, "/chargers", **params)
        assert sorted(charger["id"] for charger in found["data"]) == expected, params


async def test_connectors_can_be_described(operator: httpx2.AsyncClient) -> None:
    made = await post(operator, "/chargers", identity="CP-1", connectors=[{"evse": 1}])
    body = {"connectors": [{"evse": 1, "max_power_w": 22_000}, {"evse": 2}]}
    await operator.put(f"/operator/v1/chargers/{made['id']}/connectors", json=body)
    found = (await get(operator, f"/chargers/{made['id']}"))["connectors"]
    assert [(one["evse"], one["max_power_w"]) for one in found] == [(1, 22_000), (2, None)]


async def test_support_approves_a_charger_that_nobody_registered(
    login: Login, db: Database, vault: Vault, settings: Settings
) -> None:
    held = settings.model_copy(update={"unknown_chargers": UnknownChargers.PENDING})
    async with db.transaction() as tx:
        await charger_login.login(
            tx, vault, held, identity="CP-9", password=b"a password", address="192.0.2.7"
        )
    support = await login(Role.SUPPORT)
    (pending,) = (await get(support, "/chargers", registration="pending"))["data"]
    await post(support, f"/chargers/{pending['id']}/approve")
    assert (await get(support, f"/chargers/{pending['id']}"))["registration"] == "accepted"
    again = await support.post(f"/operator/v1/chargers/{pending['id']}/approve")
    assert again.status_code == 409


async def test_a_charger_is_disabled_enabled_changed_and_removed(
    operator: httpx2.AsyncClient,
) -> None:
    made = await post(operator, "/chargers", identity="CP-1")
    path = f"/chargers/{made['id']}"
    assert (await post(operator, f"{path}/disable"))["registration"] == "disabled"
    assert (await post(operator, f"{path}/enable"))["registration"] == "accepted"
    changed = await operator.patch(f"/operator/v1{path}", json={"model": "Wallbox"})
    assert changed.json()["model"] == "Wallbox"
    assert (await operator.delete(f"/operator/v1{path}")).status_code == 204
    assert (await operator.get(f"/operator/v1{path}")).status_code == 404
    assert (await post(operator, "/chargers", identity="CP-1"))["id"] != made["id"]


async def test_the_connection_says_why_a_charger_was_refused(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    made = await post(operator, "/chargers", identity="CP-1")
    async with db.transaction() as tx:
        await charger_login.refuse(
            tx, identity="CP-1", address="192.0.2.7", reason=RefusalReason.WRONG_PASSWORD
        )
    await connect(db, made["id"])
    shown = await get(operator, f"/chargers/{made['id']}/connection")
    assert (shown["online"], shown["node_id"], shown["epoch"]) == (True, "node-a", 1)
    (refusal,) = shown["refused_handshakes"]
    assert refusal["reason"] == "wrong_password"
    assert "another password" in refusal["fix"]
    assert (await get(operator, "/refused_handshakes", identity="cp-1"))["data"] == [refusal]


async def test_configuration_and_variables_are_shown_as_reported(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    made = await post(operator, "/chargers", identity="CP-1")
    reported = [
        VariableReported(
            component=name,
            variable="Interval",
            attribute="Actual",
            value="300",
            readonly=False,
        )
        for name in ("", "OCPPCommCtrlr")
    ]
    async with db.transaction() as tx:
        await inventory.store_variables(tx, made["id"], reported)
    (key,) = (await get(operator, f"/chargers/{made['id']}/configuration"))["data"]
    assert (key["key"], key["value"], key["readonly"]) == ("Interval", "300", False)
    (variable,) = (await get(operator, f"/chargers/{made['id']}/variables"))["data"]
    assert variable["component"] == "OCPPCommCtrlr"


async def test_what_was_not_believed_is_shown_with_its_reasons(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    made = await post(operator, "/chargers", identity="CP-1")
    async with db.transaction() as tx:
        await frame_log.quarantine(
            tx,
            charger_id=made["id"],
            action="MeterValues",
            message_id="1",
            reasons=["energy_negative", "time_impossible"],
            text="{}",
        )
    (message,) = (await get(operator, "/quarantined_messages"))["data"]
    assert message["reasons"] == ["energy_negative", "time_impossible"]


async def test_an_id_token_has_a_life(operator: httpx2.AsyncClient, db: Database) -> None:
    path = "/operator/v1/id_tokens/abc123"
    made = (await operator.put(path, json={"note": "Alice", "group_token": "family"})).json()
    assert (made["token"], made["group_token"]) == ("ABC123", "FAMILY")
    assert [one["token"] for one in (await get(operator, "/id_tokens"))["data"]] == ["ABC123"]
    assert (await operator.put(path, json={"blocked": True})).json()["note"] is None
    async with db.transaction() as tx:
        assert (await id_tokens.check(tx, "ABC123", now=tx.now)).status == "blocked"
    assert (await operator.delete(path)).status_code == 204
    assert (await operator.get(path)).status_code == 404


async def test_an_id_token_belongs_to_a_partner_that_exists(operator: httpx2.AsyncClient) -> None:
    refused = await operator.put("/operator/v1/id_tokens/A", json={"partner_id": "prt_none"})
    assert refused.status_code == 404


@pytest.mark.parametrize("body", [{"latitude": 91}, {"time_zone": "Moon/Base"}, {"country": "de"}])
async def test_a_station_is_on_this_planet(
    operator: httpx2.AsyncClient, body: dict[str, object]
) -> None:
    refused = await operator.post("/operator/v1/stations", json={"name": "Depot"} | body)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter")
