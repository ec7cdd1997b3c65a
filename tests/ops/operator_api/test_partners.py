"""Partners, grants, keys, and tokens of operators."""

import httpx2
import pytest

from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.partners import service as partners
from tests.ops.operator_api.making import Answer, get, post


@pytest.fixture
async def partner(operator: httpx2.AsyncClient) -> Answer:
    return await post(operator, "/partners", name="App")


async def test_a_station_is_granted_and_taken_away(
    operator: httpx2.AsyncClient, partner: Answer
) -> None:
    station = await post(operator, "/stations", name="Depot")
    path = f"/operator/v1/partners/{partner['id']}/grants/{station['id']}"
    assert (await operator.put(path, json={"control": True})).json()["control"] is True
    (grant,) = (await get(operator, f"/partners/{partner['id']}"))["grants"]
    assert (grant["station_id"], grant["control"]) == (station["id"], True)
    (event,) = (await get(operator, "/events", partner_id=partner["id"]))["data"]
    assert event["type"] == "station.created"
    assert (await operator.delete(path)).status_code == 204
    assert (await get(operator, f"/partners/{partner['id']}/grants"))["data"] == []


async def test_a_grant_names_a_station_that_exists(
    operator: httpx2.AsyncClient, partner: Answer
) -> None:
    path = f"/operator/v1/partners/{partner['id']}/grants/st_none"
    assert (await operator.put(path, json={"control": True})).status_code == 404


async def test_a_partner_is_suspended_and_reinstated(
    operator: httpx2.AsyncClient, partner: Answer
) -> None:
    path = f"/partners/{partner['id']}"
    assert (await post(operator, f"{path}/suspend"))["status"] == "suspended"
    assert (await operator.post(f"/operator/v1{path}/suspend")).status_code == 409
    assert (await post(operator, f"{path}/reinstate"))["status"] == "active"


async def test_a_key_works_until_it_is_revoked(
    operator: httpx2.AsyncClient, partner: Answer, db: Database, vault: Vault
) -> None:
    path = f"/partners/{partner['id']}/api_keys"
    key = await post(operator, path, name="app", scopes=["sessions:read"])
    async with db.transaction() as tx:
        caller = await partners.authenticate(tx, vault, f"Bearer {key['secret']}", address=None)
    assert (caller.partner_id, caller.scopes) == (partner["id"], frozenset({"sessions:read"}))
    listed = (await get(operator, path))["data"]
    assert [one["id"] for one in listed] == [key["id"]]
    assert "secret" not in listed[0]
    changed = await operator.patch(f"/operator/v1{path}/{key['id']}", json={"name": "new"})
    assert changed.json()["name"] == "new"
    await post(operator, f"{path}/{key['id']}/revoke")
    async with db.transaction() as tx:
        with pytest.raises(PlatformError):
            await partners.authenticate(tx, vault, f"Bearer {key['secret']}", address=None)


async def test_a_rotated_key_overlaps_with_the_old_one(
    operator: httpx2.AsyncClient, partner: Answer, db: Database, vault: Vault
) -> None:
    path = f"/partners/{partner['id']}/api_keys"
    old = await post(operator, path, name="app")
    new = await post(operator, f"{path}/{old['id']}/rotate", overlap_hours=24)
    assert new["replaces"]["id"] == old["id"]
    for secret in (old["secret"], new["secret"]):
        async with db.transaction() as tx:
            caller = await partners.authenticate(tx, vault, f"Bearer {secret}", address=None)
            assert caller.partner_id == partner["id"]


async def test_tokens_of_operators_are_listed_without_their_secrets(
    operator: httpx2.AsyncClient,
) -> None:
    made = await post(operator, "/operator_tokens", name="alice", role="support")
    assert made["secret"].startswith("vg_op_")
    listed = (await get(operator, "/operator_tokens"))["data"]
    assert {one["name"] for one in listed} == {"admin", "alice"}
    assert made["secret"] not in str(listed)
