"""A report of 50,000 variables: stored as its parts come, in memory that does not grow."""

import tracemalloc
from typing import Any

import pytest

from core.chargers import registry, reports
from core.chargers.record_store import count_variables
from tests.csms.live import AT, Running, charger

PARTS = 100
EACH = 500


@pytest.fixture
def backend() -> str:
    """One database is enough: nothing here depends on which."""
    return "sqlite"


def part(seq: int) -> dict[str, Any]:
    data = [
        {
            "component": {"name": f"C{seq}"},
            "variable": {"name": f"V{number}"},
            "variableAttribute": [{"value": "1"}],
        }
        for number in range(EACH)
    ]
    return {
        "requestId": 1,
        "generatedAt": AT,
        "seqNo": seq,
        "tbc": seq < PARTS - 1,
        "reportData": data,
    }


@pytest.mark.timeout(300)  # with each allocation traced, and lines under coverage
async def test_s9_a_report_of_50000_variables_takes_the_memory_of_one_part(
    server: Running,
) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()
        highest = []
        tracemalloc.start()
        try:
            for seq in range(PARTS):
                await cp.result("NotifyReport", part(seq))
                cp.texts.clear()
                cp.answers.clear()
                if seq in {9, PARTS - 1}:
                    highest.append(tracemalloc.get_traced_memory()[1])
                    tracemalloc.reset_peak()
        finally:
            tracemalloc.stop()
    async with server.db.transaction() as tx:
        row = await registry.by_identity(tx, "CP-1")
        assert row is not None
        assert await count_variables(tx, row.id) == PARTS * EACH
        found = [one for one in await reports.newest(tx, row.id) if one.request == 1]
    assert (found[0].parts, found[0].variables, found[0].complete) == (PARTS, PARTS * EACH, True)
    early, late = highest
    assert late < 2 * early
