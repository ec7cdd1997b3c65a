"""Everything around a node fails once while chargers charge; ``make faults`` does it for long."""

import random
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash import crowd, machine, outages
from tests.crash.node import Faults
from tests.crash.stage import stage


@pytest.fixture
def backend() -> str:
    """For those that need no PostgreSQL of their own."""
    return "sqlite"


@pytest.fixture
def rng() -> random.Random:
    return random.Random(1)  # noqa: S311 - repeatable


@pytest.mark.timeout(400)
async def test_i17_i19_services_that_die_or_are_cut_off_cost_nothing_but_time(
    tmp_path: Path, rng: random.Random
) -> None:
    async with outages.suffering(tmp_path) as (on, reaches):
        await outages.suffer(on, reaches["redis"], ["kill"], rng)
        faults = ["kill", "reset in mid statement", "cut"]
        await outages.suffer(on, reaches["postgres"], faults, rng)
        assert await on.violations() == []


@pytest.mark.timeout(400)
async def test_i17_i35_a_full_disk_and_a_clock_that_is_set_cost_nothing_but_time(
    sqlite_template: Path, tmp_path: Path, rng: random.Random
) -> None:
    shift = tmp_path / "shift"
    shift.write_text("0")
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(machine.small_disk(tmp_path / "disk"))
        except machine.NoMount:
            pytest.skip("a small disk needs root")
        database = disk / "voltgate.db"
        shutil.copy(sqlite_template, database)
        settings = {"picture_directory": str(disk / "pictures")}
        async with stage(
            f"sqlite:///{database}",
            tmp_path,
            settings=settings,
            faults=Faults(clock_shift=shift),
            others=False,
        ) as on:
            assert await machine.fill_again_and_again(on, disk, rng, times=1) > 0
            await machine.set_the_clock(on, shift, rng, times=1)
            assert await on.violations() == []


@pytest.mark.timeout(400)
async def test_a_crowd_of_any_kind_keeps_nobody_else_waiting(
    database_url: str, tmp_path: Path, rng: random.Random
) -> None:
    """No descriptors left, partners and receivers without manners, chargers all at once."""
    faults = Faults(descriptors=machine.DESCRIPTORS)
    async with stage(database_url, tmp_path, faults=faults, others=False) as on:
        await machine.exhaust_descriptors(on, rng, times=1)
        on.node.faults = Faults()
        names = await crowd.register_herd(on, 50)
        assert (await crowd.stampede(on, names)).chargers == 50
        await crowd.bear_rude_partners(on, rng, each=3)
        await on.at_rest()
        assert await on.violations() == []
