"""Alerts in the operator API: what leads to them, who sees them, who settles them."""

import httpx2
import pytest

from core.alerts.kinds import AlertKind
from core.alerts.service import raise_alert
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from tests.core.joining.test_work import submit
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
    assert await get(operator, f"/alerts/{listed['id']}") == listed
    assert "job_failed" in listed["advice"]
    assert listed["means"]


async def test_filters_choose_and_pages_follow_each_other(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    for key in ("a", "b", "c"):
        await raised(db, key)
    first = await get(operator, "/alerts", limit=2, kind="job_failing")
    second = await get(operator, "/alerts", limit=2, cursor=first["next_cursor"])
    assert [each["title"][0] for each in first["data"] + second["data"]] == ["a", "b", "c"]
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
