"""Alerts in the operator API: what leads to them, who sees them, who settles them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from core.alerts import telling
from core.alerts.kinds import AlertKind
from core.alerts.lines import outlets_for
from core.alerts.sending import send_due
from core.alerts.service import raise_alert
from core.alerts.states import Channel
from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.operators import service as operators
from core.operators.models import Role
from ops.operator_api.app import create_operator_app
from tests.core.alerts.outside import PHONES, TAKEN, nobody_listens, with_channels
from tests.core.joining.test_work import submit
from tests.core.webhooks.receiver import receiving
from tests.ops.conftest import client_of
from tests.ops.operator_api.making import get, post


async def raised(db: Database, key: str = "sweep") -> None:
    async with db.transaction() as tx:
        raise_alert(tx, AlertKind.JOB_FAILING, key=key, object_id=key, title=f"{key} fails")


async def test_an_alert_says_what_it_means_and_what_to_do(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    await raised(db)
    (listed,) = (await get(operator, "/alerts", status="open"))["data"]
    assert (listed["title"], listed["severity"], listed["count"]) == ("sweep fails", "critical", 1)
    shown = await get(operator, f"/alerts/{listed['id']}")
    assert shown == {**listed, "notifications": [], "held_back": []}
    assert "job_failed" in listed["advice"]
    assert listed["means"]


async def test_filters_choose_and_pages_follow_each_other(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    for key in ("a", "b", "c"):
        await raised(db, key)
    first = await get(operator, "/alerts", limit=2, kind="job_failing")
    second = await get(operator, "/alerts", limit=2, cursor=first["next_cursor"])
    assert [len(page["data"]) for page in (first, second)] == [2, 1]
    listed = first["data"] + second["data"]
    keys = [(each["updated_at"], each["id"]) for each in listed]
    assert keys == sorted(keys)  # all three may be of one millisecond
    assert sorted(each["title"][0] for each in listed) == ["a", "b", "c"]
    for wanted in ({"object_id": "b"}, {"severity": "critical", "object_id": "b"}):
        (found,) = (await get(operator, "/alerts", **wanted))["data"]
        assert found["title"] == "b fails"
    assert (await get(operator, "/alerts", kind="mail_not_sent"))["data"] == []


@pytest.mark.parametrize("query", ["status=closed", "severity=high", "kind=x", "status=open&x=1"])
async def test_a_filter_that_cannot_be_is_named(operator: httpx2.AsyncClient, query: str) -> None:
    answer = await operator.get(f"/operator/v1/alerts?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_an_alert_is_acknowledged_then_resolved_with_a_note_once(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    await raised(db)
    (found,) = (await get(operator, "/alerts"))["data"]
    path = f"/alerts/{found['id']}"
    taken = await post(operator, f"{path}/acknowledge")
    assert taken["status"] == "acknowledged"
    assert taken["acknowledged_by"].startswith("operator:otk_")
    settled = await post(operator, f"{path}/resolve", note="The disk was full.")
    assert (settled["status"], settled["note"]) == ("resolved", "The disk was full.")
    again = await operator.post(f"/operator/v1{path}/resolve")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_an_application_that_waits_is_an_alert_until_it_is_decided(
    operator: httpx2.AsyncClient, db: Database, vault: Vault, settings: Settings
) -> None:
    application = await submit(db, vault, settings)
    wanted = {"object_id": application.id, "kind": "partner_application_waiting"}
    (waiting,) = (await get(operator, "/alerts", **wanted))["data"]
    assert (waiting["severity"], waiting["status"]) == ("info", "open")
    assert application.legal_name in waiting["title"]
    path = f"/partner_applications/{application.id}"
    await post(operator, f"{path}/reject", reasons=["No."])
    assert (await get(operator, f"/alerts/{waiting['id']}"))["status"] == "resolved"


async def test_a_suspended_partner_is_an_alert_until_it_is_reinstated(
    operator: httpx2.AsyncClient,
) -> None:
    partner = await post(operator, "/partners", name="App")
    await post(operator, f"/partners/{partner['id']}/suspend")
    (found,) = (await get(operator, "/alerts", object_id=partner["id"]))["data"]
    assert (found["kind"], found["status"]) == ("partner_suspended", "open")
    await post(operator, f"/partners/{partner['id']}/reinstate")
    assert (await get(operator, f"/alerts/{found['id']}"))["status"] == "resolved"


async def test_an_alert_shows_who_was_told_and_each_attempt(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    await raised(db)
    async with nobody_listens() as port:
        told = with_channels(settings, sms=port)
        outlets = outlets_for(db, told)
        await telling.tell(db, told, outlets)
        await send_due(db, outlets[Channel.SMS])
        await raised(db, "another")
        await telling.tell(db, told, outlets)
    async with operator_of(db, told, vault, clock) as operator:
        first, second = (await get(operator, "/alerts"))["data"]
        (notification,) = (await get(operator, f"/alerts/{first['id']}"))["notifications"]
        assert (notification["recipient"], notification["status"]) == (PHONES[0], "due")
        (attempt,) = notification["attempts"]
        assert (attempt["number"], attempt["sent"]) == (1, False)
        waits = await get(operator, f"/alerts/{second['id']}")
        assert (waits["notifications"], waits["held_back"]) == ([], ["sms"])


async def test_a_channel_is_tried_over_the_api(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    async with receiving(TAKEN) as twilio:
        told = with_channels(settings, sms=twilio.port)
        async with operator_of(db, told, vault, clock) as operator:
            answer = await post(operator, "/alerts/test", channel="sms")
            (result,) = answer["results"]
            assert (result["sent"], result["reference"]) == (True, "SM0123")
            unset = await operator.post("/operator/v1/alerts/test", json={"channel": "mail"})
            assert (unset.status_code, unset.json()["code"]) == (501, "not_implemented")
            assert "VOLTGATE_ALERT_MAIL_TO" in unset.json()["detail"]
            odd = await operator.post("/operator/v1/alerts/test", json={"channel": "pigeon"})
            assert (odd.status_code, odd.json()["code"]) == (400, "invalid_parameter")
            (entry,) = (await get(operator, "/audit", object_id="alert_channel:sms"))["data"]
            assert entry["request_id"]


@asynccontextmanager
async def operator_of(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> AsyncIterator[httpx2.AsyncClient]:
    async with db.transaction() as tx:
        _, token = await operators.create_token(tx, vault, CLI, name="a", role=Role.SUPPORT)
    async with client_of(create_operator_app(db, settings, vault, clock), token) as client:
        yield client
