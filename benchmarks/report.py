"""One table for people, one document for later runs to compare with."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.budgets import ROWS, Measured, Row, verdict
from benchmarks.measuring import Figures

RESULTS: Final = Path(__file__).parent / "results"
LIBRARIES: Final = (
    "voltgate",
    "websockets",
    "uvloop",
    "sqlalchemy",
    "aiosqlite",
    "asyncpg",
    "fastapi",
    "ocpp",
)
_COLOURS: Final = {"aim": "green", "must": "yellow", "missed": "red"}
_SATURATED: Final = 85.0
"""Percent of its core above which the load generator may be what is measured."""


def table(
    title: str, measured: Measured, *, rows: Sequence[Row] = ROWS, beside: str = "reference"
) -> Table:
    """Return the figures beside what they must be, should be, and are of the reference."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    made.add_column("figure", no_wrap=True)
    for name in ("Voltgate", "must", "aim", "", beside):
        made.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        value = row.value(measured)
        if value is None:
            continue
        said = verdict(row, value)
        colour = _COLOURS.get(said, "default")
        made.add_row(
            row.label,
            f"[{colour}]{_number(value)}[/{colour}]",
            _number(row.must),
            _number(row.aim),
            f"[{colour}]{said}[/{colour}]",
            _number(row.reference(measured)) if row.of == "the platform's" else "",
        )
    return made


def print_table(console: Console, title: str, measured: Measured) -> None:
    """Print the table, and where the load generator itself was the limit."""
    console.print(table(title, measured))
    busy = [
        f"{scenario} on {kind}"
        for (scenario, kind), figures in measured.items()
        if figures.get("generator_percent", 0) > _SATURATED
    ]
    if busy:
        console.print(
            f"[yellow]The load generator was busy above {_SATURATED:.0f} % of its core, so rates "
            f"may be its own limit: {', '.join(busy)}.[/yellow]"
        )


def document(
    *,
    database: str,
    machine: Mapping[str, Any],
    settings: Mapping[str, Any],
    rounds: Mapping[tuple[str, str], list[Figures]],
    measured: Measured,
    failures: Sequence[str],
) -> dict[str, Any]:
    """Return everything of one database as a JSON document."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": database,
        "machine": dict(machine),
        "versions": {name: version(name) for name in LIBRARIES},
        "settings": dict(settings),
        "rows": [
            {
                "figure": row.label,
                "value": value,
                "must": row.must,
                "aim": row.aim,
                "reference": row.reference(measured) if row.of == "the platform's" else None,
                "verdict": verdict(row, value),
            }
            for row in ROWS
            if (value := row.value(measured)) is not None
        ],
        "rounds": [
            {"scenario": scenario, "server": kind, "figures": figures}
            for (scenario, kind), figures in rounds.items()
        ],
        "failures": list(failures),
    }


def this_machine() -> dict[str, Any]:
    """Return what the figures depend on besides the code."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_at_start": round(psutil.getloadavg()[0], 2),
    }


def save(documents: list[dict[str, Any]], file: Path) -> None:
    """Write documents to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(documents, indent=1) + "\n")


def results_file() -> Path:
    """Return where the results of a run are recorded."""
    return RESULTS / f"{datetime.now(UTC):%Y-%m-%d-%H%M}.json"


def file_of(kind: str) -> Path:
    """Return where a run of a kind, such as a storm, is recorded."""
    return RESULTS / f"{kind}-{datetime.now(UTC):%Y-%m-%d-%H%M}.json"


def record(scenario: str, machine: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run of one scenario found, as a JSON document."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scenario": scenario,
        "machine": dict(machine),
        "versions": {name: version(name) for name in LIBRARIES},
        **found,
    }


def last_of(kind: str, found: Mapping[str, Any], *, alike: Sequence[str]) -> dict[str, Any] | None:
    """Return the newest recorded run of a kind on such a database; *alike* are equal settings."""
    for file in sorted(RESULTS.glob(f"{kind}-*.json"), reverse=True):
        for one in json.loads(file.read_text()):
            is_same = one["database"].split()[0] == found["database"].split()[0]
            if is_same and all(one["settings"].get(n) == found["settings"][n] for n in alike):
                return dict(one)
    return None


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - digits


def _cpu_model() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()
