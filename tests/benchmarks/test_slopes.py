"""A leak is told from a flat line, and from noise."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.slopes import Bound, slope_per_s, slopes
from benchmarks.soak import app as soak_app

MEMORY = Bound(figure="rss_mb", label="memory", per_hour=10, noise=5)


def leaks(values: list[float], *, every_s: float = 60) -> bool:
    samples = [{"at_s": n * every_s, "rss_mb": value} for n, value in enumerate(values)]
    (slope,) = slopes(samples, [MEMORY])
    return slope.leaks


def test_a_leak_is_told() -> None:
    assert leaks([200 + n * 0.5 for n in range(60)])  # 30 MB an hour


def test_a_flat_line_passes() -> None:
    rng = random.Random(1)  # noqa: S311 - noise
    assert not leaks([200.0] * 60)
    assert not leaks([200 + rng.uniform(-2, 2) for _ in range(60)])


def test_what_fills_during_the_warm_up_is_no_leak() -> None:
    assert not leaks([100 + min(n, 14) * 5 for n in range(60)])


def test_noise_of_a_short_run_is_no_leak_however_steep() -> None:
    assert not leaks([200 + n * 0.1 for n in range(10)], every_s=1)


def test_a_figure_that_was_not_sampled_has_no_slope() -> None:
    assert slopes([{"at_s": 0.0}], [MEMORY]) == []


def test_the_line_is_that_of_least_squares() -> None:
    assert slope_per_s([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert slope_per_s([(0, 1)]) == 0
    assert slope_per_s([]) == 0


@pytest.mark.timeout(120)
def test_a_short_soak_samples_what_must_not_grow(tmp_path: Path) -> None:
    file = tmp_path / "soak.json"
    size = ["--minutes", "0.1", "--chargers", "8", "--faster", "600", "--json", str(file)]

    result = CliRunner().invoke(soak_app, size)

    assert result.exit_code == 0, result.output
    (document,) = json.loads(file.read_text())
    figures = document["figures"]
    assert figures["starts"] > 0
    assert figures["webhooks"] > 0, "the partner hears of what it started"
    assert {"rss_mb", "tasks", "descriptors", "file_mb", "wal_mb"} <= figures["samples"][0].keys()
    assert [one["figure"] for one in document["slopes"] if one["leaks"]] == []
