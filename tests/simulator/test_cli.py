"""The command line, as a user sees it."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulator.cli import app
from tests.simulator.central import PASSWORD, Central


async def _sim(*arguments: str, interrupt: asyncio.Event | None = None) -> tuple[int, str]:
    """Run ``voltgate-sim`` in a process of its own; return exit code and output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulator.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "VOLTGATE_SIM_PASSWORD": PASSWORD, "COLUMNS": "200"},
    )
    if interrupt is not None:
        await interrupt.wait()
        process.send_signal(signal.SIGINT)
    output, _ = await process.communicate()
    return int(process.returncode or 0), output.decode()


async def test_run_shows_both_directions_and_writes_the_ledger(
    central: Central, tmp_path: Path
) -> None:
    book = tmp_path / "ledger.json"
    arguments = ["run", "--url", central.url, "--identity", "CP-7", "--speed", "60"]
    running = asyncio.Event()
    task = asyncio.ensure_future(
        _sim(*arguments, "--start", "TAG", "--ledger", str(book), interrupt=running)
    )
    await central.until(lambda: central.of("StartTransaction"), timeout_s=30)
    await central.until(lambda: central.of("MeterValues"), timeout_s=30)
    running.set()
    code, output = await task
    assert code == 0, output
    assert "CP-7 -> BootNotification" in output
    assert "CP-7 <- BootNotification callresult" in output
    assert "Traceback" not in output
    assert PASSWORD not in output
    (ledger,) = json.loads(book.read_text())
    assert ledger["identity"] == "CP-7"
    (transaction,) = ledger["transactions"]
    assert transaction["token"] == "TAG"
    assert transaction["stop_reason"] == "Local"
    assert transaction["acknowledged"]


async def test_fleet_ends_after_its_duration_with_a_summary(central: Central) -> None:
    code, output = await _sim(
        "fleet", "--count", "4", "--url", central.url, "--duration", "1", "--speed", "60"
    )
    assert code == 0, output
    assert "4 of 4" in output
    assert {call.identity for call in central.calls} == {f"SIM-{n}" for n in range(1, 5)}


async def test_scenario_reports_its_end(central: Central) -> None:
    arguments = ["--url", central.url, "--speed", "1000", "--quiet"]
    code, output = await _sim("scenario", "power_cut", *arguments)
    assert code == 0, output
    assert "all 5 steps held" in output
    code, output = await _sim("scenario", "no-such-file.toml", *arguments)
    assert code == 1
    assert "No such file" in output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["behaviours"], "SIM-METERGAP"),
        (["steps"], "start_local"),
        (["run", "--help"], "VOLTGATE_SIM_PASSWORD"),
    ],
)
def test_help_tables(arguments: list[str], expected: str) -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    assert result.exit_code == 0
    assert expected in result.stdout


def test_unknown_behaviour_is_explained() -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["run", "--behaviour", "sleepy"])
    assert result.exit_code == 2
    assert "no behaviour 'sleepy'" in result.output
