"""Fleet commands by the API: begun once, watched, paused; what means nothing is named."""

from typing import Any

import httpx2
import pytest

from core.fleet import service as fleet
from core.kernel.crypto import Vault
from core.kernel.db import Database
from tests.core.desired.bench import Bench
from tests.ops.operator_api.making import get, post

V1 = "/operator/v1"
RESET = {"kind": "reset", "arguments": {"type": "immediate"}}


@pytest.fixture
async def benches(operator: httpx2.AsyncClient, db: Database, vault: Vault) -> list[Bench]:
    found = []
    for number in range(3):
        made = await post(operator, "/chargers", identity=f"CP-{number}")
        found.append(Bench(db=db, vault=vault, charger_id=made["id"]))
    for bench in found[:2]:
        await bench.connect()
    return found


async def run(db: Database) -> None:
    async with db.transaction() as tx:
        for fleet_id in await fleet.open_ids(tx):
            await fleet.advance(tx, fleet_id)


async def begin(client: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    given = {"request_id": "r-1", "chargers": {"all": True}, **body}
    return await client.post(f"{V1}/fleet_commands", json=given)


@pytest.mark.parametrize(
    "what",
    [
        {"act": RESET},
        {"raw": {"action": "ClearCache", "payload": {}}},
        {"wish": {"kind": "variable", "value": {"name": "A", "value": "1"}}},
        {"wish": {"kind": "availability", "value": {"operative": False}}},
    ],
)
async def test_it_goes_to_every_charger_that_is_there(
    operator: httpx2.AsyncClient, db: Database, benches: list[Bench], what: dict[str, Any]
) -> None:
    answer = await begin(operator, **what)
    assert answer.status_code == 202, answer.text
    view = answer.json()
    assert view["progress"]["targets"] == 3
    await run(db)
    for bench in benches[:2]:
        await bench.answer(await bench.claimed())
    await run(db)
    shown = await get(operator, f"/fleet_commands/{view['id']}")
    assert shown["status"] == "finished"
    assert shown["progress"] == {
        "targets": 3,
        "ended": 3,
        "pending": 0,
        "sent": 0,
        "succeeded": 2,
        "failed": 0,
        "skipped": 1,
    }
    path = f"/fleet_commands/{view['id']}/targets"
    (skipped,) = (await get(operator, path, status="skipped"))["data"]
    assert (skipped["charger_id"], skipped["reason"]) == (
        benches[2].charger_id,
        "charger_offline",
    )
    first = await get(operator, path, limit=2)
    rest = await get(operator, path, limit=2, cursor=first["next_cursor"])
    assert len(first["data"] + rest["data"]) == 3
    assert (await get(operator, "/fleet_commands"))["data"][0]["id"] == view["id"]


async def test_i02_a_repeated_request_is_the_same_one(
    operator: httpx2.AsyncClient, benches: list[Bench]
) -> None:
    first = await begin(operator, act=RESET)
    again = await begin(operator, act=RESET)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    other = await begin(operator, act={"kind": "clear_cache"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(benches) == 3


async def test_it_is_paused_resumed_and_cancelled(
    operator: httpx2.AsyncClient, benches: list[Bench]
) -> None:
    chosen = {"charger_ids": [benches[0].charger_id]}
    made = (await begin(operator, act=RESET, chargers=chosen)).json()
    path = f"/fleet_commands/{made['id']}"
    assert (await post(operator, f"{path}/pause"))["status"] == "paused"
    assert (await post(operator, f"{path}/resume"))["status"] == "running"
    cancelled = await post(operator, f"{path}/cancel")
    assert (cancelled["status"], cancelled["progress"]["skipped"]) == ("cancelled", 1)
    assert (await operator.post(f"{V1}{path}/resume")).status_code == 409


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_parameter"),
        ({"act": RESET, "raw": {"action": "ClearCache"}}, 400, "invalid_parameter"),
        ({"act": {"kind": "start"}}, 400, "invalid_parameter"),
        ({"act": {"kind": "reset", "arguments": {"type": 5}}}, 400, "invalid_parameter"),
        ({"act": {"kind": "reset", "arguments": {}}}, 400, "invalid_parameter"),
        ({"act": RESET, "chargers": {}}, 400, "invalid_parameter"),
        ({"act": RESET, "chargers": {"vendor": "Nobody"}}, 400, "invalid_parameter"),
        ({"act": RESET, "chargers": {"charger_ids": ["cp_x"]}}, 404, "not_found"),
        ({"raw": {"action": "Nonsense"}}, 422, "payload_invalid"),
        ({"raw": {"action": "Reset", "payload": {"type": 1}}}, 422, "payload_invalid"),
        (
            {"raw": {"action": "ChangeConfiguration", "payload": {"key": "SimPin", "value": "1"}}},
            400,
            "invalid_parameter",
        ),
        ({"wish": {"kind": "nothing", "value": {}}}, 400, "invalid_parameter"),
        (
            {"wish": {"kind": "variable", "value": {"name": "SimPin", "value": "1"}}},
            400,
            "invalid_parameter",
        ),
        ({"act": RESET, "deadline_at": "2020-01-01T00:00:00Z"}, 422, "expiry_out_of_range"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_begun(
    operator: httpx2.AsyncClient,
    benches: list[Bench],
    body: dict[str, Any],
    status: int,
    code: str,
) -> None:
    answer = await begin(operator, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await get(operator, "/fleet_commands"))["data"] == []
    assert len(benches) == 3
