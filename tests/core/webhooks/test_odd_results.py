"""A bug about one delivery is a bug about one delivery."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.settings import Settings
from core.webhooks import sender as sender_module
from core.webhooks.recording import Failure, Outcome, record_delivered, record_failed
from tests.core.webhooks.receiver import OK, Answer, receiving, saying
from tests.core.webhooks.scenes import (
    FAILURE,
    all_attempts,
    all_deliveries,
    happen,
    make_endpoint,
    make_partner,
    sending,
)
from tests.eventually import eventually


@pytest.mark.parametrize("answer", [saying(OK), FAILURE])
async def test_a_result_that_cannot_be_written_holds_up_no_other(
    db: Database,
    vault: Vault,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
) -> None:
    partner, odd = await make_partner(db), set[str]()

    def breaks(*outcomes: Outcome) -> None:
        if any(one.claim.id in odd for one in outcomes):
            raise LookupError("a bug of ours")

    async def taken(tx: Tx, outcomes: Sequence[Outcome]) -> None:
        breaks(*outcomes)
        await record_delivered(tx, outcomes)

    async def failed(tx: Tx, outcome: Outcome, **more: Any) -> Failure | None:
        breaks(outcome)
        return await record_failed(tx, outcome, **more)

    monkeypatch.setattr(sender_module, "record_delivered", taken)
    monkeypatch.setattr(sender_module, "record_failed", failed)
    async with receiving(answer) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        for _ in range(8):
            await happen(db, partner)
        odd.add(sorted(row.id for row in await all_deliveries(db))[2])
        running = asyncio.create_task(sender.run())

        async def are_written() -> bool:
            attempted = {row.delivery_id for row in await all_attempts(db)}
            return len(attempted) == 7 and odd.isdisjoint(attempted)

        await eventually(are_written, within_s=30)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
