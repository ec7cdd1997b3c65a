"""S24: operators see the chain of the audit trail, and verify it in pieces."""

import httpx2
import pytest
from sqlalchemy import text

from core.audit import chain
from core.kernel.db import Database
from tests.ops.operator_api.making import get, post


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_s24_the_trail_is_verified_in_pieces(
    operator: httpx2.AsyncClient, db: Database
) -> None:
    assert (await get(operator, "/audit/head"))["seal"] == 0
    for name in ("Acme", "Bolt"):
        await post(operator, "/partners", name=name)
    newest = (await get(operator, "/audit"))["data"]
    assert [entry["seal"] for entry in newest] == [None, None, None]
    await chain.seal_all(db)

    newest = (await get(operator, "/audit"))["data"]
    assert [entry["seal"] for entry in newest] == [3, 2, 1], "with the operator's token"
    head = await get(operator, "/audit/head")
    assert (head["seal"], head["hash"]) == (3, newest[0]["hash"])

    first = await get(operator, "/audit/verification", limit=2)
    assert (first["intact"], first["verified_to"], first["at_end"]) == (True, 2, False)
    last = await get(operator, "/audit/verification", limit=2, after_seal=2)
    assert (last["intact"], last["hash"], last["at_end"]) == (True, head["hash"], True)

    async with db.transaction() as tx:
        await tx.execute(text("DROP TRIGGER audit_entries_changed"))
        await tx.execute(text("UPDATE audit_entries SET actor = 'nobody' WHERE seal = 2"))
    broken = await get(operator, "/audit/verification")
    assert not broken["intact"]
    assert (broken["verified_to"], broken["broken"]["seal"]) == (1, 2)
    (finding,) = (await get(operator, "/doctor"))["findings"]
    assert finding["invariant"] == "S24"
    assert finding["rows"][0]["number"] == newest[1]["id"]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_odd_pieces_are_refused(operator: httpx2.AsyncClient) -> None:
    for query in ("limit=0", "limit=x", "after_seal=-1", "after_seal=9999999999999999999", "x=1"):
        answer = await operator.get(f"/operator/v1/audit/verification?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter"), query
