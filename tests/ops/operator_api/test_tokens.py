"""Id tokens, local lists, data transfers and holds over the operator API."""

from datetime import timedelta

import httpx2
import pytest

from core.commands import service as commands
from core.kernel.db import Database
from tests.ops.operator_api.making import connect, get, post

BASE = "/operator/v1"


async def registered(operator: httpx2.AsyncClient) -> str:
    return str((await post(operator, "/chargers", identity="CP-1"))["id"])


async def test_all_of_a_token_is_kept(operator: httpx2.AsyncClient) -> None:
    charger_id = await registered(operator)
    body = {
        "kind": "eMAID",
        "expires_at": "2090-01-01T00:00:00Z",
        "valid_from": "2026-01-01T00:00:00Z",
        "group_token": "fleet",
        "group_kind": "Local",
        "places": [charger_id],
        "evses": [2, 1],
        "max_sessions": 1,
        "charging_priority": -9,
        "language1": "de",
        "language2": "en",
        "personal_message": {"content": "Hallo"},
        "additional_info": [{"id_token": "printed", "type": "card"}],
    }
    answer = await operator.put(f"{BASE}/id_tokens/DEABCC123456789", json=body)
    assert answer.status_code == 200, answer.text
    found = await get(operator, "/id_tokens/deabcc123456789")
    assert found == answer.json()
    assert (found["places"], found["evses"], found["oddity"]) == ([charger_id], [1, 2], None)
    assert found["personal_message"] == {"format": "UTF8", "content": "Hallo"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"places": ["cp_nothing"]}, "/places/0"),
        ({"places": ["st_nothing"]}, "/places/0"),
        ({"language2": "en"}, "/language2"),
        ({"charging_priority": 10}, "/charging_priority"),
        ({"evses": [0]}, "/evses/0"),
        ({"max_sessions": 2**31}, "/max_sessions"),
        ({"personal_message": {"content": "x" * 513}}, "/personal_message/content"),
        ({"additional_info": [{"id_token": "", "type": "x"}]}, "/additional_info/0/id_token"),
    ],
)
async def test_what_a_token_cannot_be_is_refused_with_its_place(
    operator: httpx2.AsyncClient, body: dict[str, object], pointer: str
) -> None:
    answer = await operator.put(f"{BASE}/id_tokens/ONE", json=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_local_list_is_wanted_chosen_and_cleared(operator: httpx2.AsyncClient) -> None:
    charger_id = await registered(operator)
    path = f"{BASE}/chargers/{charger_id}/local_list"
    for token in ("ONE", "TWO"):
        await operator.put(f"{BASE}/id_tokens/{token}", json={})
    nothing = (await operator.get(path)).json()
    assert (nothing["source"], nothing["entries_wanted"]) == (None, 0)
    assert (await operator.post(f"{path}/tokens", json={"tokens": ["ONE"]})).status_code == 409
    odd = await operator.put(path, json={"source": "some"})
    assert odd.json()["code"] == "invalid_parameter"
    unknown = await operator.put(path, json={"source": "chosen", "tokens": ["ONE", "NOBODY"]})
    assert unknown.json()["errors"] == [{"pointer": "/tokens/1", "detail": "is no id token here"}]
    chosen = (await operator.put(path, json={"source": "chosen", "tokens": ["ONE"]})).json()
    assert (chosen["source"], chosen["status"], chosen["entries_wanted"]) == (
        "chosen",
        "pending",
        1,
    )
    more = (await operator.post(f"{path}/tokens", json={"tokens": ["two"]})).json()
    assert more["entries_wanted"] == 2
    fewer = (await operator.post(f"{path}/tokens/remove", json={"tokens": ["ONE"]})).json()
    assert fewer["entries_wanted"] == 1
    assert (await operator.get(f"{path}/tokens")).json()["data"] == []
    assert (await operator.delete(path)).json()["source"] is None
    assert (await operator.post(f"{path}/version", json={})).status_code == 409


async def test_a_vendors_message_is_queued_and_16_takes_texts_only(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    charger_id = await registered(operator)
    path = f"{BASE}/chargers/{charger_id}/data_transfers"
    body = {"vendor_id": "com.example", "data": "password=hunter2"}
    assert (await operator.post(path, json=body)).status_code == 409
    await connect(db, charger_id)
    sent = await operator.post(path, json=body)
    assert sent.status_code == 202
    assert sent.json()["kind"] == "data_transfer"
    assert "hunter2" not in sent.text
    odd = await operator.post(path, json={"vendor_id": "x", "data": {"a": 1}})
    assert odd.json()["errors"] == [{"pointer": "/data", "detail": "is not a text"}]
    assert (await get(operator, "/data_transfers", charger_id=charger_id))["data"] == []


async def test_a_hold_is_asked_for_and_what_16_cannot_say_is_refused(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    charger_id = await registered(operator)
    path = f"{BASE}/chargers/{charger_id}/holds"
    await connect(db, charger_id)
    until = (db.now() + timedelta(days=8)).isoformat()
    body = {"id_token": "ONE", "expires_at": until}
    late = await operator.post(path, json=body)
    assert late.json()["code"] == "expiry_out_of_range"
    body["expires_at"] = (db.now() + timedelta(hours=1)).isoformat()
    typed = await operator.post(path, json=body | {"connector_type": "cCCS2"})
    assert typed.status_code == 409
    secret = await operator.post(path, json=body | {"id_token_kind": "KeyCode"})
    assert (secret.status_code, secret.json()["errors"][0]["pointer"]) == (400, "/id_token_kind")
    made = await operator.post(path, json=body | {"group_token": "fleet"})
    assert made.status_code == 202, made.text
    hold = made.json()
    assert (hold["status"], hold["evse"], hold["group_token"]) == ("pending", None, "FLEET")
    assert (await get(operator, f"/chargers/{charger_id}/holds"))["data"][0]["id"] == hold["id"]
    cancelled = await operator.post(f"{path}/{hold['id']}/cancel", json={})
    assert cancelled.status_code == 202


async def test_i34_a_key_code_is_shown_and_audited_by_its_name(
    operator: httpx2.AsyncClient,
) -> None:
    made = (await operator.put(f"{BASE}/id_tokens/73914ab62", json={"kind": "KeyCode"})).json()
    assert made["token"].startswith("KEYCODE:")
    assert made["oddity"] is None
    by_code = await get(operator, "/id_tokens/73914AB62")
    assert by_code == made | {"places": []}
    assert await get(operator, f"/id_tokens/{made['token']}") == by_code
    listed = await operator.get(f"{BASE}/id_tokens")
    sessions = await get(operator, "/sessions", id_token="73914ab62")
    assert sessions["data"] == []
    audit = await operator.get(f"{BASE}/audit")
    assert "73914AB62" not in (listed.text + audit.text).upper()
    assert (await operator.delete(f"{BASE}/id_tokens/73914ab62")).status_code == 204
    assert (await operator.get(f"{BASE}/id_tokens/{made['token']}")).status_code == 404


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_i34_a_raw_command_with_a_key_code_is_sealed(
    operator: httpx2.AsyncClient, db: Database, version: str
) -> None:
    await operator.put(f"{BASE}/id_tokens/73914ab62", json={"kind": "KeyCode"})
    charger_id = await registered(operator)
    await connect(db, charger_id, version=version)
    body: dict[str, object] = {
        "action": "RemoteStartTransaction",
        "payload": {"idTag": "73914ab62", "connectorId": 1},
    }
    if version == "2.0.1":
        token = {"idToken": "73914ab62", "type": "KeyCode"}
        body = {
            "action": "RequestStartTransaction",
            "payload": {"idToken": token, "remoteStartId": 1},
        }
    sent = await operator.post(f"{BASE}/chargers/{charger_id}/commands", json=body)
    assert sent.status_code == 202, sent.text
    audit = await operator.get(f"{BASE}/audit")
    assert "73914ab62" not in sent.text + audit.text
    async with db.transaction() as tx:
        (row,) = await commands.list_commands(tx, charger_id=charger_id)
    assert "73914ab62" not in str(row.arguments)
    assert row.arguments["sealed"]
