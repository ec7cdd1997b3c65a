"""The simulation itself: a seed is one run and no other, and broken rules are found."""

import os
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import update

from core.commands import service as commands
from core.commands.models import commands as rows
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable
from core.webhooks import service as webhooks
from tests.simulation.engine import SimConnection, SimEngine
from tests.simulation.plan import Plan, plan_of
from tests.simulation.run import run
from tests.simulation.template import Template

RESTLESS = 34
"""A seed with two nodes, several kills and most kinds of trouble."""

_ELSEWHERE = """
import sys, tempfile
from pathlib import Path
from tests.simulation import template
from tests.simulation.run import run
with tempfile.TemporaryDirectory() as directory:
    made = template.make(Path(directory))
    run(1, made, directory=Path(directory))
    print("\\n".join(run(int(sys.argv[1]), made, directory=Path(directory)).trace.lines()))
"""


def _plans(wanted: Any, count: int) -> list[int]:
    return [seed for seed in range(10_000) if wanted(plan_of(seed))][:count]


def _until_found(world: Template, seeds: list[int], *invariants: str) -> None:
    """Run until one of *invariants* is violated; fail if no seed does."""
    others: list[str] = []
    for seed in seeds:
        verdict = run(seed, world, directory=world.path.parent)
        if any(one.startswith(invariants) for one in verdict.violations):
            return
        others += verdict.violations
    raise AssertionError(f"nothing of {invariants} was found in {len(seeds)} seeds, but {others}")


@pytest.mark.timeout(170)
def test_a_seed_is_the_same_run_twice_and_in_another_process(world: Template) -> None:
    first = run(RESTLESS, world, directory=world.path.parent)
    second = run(RESTLESS, world, directory=world.path.parent)

    assert first.trace.lines() == second.trace.lines()
    elsewhere = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(RESTLESS)],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.splitlines() == first.trace.lines()


def test_another_seed_is_another_run(world: Template) -> None:
    digests = {
        run(seed, world, directory=world.path.parent).trace.digest() for seed in (40, 41, 42)
    }

    assert len(digests) == 3


@pytest.mark.timeout(170)
def test_an_answer_before_the_commit_is_found(
    world: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers although the commit failed breaks a promise."""
    commit = SimEngine.commit

    async def careless(self: SimEngine, connection: SimConnection) -> None:
        try:
            await commit(self, connection)
        except DatabaseUnavailable:
            return

    monkeypatch.setattr(SimEngine, "commit", careless)

    def loses_commits(plan: Plan) -> bool:
        return "lost_commits" in plan.troubles and len(plan.troubles) <= 4

    _until_found(world, _plans(loses_commits, 40), "I1:", "I17", "I12")


@pytest.mark.timeout(170)
def test_a_lost_event_is_found(world: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    emit = webhooks.emit

    async def forgetful(tx: Any, *args: Any, **facts: Any) -> Any:
        if "operation.succeeded" in (*args, *facts.values()):
            return None
        return await emit(tx, *args, **facts)

    monkeypatch.setattr(webhooks, "emit", forgetful)

    _until_found(world, list(range(10)), "I10")


@pytest.mark.timeout(170)
def test_a_command_that_is_sent_again_is_found(
    world: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence says nothing: whoever takes it for a loss lets a car be started twice."""

    async def queue_again(tx: Tx, command_id: str) -> None:
        again = {"status": "queued", "sent_at": None, "message_id": None}
        await tx.execute(update(rows).where(rows.c.id == command_id).values(again))

    monkeypatch.setattr(commands, "record_timeout", queue_again)

    _until_found(world, list(range(20)), "I6", "I27")
