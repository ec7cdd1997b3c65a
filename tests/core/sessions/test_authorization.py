"""Tokens that may not begin a session, however it is asked for."""

from typing import Any

import pytest

from core.chargers import id_tokens
from tests.core.sessions.conftest import ACTOR, Bench


@pytest.mark.parametrize(
    "barred", [{"blocked": True}, {"master_pass": True, "group_token": "MASTERS"}]
)
async def test_a_partner_cannot_start_for_a_token_that_begins_no_session(
    bench: Bench, barred: dict[str, Any]
) -> None:
    async with bench.db.transaction() as tx:
        await id_tokens.put(tx, ACTOR, "BARRED", **barred)
    accepted = await bench.request_start(id_token="BARRED")
    assert accepted.operation.status == "failed"
    assert (accepted.operation.failure or {})["code"] == "authorization_rejected"
    assert await bench.send_next() is None
