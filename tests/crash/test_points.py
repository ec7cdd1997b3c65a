"""The catalogue of fail points is true, and a sample of it kills; ``make crash`` does the rest."""

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.crash.acts import ACTS
from tests.crash.campaign import AT_RANDOM, Figures, play
from tests.crash.node import Faults
from tests.crash.points import ASIDE, COMMITS, POINTS, REPLIES, Point
from tests.crash.stage import Stage, stage
from tests.crash.workload import working
from tests.eventually import eventually

SAMPLE: Final = 4
"""Kills in one world; which places it is changes every day."""
DAY: Final = datetime.now(UTC).toordinal()


@pytest.fixture
def backend() -> str:
    return "sqlite" if DAY % 2 else "postgresql"


def test_the_catalogue_names_every_point_once() -> None:
    names = [point.name for point in POINTS]
    assert len(names) == len(set(names)) >= 40
    assert {point.act for point in POINTS} - {""} == ACTS.keys()
    assert set(REPLIES) <= COMMITS.keys()


@pytest.mark.timeout(170)
async def test_every_point_is_passed_and_every_commit_is_one(
    database_url: str, tmp_path: Path
) -> None:
    """By the work and the acts that lead there; none is killed."""
    passes = tmp_path / "passes"
    passes.touch()
    wanted = {point.name for point in POINTS} - {"commit.before.node.release"}
    wanted -= {"commit.after.node.release"}  # passed only after a kill

    async def all_passed() -> bool:
        return wanted <= set(passes.read_text().split("\n"))

    async with AsyncExitStack() as stack:
        on = await stack.enter_async_context(
            stage(database_url, tmp_path, faults=Faults(passes=passes))
        )
        async with working(on, random.Random(1)):  # noqa: S311 - repeatable
            acting = asyncio.create_task(_do_everything(on))
            try:
                await eventually(all_passed, within_s=120)
            except TimeoutError:
                missing = wanted - set(passes.read_text().split("\n"))
                pytest.fail(f"nobody passed {sorted(missing)}")
            finally:
                acting.cancel()
                await asyncio.gather(acting, return_exceptions=True)
                on.receiver.status = 204
        await on.at_rest()
        assert not await on.violations()
    seen = {
        name.removeprefix("commit.before.")
        for name in passes.read_text().split("\n")
        if name.startswith("commit.before.")
    }
    assert seen - COMMITS.keys() - ASIDE == set()


async def _do_everything(on: Stage) -> None:
    while True:
        for act in ACTS.values():
            await act(on)
            on.receiver.status = 204


@pytest.mark.timeout(170)
async def test_i01_i06_i17_kills_at_a_sample_of_points_lose_nothing(
    database_url: str, tmp_path: Path
) -> None:
    """Those of today, and one at random."""
    rng = random.Random(DAY)  # noqa: S311 - the same all day
    daily = [point for point in POINTS if not point.act]
    others = [point for point in POINTS if point.act]
    sample: list[Point] = [*rng.sample(daily, SAMPLE // 2), *rng.sample(others, SAMPLE // 2)]
    figures = Figures()
    await play(database_url, tmp_path, [*sample, AT_RANDOM], rng, figures)
    assert figures.wrong == [], sample
    assert not figures.unreached, figures.unreached
