"""Typed acts: queued for one charger in its version's words, or refused with what to do."""

from typing import Any

import httpx2
import pytest

from core.chargers import reports
from core.commands.commands import Verdict
from core.kernel.crypto import Vault
from core.kernel.db import Database
from tests.core.desired.bench import Bench
from tests.ops.operator_api.making import get, post

V1 = "/operator/v1"
PROFILE = {
    "slot": 1,
    "url": "wss://csms.example/ocpp",
    "security_profile": 2,
    "interface": "Wireless0",
}


@pytest.fixture
async def bench(operator: httpx2.AsyncClient, db: Database, vault: Vault) -> Bench:
    made = await post(operator, "/chargers", identity="CP-1")
    return Bench(db=db, vault=vault, charger_id=made["id"])


async def ask(client: httpx2.AsyncClient, bench: Bench, path: str, **body: Any) -> httpx2.Response:
    return await client.post(f"{V1}/chargers/{bench.charger_id}/{path}", json=body)


@pytest.mark.parametrize(
    ("version", "path", "body", "arguments"),
    [
        ("1.6", "reset", {"type": "soft"}, {"type": "soft"}),
        ("2.0.1", "reset", {"type": "on_idle", "evse": 1}, {"type": "on_idle", "evse": 1}),
        ("1.6", "trigger", {"message": "status", "evse": 1}, {"message": "status"}),
        ("2.0.1", "trigger", {"message": "transaction"}, {"message": "transaction"}),
        ("1.6", "unlock", {"evse": 2}, {"evse": 2, "connector": 1}),
        ("2.0.1", "unlock", {"evse": 1, "connector": 2}, {"evse": 1, "connector": 2}),
        ("1.6", "clear_cache", {}, {}),
        ("2.0.1", "message_queue", {}, {}),
        ("1.6", "variables/read", {"names": ["A/B"]}, {"variables": [{"name": "A/B"}]}),
        (
            "2.0.1",
            "variables/read",
            {"names": ["A/B"]},
            {"variables": [{"component": "A", "name": "B"}]},
        ),
    ],
)
async def test_an_act_is_queued(
    operator: httpx2.AsyncClient,
    bench: Bench,
    version: str,
    path: str,
    body: dict[str, Any],
    arguments: dict[str, Any],
) -> None:
    await bench.connect(version)
    answer = await ask(operator, bench, path, **body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"].endswith(answer.json()["id"])
    command = await bench.claimed()
    assert command.arguments | arguments == command.arguments


@pytest.mark.parametrize(
    ("version", "path", "body", "status", "code"),
    [
        ("1.6", "reset", {"type": "on_idle"}, 422, "payload_invalid"),
        ("1.6", "reset", {"type": "now"}, 400, "invalid_parameter"),
        ("2.0.1", "reset", {"type": "soft"}, 422, "payload_invalid"),
        ("1.6", "trigger", {"message": "transaction"}, 422, "payload_invalid"),
        ("2.0.1", "trigger", {"message": "nonsense"}, 400, "invalid_parameter"),
        ("2.0.1", "trigger", {"message": "status"}, 422, "payload_invalid"),
        ("1.6", "message_queue", {}, 422, "payload_invalid"),
        ("1.6", "reports", {"base": "FullInventory"}, 422, "payload_invalid"),
        ("2.0.1", "reports", {}, 400, "invalid_parameter"),
        ("2.0.1", "reports", {"base": "FullInventory", "names": ["A"]}, 400, "invalid_parameter"),
        ("2.0.1", "variables/read", {"names": ["B"]}, 400, "invalid_parameter"),
        ("1.6", "network_profiles", PROFILE, 422, "payload_invalid"),
    ],
)
async def test_what_cannot_be_asked_is_refused_and_nothing_queued(
    operator: httpx2.AsyncClient,
    bench: Bench,
    version: str,
    path: str,
    body: dict[str, Any],
    status: int,
    code: str,
) -> None:
    await bench.connect(version)
    answer = await ask(operator, bench, path, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await bench.claim() is None


async def test_an_act_for_a_charger_that_is_away_is_refused(
    operator: httpx2.AsyncClient, bench: Bench
) -> None:
    answer = await ask(operator, bench, "reset")
    assert (answer.status_code, answer.json()["code"]) == (409, "charger_offline")


async def test_a_report_shows_its_progress(operator: httpx2.AsyncClient, bench: Bench) -> None:
    await bench.connect("2.0.1")
    answer = await ask(operator, bench, "reports", criteria=["Problem"], names=["A", "A/B"])
    view = answer.json()
    assert (answer.status_code, view["kind"], view["complete"]) == (202, "custom", False)
    command = await bench.claimed()
    named = [{"component": "A"}, {"component": "A", "name": "B"}]
    assert command.arguments["variables"] == named
    async with bench.db.transaction() as tx:
        await reports.part(
            tx,
            bench.charger_id,
            request=view["request_id"],
            seq=0,
            variables=7,
            to_be_continued=True,
        )
    shown = await get(operator, f"/chargers/{bench.charger_id}/reports/{view['id']}")
    assert (shown["parts_received"], shown["variables_received"]) == (1, 7)
    assert shown["command"]["status"] == "sent"
    (listed,) = (await get(operator, f"/chargers/{bench.charger_id}/reports"))["data"]
    assert listed["id"] == view["id"]


async def test_s22_the_secrets_of_a_network_profile_are_never_shown(
    operator: httpx2.AsyncClient, bench: Bench
) -> None:
    await bench.connect("2.0.1")
    apn = {"apn": "m2m", "password": "hunter2", "sim_pin": 4711, "authentication": "PAP"}
    answer = await ask(operator, bench, "network_profiles", **PROFILE, apn=apn)
    assert answer.status_code == 202, answer.text
    command = await bench.claimed()
    assert command.arguments["sealed"]
    shown = answer.text + str({**command.arguments, "sealed": None})
    assert "hunter2" not in shown
    assert "4711" not in shown


async def test_a_charger_is_held_and_approved(operator: httpx2.AsyncClient, bench: Bench) -> None:
    await bench.connect()
    held = await post(operator, f"/chargers/{bench.charger_id}/hold", reason="odd meter")
    assert (held["registration"], held["held_reason"]) == ("pending", "odd meter")
    again = await ask(operator, bench, "hold", reason="x")
    assert again.status_code == 409
    approved = await post(operator, f"/chargers/{bench.charger_id}/approve")
    assert (approved["registration"], approved["held_reason"]) == ("accepted", None)
    command = await bench.claimed()
    assert command.arguments["message"] == "boot_notification"
    await bench.answer(command, (Verdict.NOT_SUPPORTED, "NotImplemented"))
