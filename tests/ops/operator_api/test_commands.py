"""Raw commands: any request that the charger's version knows, checked by its schema only."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from core.commands import service as commands
from core.commands.commands import Answer, Verdict
from core.commands.models import CommandRow
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.operations import service as operations
from tests.eventually import eventually
from tests.ops.operator_api.making import connect, get, post


@pytest.fixture
async def charger_id(operator: httpx2.AsyncClient, db: Database) -> str:
    """A charger of OCPP 1.6 that is connected."""
    charger = await post(operator, "/chargers", identity="CP-1")
    await connect(db, charger["id"])
    return str(charger["id"])


async def send(
    client: httpx2.AsyncClient, charger_id: str, action: str, payload: Any, wait: int = 0
) -> httpx2.Response:
    path = f"/operator/v1/chargers/{charger_id}/commands"
    body = {"action": action, "payload": payload}
    return await client.post(path, json=body, params={"wait": wait})


async def take(db: Database, charger_id: str) -> CommandRow | None:
    async with db.transaction() as tx:
        return await operations.claim_next(tx, charger_id)


async def answer(db: Database, command: CommandRow, **said: Any) -> None:
    async with db.transaction() as tx:
        told = Answer(verdict=Verdict.ACCEPTED, at=tx.now, **said)
        await commands.record_answer(tx, command.id, told)


async def test_a_command_is_queued_as_it_was_written(
    operator: httpx2.AsyncClient, db: Database, charger_id: str
) -> None:
    accepted = await send(operator, charger_id, "Reset", {"type": "Soft"})
    assert accepted.status_code == 202
    view = accepted.json()
    assert view | {"action": "Reset", "status": "queued", "payload": {"type": "Soft"}} == view
    assert accepted.headers["location"].endswith(view["id"])
    command = await take(db, charger_id)
    assert command is not None
    assert command.arguments == {
        "action": "Reset",
        "payload": {"type": "Soft"},
        "sealed": None,
    }
    assert command.requested_by.startswith("operator:otk_")
    (entry,) = (await get(operator, "/audit", object_id=view["id"]))["data"]
    assert entry["action"] == "command.requested"


async def test_waiting_ends_when_the_charger_has_answered(
    operator: httpx2.AsyncClient, db: Database, charger_id: str
) -> None:
    asking = asyncio.create_task(send(operator, charger_id, "ClearCache", {}, wait=30))
    command = await eventually(lambda: take(db, charger_id))
    await answer(db, command, response={"status": "Accepted"})
    view = (await asking).json()
    assert (view["status"], view["response"]) == ("answered", {"status": "Accepted"})
    path = f"/chargers/{charger_id}/commands/{view['id']}"
    assert (await get(operator, path, wait=30))["answered_at"] == view["answered_at"]


async def test_waiting_ends_when_its_time_is_over(
    operator: httpx2.AsyncClient, clock: ShiftedClock, charger_id: str
) -> None:
    asking = asyncio.create_task(send(operator, charger_id, "ClearCache", {}, wait=30))
    pending = await eventually(lambda: _listed(operator, charger_id))
    clock.advance(31)
    assert (await asking).json()["id"] == pending["id"]
    assert asking.result().json()["status"] == "queued"


async def _listed(client: httpx2.AsyncClient, charger_id: str) -> Any:
    found = (await get(client, f"/chargers/{charger_id}/commands"))["data"]
    return found[0] if found else None


async def test_a_command_expires_after_its_timeout(
    operator: httpx2.AsyncClient, db: Database, clock: ShiftedClock, charger_id: str
) -> None:
    path = f"/chargers/{charger_id}/commands"
    sent = await post(operator, path, action="ClearCache", timeout_s=5)
    clock.advance(6)
    async with db.transaction() as tx:
        await commands.expire_overdue(tx)
    assert (await get(operator, f"{path}/{sent['id']}"))["status"] == "expired"


@pytest.mark.parametrize(
    ("action", "payload", "pointer"),
    [
        ("UnlockConnector", {"connectorId": "one"}, "/payload/connectorId"),
        ("UnlockConnector", {}, "/payload"),
        ("UnlockConnector", {"connectorId": 1, "force": True}, "/payload"),
        ("Explode", {}, "/action"),
        ("BootNotification", {}, "/action"),
        ("GetVariables", {}, "/action"),
    ],
)
async def test_what_does_not_fit_the_schema_is_not_sent(
    operator: httpx2.AsyncClient, charger_id: str, action: str, payload: Any, pointer: str
) -> None:
    refused = await send(operator, charger_id, action, payload)
    assert (refused.status_code, refused.json()["code"]) == (422, "payload_invalid")
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert (await get(operator, f"/chargers/{charger_id}/commands"))["data"] == []


async def test_an_operator_may_name_connector_99(
    operator: httpx2.AsyncClient, charger_id: str
) -> None:
    sent = await send(operator, charger_id, "UnlockConnector", {"connectorId": 99})
    assert sent.status_code == 202


async def test_the_version_of_the_charger_decides(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    charger = await post(operator, "/chargers", identity="CP-201")
    await connect(db, charger["id"], version="2.0.1")
    wanted = [{"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}]
    known = await send(operator, charger["id"], "GetVariables", {"getVariableData": wanted})
    assert known.status_code == 202
    assert (await send(operator, charger["id"], "GetConfiguration", {})).status_code == 422


async def test_a_charger_that_is_away_is_not_asked(
    operator: httpx2.AsyncClient,
) -> None:
    charger = await post(operator, "/chargers", identity="CP-2")
    refused = await send(operator, charger["id"], "ClearCache", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "charger_offline")


async def test_the_list_has_the_newest_first_in_pages(
    operator: httpx2.AsyncClient, charger_id: str
) -> None:
    sent = [(await send(operator, charger_id, "ClearCache", {})).json()["id"] for _ in range(5)]
    path = f"/chargers/{charger_id}/commands"
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await get(operator, path, limit=2, **cursor)
        seen += [command["id"] for command in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == sent[::-1]


async def test_a_command_is_found_under_its_own_charger_only(
    operator: httpx2.AsyncClient, charger_id: str
) -> None:
    sent = (await send(operator, charger_id, "ClearCache", {})).json()
    other = await post(operator, "/chargers", identity="CP-2")
    path = f"/operator/v1/chargers/{other['id']}/commands/{sent['id']}"
    assert (await operator.get(path)).status_code == 404


async def test_i34_a_password_in_a_payload_is_masked(
    operator: httpx2.AsyncClient, charger_id: str
) -> None:
    payload = {"key": "ModemPassword", "value": "0123456789abcdef0123456789abcdef01234567"}
    sent = await send(operator, charger_id, "ChangeConfiguration", payload)
    assert sent.status_code == 202
    shown = sent.text + (await operator.get("/operator/v1/audit")).text
    assert payload["value"] not in shown


@pytest.mark.parametrize("timeout_s", [0, -1, 601, "5"])
async def test_a_timeout_that_cannot_be_kept_is_refused(
    operator: httpx2.AsyncClient, charger_id: str, timeout_s: Any
) -> None:
    body = {"action": "ClearCache", "timeout_s": timeout_s}
    refused = await operator.post(f"/operator/v1/chargers/{charger_id}/commands", json=body)
    assert refused.status_code == 400


async def test_the_timeout_of_the_settings_is_the_default(
    operator: httpx2.AsyncClient, charger_id: str
) -> None:
    sent = (await send(operator, charger_id, "ClearCache", {})).json()
    assert sent["timeout_s"] == timedelta(seconds=30).total_seconds()
