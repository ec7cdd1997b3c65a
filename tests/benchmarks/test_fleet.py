"""A fleet, the node that dies under it, and the ledger that would tell of a loss."""

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.budgets import FLEET
from benchmarks.fleet import WRONG
from benchmarks.fleet import app as fleet_app
from benchmarks.habits import BackOff, Habits
from benchmarks.ledger import Ledger


@pytest.mark.timeout(120)
def test_a_small_fleet_lives_loses_its_node_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "fleet.json"
    size = ["--chargers", "6", "--minutes", "0.03", "--faster", "600"]
    short = ["--idle", "0", "--after", "0.5", "--spread", "0.5"]

    result = CliRunner().invoke(fleet_app, [*size, *short, "--json", str(file)])

    assert result.exit_code == 0, result.output
    (document,) = json.loads(file.read_text())
    figures = document["figures"]
    assert {name: figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0)
    assert figures["starts"] > 0
    assert figures["readings"] > 0
    assert figures["tries"] >= 6, "each came back by itself"
    assert figures["back_s"] > figures["serves_s"] > 0
    assert figures["generator_percent"] > 0
    assert {row.figure for row in FLEET} <= figures.keys()
    assert "acknowledged and lost" in result.output


async def test_what_was_acknowledged_and_is_not_stored_once_is_named(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            """
            CREATE TABLE sessions (number, id, reported_start_wh, reported_stop_wh);
            CREATE TABLE meter_values (session_id, energy_wh);
            CREATE TABLE orders (session_id);
            INSERT INTO sessions VALUES (1, 'a', 0, 300), (2, 'b', 0, NULL), (4, 'd', 0, NULL);
            INSERT INTO meter_values VALUES ('a', 100), ('a', 100), ('a', 300);
            INSERT INTO orders VALUES ('a');
            """
        )
    ledger = Ledger()
    for number in (1, 2, 3):
        ledger.started(number, 0)
    for number, wh in ((1, 300), (2, 500)):
        ledger.stopped(number, wh)
    for wh in (100, 200):
        ledger.metered(1, wh)

    found = await ledger.compare(f"sqlite+aiosqlite:///{file}")

    assert found["acknowledged"] == 7
    assert found["lost_rows"] == [
        "start of 3 at 0 Wh",
        "stop of 2 at 500 Wh",
        "order of 2",
        "reading of 1 at 200 Wh",
    ]
    assert found["doubled_rows"] == ["session 4, nobody's", "reading of 1 at 100 Wh, 2 times"]


def test_two_starts_with_one_transaction_are_told() -> None:
    ledger = Ledger()
    ledger.started(1, 0)
    ledger.started(1, 100)
    assert ledger.wrong == ["transaction 1, given to two starts"]


def test_a_charger_waits_longer_each_time_and_then_as_long_as_before() -> None:
    back_off, rng = BackOff(minimum_s=5, random_range_s=30, repeats=2), random.Random(1)  # noqa: S311 - chance of a load

    first_s = back_off.wait_s(rng, None, 0)
    second_s = back_off.wait_s(rng, first_s, 1)
    third_s = back_off.wait_s(rng, second_s, 2)

    assert 5 <= first_s <= 35
    assert 2 * first_s <= second_s <= 2 * first_s + 30
    assert 2 * second_s <= third_s <= 2 * second_s + 30
    assert back_off.wait_s(rng, third_s, 3) == third_s


def test_a_fifth_of_a_fleet_charges() -> None:
    assert Habits().share_charging == 0.2
    assert Habits().ramp_s(10_000) == 40
