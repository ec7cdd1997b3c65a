"""Operators demand signatures of a partner, and see and revoke what it signs with."""

import httpx2
import pytest

from core.audit.service import CLI
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.partners import signing_keys
from core.partners.signing_models import Algorithm
from tests.ops.operator_api.making import get, post


@pytest.fixture
def backend() -> str:
    return "sqlite"


async def test_signatures_are_demanded_of_one_partner_and_that_is_audited(
    operator: httpx2.AsyncClient,
) -> None:
    partner = await post(operator, "/partners", name="Acme")
    path = f"/operator/v1/partners/{partner['id']}/signatures"
    assert (await operator.get(path)).json() == {
        "object": "signature_rule",
        "partner_id": partner["id"],
        "live_control": False,
        "everybody": False,
    }
    for wanted in (True, True, False):
        changed = await operator.patch(path, json={"live_control": wanted})
        assert changed.json()["live_control"] is wanted
    trail = (await get(operator, "/audit", object_id=partner["id"]))["data"]
    assert [(one["action"], one["after"]) for one in trail[:-1]] == [
        ("partner.signatures_changed", {"signs_control": False}),
        ("partner.signatures_changed", {"signs_control": True}),
    ]
    for body, code in (({}, "invalid_parameter"), ({"live": True}, "unknown_field")):
        answer = await operator.patch(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    nobody = await operator.get("/operator/v1/partners/prt_00000000000000000000000000/signatures")
    assert nobody.status_code == 404


async def test_signing_keys_are_seen_and_revoked(
    operator: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    partner = await post(operator, "/partners", name="Acme")
    keys = f"/partners/{partner['id']}/api_keys"
    key = await post(operator, keys, name="k")
    path = f"/operator/v1{keys}/{key['id']}"
    locked = await operator.patch(path, json={"require_signature": True})
    assert (locked.status_code, locked.json()["code"]) == (409, "conflict")
    async with db.transaction() as tx:
        made = await signing_keys.create(
            tx,
            vault,
            CLI,
            partner_id=partner["id"],
            api_key_id=key["id"],
            algorithm=Algorithm.HMAC_SHA256,
        )
    locked = await operator.patch(path, json={"require_signature": True})
    assert locked.json()["require_signature"] is True

    listed = await get(operator, f"/partners/{partner['id']}/signing_keys", api_key_id=key["id"])
    assert [one["id"] for one in listed["data"]] == [made.key.id]
    assert made.secret is not None
    assert made.secret.removeprefix("sgsec_") not in str(listed)
    revoke = f"/operator/v1/partners/{partner['id']}/signing_keys/{made.key.id}/revoke"
    assert (await operator.post(revoke)).json()["revoked_at"] is not None
    assert (await operator.post(revoke)).status_code == 409
    unlocked = await operator.patch(path, json={"require_signature": False})
    assert unlocked.json()["require_signature"] is False
