"""What the command line shows: frames as lines, fleets and behaviours as tables."""

import json
from dataclasses import fields
from enum import StrEnum

from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulator.behaviours import PLANS
from simulator.clock import timestamp
from simulator.fleet import Summary
from simulator.ledger import Ledger
from simulator.quirk_hooks import known_quirks
from simulator.station import Frame
from simulator.steps import STEPS
from simulator.switches import Switches

WIDTH = 160
_STYLES = {"CALL": "bold", "CALLRESULT": "dim", "CALLERROR": "bold red"}


def frame_line(frame: Frame) -> Text:
    """Return a frame as one line: time, charger, direction, action, payload."""
    arrow = "->" if frame.sent else "<-"
    name = frame.action if frame.type == "CALL" else f"{frame.action} {frame.type.lower()}"
    payload = json.dumps(frame.payload, separators=(",", ":"), ensure_ascii=False)
    if len(payload) > WIDTH:
        payload = f"{payload[:WIDTH]}..."
    line = Text(
        f"{timestamp(frame.at)[11:23]} {frame.identity} {arrow} ",
        no_wrap=True,
        overflow="ellipsis",
    )
    line.append(name, style=_STYLES[frame.type])
    line.append(f" {payload}")
    return line


def say_frame(console: Console, frame: Frame) -> None:
    """Print a frame."""
    console.print(frame_line(frame), soft_wrap=True)


def behaviours_table() -> Table:
    """Return what each behaviour does and what a partner sees of it."""
    table = Table("behaviour", "test station", "what the charger does", "what a partner sees")
    for behaviour, plan in PLANS.items():
        table.add_row(behaviour.value, f"SIM-{behaviour.name}", plan.summary, plan.expected)
    return table


def steps_table() -> Table:
    """Return the steps of scenario files."""
    table = Table("do", "what happens", "needs", "takes")
    for name, step in STEPS.items():
        takes = " ".join(sorted(step.optional))
        table.add_row(name, step.summary, " ".join(sorted(step.required)), takes)
    return table


def switches_table() -> Table:
    """Return the switches of a charger and what they can be."""
    table = Table("switch", "values", "unless told")
    for field in fields(Switches):
        default = field.default
        values = (
            ", ".join(type(default)) if isinstance(default, StrEnum) else type(default).__name__
        )
        table.add_row(field.name, values, str(default).lower())
    return table


def quirks_table() -> Table:
    """Return the quirks a charger can have."""
    table = Table("quirk", "what the charger does")
    for name, make in sorted(known_quirks().items()):
        table.add_row(name, make().summary)
    return table


def fleet_table(summary: Summary, *, title: str) -> Table:
    """Return the totals of a fleet."""
    table = Table(title=title, show_header=False)
    rows: list[tuple[str, object]] = [
        ("chargers online", f"{summary.online} of {summary.chargers}"),
        ("connections", summary.connections),
        ("transactions", f"{summary.transactions}, {summary.finished} ended"),
        ("energy", f"{summary.energy_wh / 1000:.1f} kWh"),
        ("calls sent and received", summary.frames),
        ("transaction messages not acknowledged", summary.unacknowledged),
        ("errors", _counted(summary.errors)),
        ("connections refused", _counted(summary.refusals)),
    ]
    for name, value in rows:
        table.add_row(name, str(value))
    return table


def _counted(counts: dict[str, int]) -> str:
    if not counts:
        return "none"
    worst = sorted(counts.items(), key=lambda item: -item[1])[:5]
    return "\n".join(f"{count} x {what}" for what, count in worst)


def ledger_table(ledger: Ledger) -> Table:
    """Return the transactions of one charger."""
    columns = ("#", "con", "token", "id", "started", "ended", "Wh", "reason", "acked")
    table = Table(*columns, title=f"{ledger.identity}: {sum(ledger.sent.values())} calls sent")
    for entry in ledger.transactions():
        ended = timestamp(entry.ended_at)[11:19] if entry.ended_at else "-"
        table.add_row(
            str(entry.ref),
            str(entry.connector),
            entry.token,
            entry.transaction_id or "-",
            timestamp(entry.started_at)[11:19],
            ended,
            "-" if entry.energy_wh is None else str(entry.energy_wh),
            entry.stop_reason or "-",
            "yes" if entry.acknowledged else "no",
        )
    return table
