"""The benchmarks run and say something; how fast anything is, is not for a test."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.budgets import ROWS, Of, Row, verdict
from benchmarks.databases import backend
from benchmarks.measuring import times_of
from benchmarks.neighbours import most_in_a_minute
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import KINDS
from benchmarks.storm import app as storm_app


@pytest.mark.timeout(120)
def test_a_short_run_gives_figures_beside_the_reference(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    options = ["--seconds", "0.1", "--rounds", "1", "--chargers", "2", "--json", str(file)]
    chosen = ["-s", "transaction_cycle", "-s", "webhook_latency", "-s", "noisy_neighbour"]
    servers = ["--server", "voltgate", "--server", "reference"]

    result = CliRunner().invoke(app, [*options, *chosen, *servers])

    assert result.exit_code == 0, result.output
    (document,) = json.loads(file.read_text())
    rows = {row["figure"]: row for row in document["rows"]}
    assert rows["cycle: messages/s"]["value"] > 0
    assert rows["cycle: messages/s"]["reference"] > 0
    assert rows["cycle: CPU us/message"]["must"] == 400
    assert rows["start to webhook: p99, ms"]["value"] > 0
    assert 99 <= rows["noise that passed, % of its limit"]["value"] <= 105
    assert document["machine"]["cores"] >= 1
    assert "cycle: messages/s" in result.output


@pytest.mark.timeout(120)
def test_a_small_storm_reaches_every_partner(tmp_path: Path) -> None:
    file = tmp_path / "storm.json"
    size = ["--connectors", "4", "--changes", "2", "--partners", "2"]

    result = CliRunner().invoke(storm_app, [*size, "--webhooks", "--json", str(file)])

    assert result.exit_code == 0, result.output
    (document,) = json.loads(file.read_text())
    figures = document["figures"]
    assert figures["statuses"] == 8
    assert figures["heard"] >= 2 * 4, "each connector's last state, by each partner"
    assert figures["events"] >= 2 * 4
    assert figures["deliveries_delivered"] == figures["heard"]
    assert figures["peak_rss_mib"] > 1


def test_an_unknown_scenario_is_named_with_those_there_are() -> None:
    result = CliRunner().invoke(app, ["--scenario", "teleport"])
    assert result.exit_code == 2
    assert "teleport" in result.output
    assert "heartbeat" in result.output


def test_every_row_belongs_to_a_scenario_and_every_scenario_to_a_server() -> None:
    assert {row.scenario for row in ROWS} == set(SCENARIOS)
    assert {kind for scenario in SCENARIOS.values() for kind in scenario.on} == set(KINDS)


@pytest.mark.parametrize(
    ("value", "more", "expected"),
    [
        (50, False, "aim"),
        (150, False, "must"),
        (250, False, "missed"),
        (250, True, "aim"),
        (150, True, "missed"),
    ],
)
def test_a_figure_is_judged_in_its_direction(value: float, more: bool, expected: str) -> None:
    row = Row(scenario="s", label="l", figure="f", must=200, aim=220 if more else 100, more=more)
    assert verdict(row, value) == expected


def test_derived_rows_need_both_servers() -> None:
    times = Row(scenario="s", label="l", figure="f", of=Of.TIMES)
    added = Row(scenario="s", label="l", figure="f", of=Of.FRAMES)
    measured = {("s", "voltgate"): {"f": 30.0}, ("s", "reference"): {"f": 10.0}}
    assert times.value(measured) == 3
    assert added.value(measured) is None
    assert added.value(measured | {("s", "frames"): {"f": 34.0}}) == 4


def test_percentiles_are_of_what_was_measured() -> None:
    assert times_of([0.001 * number for number in range(1, 101)]) == {
        "p50_ms": 50,
        "p99_ms": 99,
    }
    assert times_of([]) == {}


def test_a_minute_is_any_minute() -> None:
    assert most_in_a_minute([]) == 0
    assert most_in_a_minute([0.0, 1.0, 59.0, 60.5, 61.0]) == 4


def test_a_database_is_named_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOLTGATE_TEST_POSTGRES_URL", raising=False)
    assert not backend("sqlite").is_postgres
    assert backend("postgresql+asyncpg://u@h/d").url == "postgresql://u@h/d"
    with pytest.raises(ValueError, match="VOLTGATE_TEST_POSTGRES_URL"):
        backend("postgresql")
    with pytest.raises(ValueError, match="mysql"):
        backend("mysql://h/d")
