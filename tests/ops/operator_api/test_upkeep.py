"""Firmware, logs, monitors, events, display messages, customer information: the operators' side."""

from typing import Any

import httpx2
import pytest

from core.commands.commands import Answer, Verdict, from_row
from core.commands.models import CommandRow
from core.desired import service as desired
from core.kernel.db import Database
from core.operations import service as operations
from core.operators.models import Role
from core.upkeep import customer, events
from core.upkeep.facts import EventReported, Part
from tests.ops.conftest import Login
from tests.ops.operator_api.making import connect, get, post

LOCATION = "https://files.example.org/fw.bin"


async def a_charger(operator: httpx2.AsyncClient, db: Database, version: str = "2.0.1") -> str:
    charger = await post(operator, "/chargers", identity="CP-1")
    await connect(db, charger["id"], version=version)
    return str(charger["id"])


async def put(client: httpx2.AsyncClient, path: str, **body: Any) -> httpx2.Response:
    return await client.put(f"/operator/v1{path}", json=body)


async def take(db: Database, charger_id: str) -> CommandRow:
    async with db.transaction() as tx:
        row = await operations.claim_next(tx, charger_id)
    assert row is not None
    return row


async def test_firmware_is_wished_for_followed_tried_again_and_forgotten(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    charger_id = await a_charger(operator, db)
    path = f"/chargers/{charger_id}/firmware"
    assert (await get(operator, path))["wish"] is None
    answer = await put(operator, path, location=LOCATION, version="2.1")
    assert answer.status_code == 202
    view = answer.json()
    assert view["wish"]["wanted"] == {"location": LOCATION, "version": "2.1"}
    assert (view["wish"]["status"], view["transfer"]["status"]) == ("sent", "requested")
    row = await take(db, charger_id)
    async with db.transaction() as tx:
        said = Answer(verdict=Verdict.REJECTED, reason="Rejected", response={}, at=tx.now)
        await desired.answered(tx, row, said)
    view = await get(operator, path)
    assert (view["wish"]["status"], view["wish"]["reason"]) == ("rejected", "Rejected")
    view = await post(operator, f"{path}/retry")
    assert view["wish"]["status"] == "sent"
    transfers = (await get(operator, f"{path}/transfers"))["data"]
    assert [one["status"] for one in transfers] == ["requested", "failed"]
    one = await get(operator, f"{path}/transfers/{transfers[1]['id']}")
    assert (one["word"], one["news"]) == ("Rejected", [])
    assert (await operator.delete(f"/operator/v1{path}")).status_code == 204
    assert (await operator.delete(f"/operator/v1{path}")).status_code == 404
    assert (await operator.post(f"/operator/v1{path}/retry", json={})).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"location": "gopher://h/x"}, "/location"),
        ({"location": "https:///x"}, "/location"),
        ({"location": "https://h/x#y"}, "/location"),
        ({"location": "https://h h/x"}, "/location"),
        ({"location": "https://" + "h" * 600}, "/location"),
        ({"location": LOCATION, "signature": "YQ=="}, "/certificate"),
        ({"location": LOCATION, "certificate": "x", "signature": "YQ=="}, "/certificate"),
        ({"location": LOCATION, "retries": -1}, "/retries"),
        (
            {
                "location": LOCATION,
                "retrieve_at": "2027-01-02T00:00:00Z",
                "install_at": "2027-01-01T00:00:00Z",
            },
            "/install_at",
        ),
    ],
)
async def test_a_firmware_that_cannot_be_is_refused_precisely(
    operator: httpx2.AsyncClient, db: Database, body: dict[str, Any], pointer: str
) -> None:
    charger_id = await a_charger(operator, db)
    answer = await put(operator, f"/chargers/{charger_id}/firmware", **body)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_credentials_of_an_address_are_never_shown(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    charger_id = await a_charger(operator, db)
    secret = "https://joe:s3cret@files.example.org/fw.bin?token=s3cret"
    answer = await put(operator, f"/chargers/{charger_id}/firmware", location=secret)
    assert "s3cret" not in answer.text
    log = await post(operator, f"/chargers/{charger_id}/logs", location=secret)
    assert "s3cret" not in str(log)
    commands = await get(operator, f"/chargers/{charger_id}/commands")
    audit = await get(operator, "/audit")
    assert "s3cret" not in f"{commands} {audit}"


async def test_a_log_is_asked_for_and_followed(operator: httpx2.AsyncClient, db: Database) -> None:
    charger_id = await a_charger(operator, db, "1.6")
    asked = await operator.post(
        f"/operator/v1/chargers/{charger_id}/logs", json={"location": "ftp://h/logs/"}
    )
    assert asked.status_code == 202
    view = asked.json()
    assert (view["kind"], view["status"]) == ("diagnostics_log", "requested")
    assert view["command"]["kind"] == "get_diagnostics"
    path = asked.headers["location"].removeprefix("/operator/v1")
    assert (await get(operator, path))["id"] == view["id"]
    for listing in (f"/chargers/{charger_id}/logs", "/logs"):
        assert [one["id"] for one in (await get(operator, listing))["data"]] == [view["id"]]
    refused = await operator.post(
        f"/operator/v1/chargers/{charger_id}/logs",
        json={"location": "ftp://h/", "kind": "security", "method": "get_diagnostics"},
    )
    assert refused.json()["errors"][0]["pointer"] == "/method"


async def test_a_charger_that_is_away_is_not_asked_for_a_log(
    operator: httpx2.AsyncClient,
) -> None:
    charger = await post(operator, "/chargers", identity="CP-1")
    answer = await operator.post(
        f"/operator/v1/chargers/{charger['id']}/logs", json={"location": "ftp://h/"}
    )
    assert answer.json()["code"] == "charger_offline"


async def test_monitors_are_wished_for_and_away(operator: httpx2.AsyncClient, db: Database) -> None:
    charger_id = await a_charger(operator, db)
    path = f"/chargers/{charger_id}/monitors"
    body = {
        "component": "Connector",
        "evse": 1,
        "variable": "Temperature",
        "type": "UpperThreshold",
        "value": 80,
        "severity": 2,
    }
    wish = (await put(operator, path, **body)).json()
    assert wish["key"] == "Connector@1/Temperature/UpperThreshold"
    assert (await get(operator, path))["wanted"][0]["id"] == wish["id"]
    for wrong in ({"severity": 10}, {"variable": None}, {"connector": 1, "evse": None}):
        answer = await put(operator, path, **(body | wrong))
        assert answer.status_code == 400, wrong
    gone = await operator.delete(f"/operator/v1{path}/{wish['id']}")
    assert (gone.status_code, gone.json()["present"]) == (202, False)


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("monitoring_base", {"base": "All"}, "set_monitoring_base"),
        ("monitoring_level", {"severity": 3}, "set_monitoring_level"),
        ("monitoring_reports", {}, "report_monitors"),
        ("display_message_reports", {"messages": [1]}, "report_display_messages"),
        ("firmware/publish", {"location": LOCATION, "checksum": "0" * 32}, "publish_firmware"),
        ("firmware/unpublish", {"checksum": "0" * 32}, "unpublish_firmware"),
    ],
)
async def test_acts_are_queued_for_2x_alone(
    operator: httpx2.AsyncClient, db: Database, path: str, body: dict[str, Any], kind: str
) -> None:
    charger_id = await a_charger(operator, db)
    address = f"/operator/v1/chargers/{charger_id}/{path}"
    asked = await operator.post(address, json=body)
    assert asked.status_code == 202, asked.text
    row = await take(db, charger_id)
    assert row.kind == kind
    assert from_row(row.kind, row.arguments).kind == kind
    if path.endswith("reports"):
        listed = await get(operator, f"/chargers/{charger_id}/{path}")
        assert [one["id"] for one in listed["data"]] == [asked.json()["id"]]
    await connect(db, charger_id, version="1.6")
    assert (await operator.post(address, json=body)).json()["code"] == "conflict"


