"""I02, I03: a request_id belongs to one request, whoever sends it how often."""

import asyncio
import json
from typing import Any

import pytest

from core.chargers import presence
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.operations import service as operations
from partner_api.app import PartnerApp
from tests.partner_api.scenes import Party, Place, party, start_body


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_i02_the_same_request_again_is_the_same_operation(
    partner: Party, place: Place
) -> None:
    body = start_body(place, metadata={"a": 1, "b": [1.5]}, limits={"max_minutes": 30})
    first = await partner.client.post("/v1/start_charge", json=body)
    again = await partner.client.post("/v1/start_charge", json=body)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.content == again.content
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == f"/v1/operations/{first.json()['id']}"
    assert again.headers["Retry-After"] == "2"


@pytest.mark.parametrize(
    "text",
    [
        '{"connector_id":"%s","request_id":"app-1","limits":{"max_minutes":30}}',
        '{ "limits" : {"max_minutes": 30.0},\n"request_id": "app-1", "connector_id": "%s"}',
        '{"limits":{"max_minutes":3e1},"request_id":"app-1","connector_id":"%s","metadata":{}}',
        '{"connector_id":"%s","request_id":"app-1","limits":{"max_minutes":30},"user_ref":null}',
    ],
)
async def test_i02_order_spaces_and_number_format_make_no_difference(
    partner: Party, place: Place, text: str
) -> None:
    first = await partner.client.post(
        "/v1/start_charge", json=start_body(place, limits={"max_minutes": 30})
    )
    again = await partner.client.post(
        "/v1/start_charge",
        content=text % place.connector_id,
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


@pytest.mark.parametrize(
    "other",
    [
        {"user_ref": "somebody"},
        {"metadata": {"a": "1"}},
        {"limits": {"max_minutes": 31}},
        {"on_late_start": "keep"},
    ],
)
async def test_i03_the_same_id_for_another_request_changes_nothing(
    partner: Party, place: Place, other: dict[str, Any]
) -> None:
    body = start_body(place, metadata={"a": 1}, limits={"max_minutes": 30})
    first = (await partner.client.post("/v1/start_charge", json=body)).json()
    refused = await partner.client.post("/v1/start_charge", json=body | other)
    assert refused.status_code == 422
    assert refused.json()["code"] == "idempotency_key_reused"
    assert refused.json()["operation_id"] == first["id"]
    assert (await partner.client.get(f"/v1/operations/{first['id']}")).json() == first


async def test_i03_another_call_with_the_id_is_another_request(
    partner: Party, place: Place
) -> None:
    await partner.client.post("/v1/start_charge", json=start_body(place))
    unlock = await partner.client.post("/v1/unlock_connector", json=start_body(place))
    assert (unlock.status_code, unlock.json()["code"]) == (422, "idempotency_key_reused")


async def test_i02_many_at_once_make_one_operation(partner: Party, place: Place) -> None:
    answers = await asyncio.gather(
        *(partner.client.post("/v1/start_charge", json=start_body(place)) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1


async def test_i02_a_repeat_after_the_charger_left_still_gets_its_202(
    db: Database, partner: Party, place: Place
) -> None:
    first = await partner.client.post("/v1/start_charge", json=start_body(place))
    async with db.transaction() as tx:
        await presence.disconnected(tx, place.charger_id, epoch=1)
    again = await partner.client.post("/v1/start_charge", json=start_body(place))
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    async with db.transaction() as tx:
        await operations.fail_stranded(tx, charger_id=place.charger_id)
    fresh = await partner.client.post("/v1/start_charge", json=start_body(place, "app-2"))
    assert (fresh.status_code, fresh.json()["code"]) == (409, "charger_offline")


async def test_i03_a_refused_request_does_not_consume_its_id(partner: Party, place: Place) -> None:
    wrong = start_body(place, connector_id="con_" + "0" * 26)
    limit = start_body(place, limits={"max_minutes": 0})
    for refused, status in ((wrong, 404), (limit, 422), (start_body(place, nonsense=1), 400)):
        answer = await partner.client.post("/v1/start_charge", json=refused)
        assert answer.status_code == status
    assert (await partner.client.post("/v1/start_charge", json=start_body(place))).is_success


async def test_the_header_is_an_alias_of_the_field(partner: Party, place: Place) -> None:
    body = {"connector_id": place.connector_id}
    header = {"Idempotency-Key": "app-1"}
    by_header = await partner.client.post("/v1/start_charge", json=body, headers=header)
    by_field = await partner.client.post("/v1/start_charge", json=start_body(place))
    by_both = await partner.client.post("/v1/start_charge", json=start_body(place), headers=header)
    assert {by_header.status_code, by_field.status_code, by_both.status_code} == {202}
    assert by_header.json()["request_id"] == "app-1"
    assert len({json.dumps(answer.json()) for answer in (by_header, by_field, by_both)}) == 1
    differ = await partner.client.post(
        "/v1/start_charge", json=start_body(place, "app-2"), headers=header
    )
    assert (differ.status_code, differ.json()["code"]) == (400, "idempotency_mismatch")


async def test_the_header_alone_is_checked_as_the_field_is(partner: Party, place: Place) -> None:
    answer = await partner.client.post(
        "/v1/start_charge",
        json={"connector_id": place.connector_id},
        headers={"Idempotency-Key": "no spaces please"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_the_ids_of_partners_and_modes_are_separate(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, place: Place
) -> None:
    await partner.client.post("/v1/start_charge", json=start_body(place))
    async with party(app, db, vault) as other:
        found = await other.client.get("/v1/operations?request_id=app-1")
        assert found.json()["data"] == []
    (own,) = (await partner.client.get("/v1/operations?request_id=app-1")).json()["data"]
    assert own["request_id"] == "app-1"
