"""A charger that an operator holds back begins nothing, and what waits for it is not sent."""

import pytest

from core.audit.service import CLI
from core.chargers import holding
from core.commands import approval
from core.kernel.errors import PlatformError
from core.operations import service as operations
from tests.core.sessions.conftest import Bench, bench

__all__ = ["bench"]


async def hold(bench: Bench) -> None:
    async with bench.db.transaction() as tx:
        await holding.hold(tx, CLI, bench.charger_id, reason="odd meter")


async def test_a_start_is_refused_until_the_charger_is_approved(bench: Bench) -> None:
    await hold(bench)
    with pytest.raises(PlatformError, match=r"connector_unavailable.*approval"):
        await bench.request_start()
    async with bench.db.transaction() as tx:
        await approval.approve(tx, CLI, bench.charger_id)
    await bench.request_start()


async def test_a_start_that_waits_is_not_claimed(bench: Bench) -> None:
    await bench.request_start()
    await hold(bench)
    async with bench.db.transaction() as tx:
        without = frozenset({"start", "reserve"})
        assert await operations.claim_next(tx, bench.charger_id, without=without) is None
    assert await bench.send_next() == "start"