async def test_display_messages_are_checked_and_wished_for(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    charger_id = await a_charger(operator, db)
    path = f"/chargers/{charger_id}/display_messages"
    made = await put(operator, f"{path}/5", content="Hello", priority="InFront")
    assert made.status_code == 202, made.text
    wish = made.json()
    assert (wish["key"], wish["wanted"]["priority"]) == ("5", "InFront")
    for wrong in (
        {"content": ""},
        {"content": "x" * 513},
        {"content": "ü", "format": "ASCII"},
        {"content": "x", "end_at": "2020-01-01T00:00:00Z"},
        {"content": "x", "display_evse": 1},
        {"content": "a\u0000b"},
    ):
        assert (await put(operator, f"{path}/5", **wrong)).status_code == 400, wrong
    shown = await get(operator, path)
    assert [one["key"] for one in shown["wanted"]] == ["5"]
    gone = await operator.delete(f"/operator/v1{path}/5")
    assert gone.json()["present"] is False
    assert (await put(operator, f"{path}/{2**40}", content="x")).status_code in (400, 422)


async def test_events_are_listed_by_severity_and_component(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    charger_id = await a_charger(operator, db)
    fact = EventReported(
        event=1,
        at=None,
        at_text="x",
        trigger="Alerting",
        cause=None,
        value="85",
        tech_code=None,
        tech_info=None,
        cleared=None,
        transaction_ref=None,
        component="Connector@1",
        variable="Temperature",
        monitor=None,
        notification_type="HardWiredMonitor",
    )
    async with db.transaction() as tx:
        assert await events.reported(tx, charger_id, [fact, fact]) == 1
    for path in (f"/chargers/{charger_id}/charger_events", "/charger_events"):
        (one,) = (await get(operator, path, component="Connector@1"))["data"]
        assert (one["event_id"], one["severity"]) == (1, None)
        assert (await get(operator, path, max_severity=3))["data"] == []


async def test_customer_information_is_for_admins_and_shown_once(
    operator: httpx2.AsyncClient, login: Login, db: Database
) -> None:
    charger_id = await a_charger(operator, db)
    path = f"/chargers/{charger_id}/customer_information"
    support = await login(Role.SUPPORT)
    assert (await support.post(f"/operator/v1{path}", json={"customer": "c"})).status_code == 403
    both = {"customer": "c", "token": "t", "token_type": "Central"}
    for wrong in ({}, both, {"token": "t"}, {"customer": "c", "report": False}):
        assert (await operator.post(f"/operator/v1{path}", json=wrong)).status_code == 400, wrong
    report = await post(operator, path, customer="jane@example.org")
    assert "jane" not in str(report)
    early = await operator.post(f"/operator/v1{path}/{report['id']}/show", json={})
    assert early.json()["code"] == "conflict"
    part = Part(charger_id=charger_id, request=report["request_id"], seq=0, more=False)
    async with db.transaction() as tx:
        await customer.reported(tx, part, "in Berne")
    assert "Berne" not in str(await get(operator, f"{path}/{report['id']}"))
    assert (await post(operator, f"{path}/{report['id']}/show"))["data"] == "in Berne"
    again = await operator.post(f"/operator/v1{path}/{report['id']}/show", json={})
    assert again.status_code == 409
    trail = (await get(operator, "/audit", object_id=report["id"]))["data"]
    assert [one["action"] for one in trail] == [
        "customer_information.shown",
        "customer_information.requested",
    ]
