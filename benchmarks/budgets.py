"""What the figures may be: limits that must hold, and aims. Lower is better unless it says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.measuring import Figures

Measured = Mapping[tuple[str, str], Figures]
"""Medians by scenario and kind of server."""


class Of(StrEnum):
    """Which figure a row shows."""

    PLATFORM = "the platform's"
    FRAMES = "what the frame log adds to the platform's"
    TIMES = "the platform's divided by the reference's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table. *more* is better: a rate, a ratio."""

    scenario: str
    label: str
    figure: str
    must: float | None = None
    aim: float | None = None
    more: bool = False
    of: Of = Of.PLATFORM

    def value(self, measured: Measured) -> float | None:
        """Return the row's figure, ``None`` if it was not measured."""
        mine = measured.get((self.scenario, "voltgate"), {}).get(self.figure)
        match self.of:
            case Of.PLATFORM:
                return mine
            case Of.FRAMES:
                other = measured.get((self.scenario, "frames"), {}).get(self.figure)
                return None if mine is None or other is None else other - mine
            case Of.TIMES:
                other = self.reference(measured)
                return None if mine is None or not other else mine / other

    def reference(self, measured: Measured) -> float | None:
        """Return the same figure of the reference, ``None`` if there is none."""
        return measured.get((self.scenario, "reference"), {}).get(self.figure)


def _messages(
    scenario: str, name: str, *, must: float, aim: float, times: bool = False
) -> list[Row]:
    ratio = Row(
        scenario=scenario,
        label=f"{name}: times reference",
        figure="per_second",
        must=8,
        aim=15,
        more=True,
        of=Of.TIMES,
    )
    return [
        Row(scenario=scenario, label=f"{name}: messages/s", figure="per_second", more=True),
        *([ratio] if times else []),
        Row(
            scenario=scenario,
            label=f"{name}: CPU us/message",
            figure="cpu_us",
            must=must,
            aim=aim,
        ),
        Row(
            scenario=scenario,
            label=f"{name}: CPU us of frame log",
            figure="cpu_us",
            must=80,
            aim=40,
            of=Of.FRAMES,
        ),
        Row(scenario=scenario, label=f"{name}: answer p50, ms", figure="p50_ms"),
        Row(scenario=scenario, label=f"{name}: answer p99, ms", figure="p99_ms"),
    ]


def _row(
    scenario: str, label: str, figure: str, must: float | None = None, aim: float | None = None
) -> Row:
    more = figure == "per_second"
    return Row(scenario=scenario, label=label, figure=figure, must=must, aim=aim, more=more)


ROWS: Final = (
    *_messages("heartbeat", "Heartbeat", must=200, aim=100),
    *_messages("status", "Status", must=250, aim=120),
    *_messages("meter_values", "MeterValues", must=350, aim=180, times=True),
    *_messages("transaction_cycle", "cycle", must=400, aim=200, times=True),
    _row("connect_boot", "connect + boot: CPU ms", "cpu_ms", 2.5, 1),
    Row(
        scenario="connect_boot", label="connect + boot: chargers/s", figure="per_second", more=True
    ),
    _row("statuses_at_once", "50 statuses at once: median, ms", "p50_ms"),
    _row("statuses_at_once", "50 statuses at once: worst, ms", "p100_ms", 2000, 1000),
    _row("statuses_at_once", "50 statuses at once: errors", "errors", 0),
    _row("reconnect_at_once", "1,000 cut off at once: all back after, s", "back_s", 10, 5),
    _row("reconnect_at_once", "1,000 cut off at once: errors", "errors", 0),
    _row("reconnect_at_once", "  tries in vain", "retries"),
    _row("reconnect_at_once", "  CPU ms of a charger", "cpu_ms"),
    _row("start_latency", "start to charger: p50, ms", "p50_ms", 5, 2.5),
    _row("start_latency", "start to charger: p99, ms", "p99_ms", 20, 10),
    _row("start_latency_loaded", "start to charger, loaded: p99, ms", "p99_ms", 20, 10),
    Row(
        scenario="start_latency_loaded",
        label="  readings/s behind it, of 120",
        figure="background_per_second",
        more=True,
    ),
    _row("start_charge_rate", "start_charge, 8 clients: starts/s", "per_second", 480, 1000),
    _row("start_charge_rate", "start_charge, 8 clients: CPU us", "cpu_us", 2000, 1000),
    Row(scenario="webhook_latency", label="start to webhook: p50, ms", figure="p50_ms"),
    _row("webhook_latency", "start to webhook: p99, ms", "p99_ms", 100, 30),
    _row("webhook_rate", "webhooks/s", "per_second", 500, 1500),
    Row(scenario="webhook_rate", label="webhooks: CPU us", figure="cpu_us"),
    Row(scenario="noisy_neighbour", label="neighbour alone: p50, ms", figure="p50_ms"),
    Row(scenario="noisy_neighbour", label="neighbour alone: p99, ms", figure="p99_ms"),
    Row(scenario="noisy_neighbour", label="  beside noise: p50, ms", figure="beside_p50_ms"),
    Row(scenario="noisy_neighbour", label="  beside noise: p99, ms", figure="beside_p99_ms"),
    _row("noisy_neighbour", "  p99 moved by, %", "p99_moved_percent", 20, 5),
    _row("noisy_neighbour", "noise that passed, % of its limit", "passed_percent", 105, 100),
    Row(
        scenario="noisy_neighbour",
        label="noise that passed, % of its calls",
        figure="share_passed_percent",
    ),
    Row(scenario="noisy_neighbour", label="an accepted call: CPU us", figure="accepted_us"),
    _row("noisy_neighbour", "a refused call: CPU us", "refused_us", 500, 250),
    _row("status_fan_out", "status to 50 streams: p50, ms", "p50_ms"),
    _row("status_fan_out", "status to 50 streams: p99, ms", "p99_ms"),
    _row("status_fan_out", "  from first to last of 50: p99, ms", "spread_p99_ms"),
    _row("recovery", "killed: serves again after, s", "serves_s"),
    _row("recovery", "  all are back after, s", "back_s"),
    _row("recovery", "  first queued webhook after, s", "first_webhook_s"),
    _row("recovery", "  last queued webhook after, s", "last_webhook_s"),
    _row("recovery", "killed: acknowledged and lost", "lost", 0),
    _row("recovery", "killed: stored twice", "doubled", 0),
    _row("recovery", "killed: errors", "errors", 0),
)


def _fleet(
    label: str,
    figure: str,
    must: float | None = None,
    aim: float | None = None,
    *,
    more: bool = False,
) -> Row:
    return Row(scenario="fleet", label=label, figure=figure, must=must, aim=aim, more=more)


FLEET: Final = (
    _fleet("connected and booted: chargers/s", "booted_per_second", 333, 833, more=True),
    _fleet("  all of them after, s", "booted_s"),
    _fleet("  errors meanwhile", "join_errors", 0),
    _fleet("  CPU ms of a charger", "boot_cpu_ms", 2.5, 1),
    _fleet("memory of an idle connection, KB", "idle_kb", 30, 20),
    _fleet("memory of the idle server, MB", "idle_rss_mb", 400, 250),
    _fleet("mix: messages/s", "per_second"),
    _fleet("mix: answer p50, ms", "p50_ms"),
    _fleet("mix: answer p99, ms", "p99_ms", 250, 100),
    _fleet("mix: answer p99.9, ms", "p99.9_ms"),
    _fleet("mix: errors", "errors", 0),
    _fleet("mix: server, % of a core", "server_percent"),
    _fleet("mix: database, % of a core", "database_percent"),
    _fleet("mix: load generator, % of a core", "generator_percent"),
    _fleet("mix: largest memory of the server, MB", "peak_rss_mb"),
    _fleet("killed: serves again after, s", "serves_s"),
    _fleet("killed: all are back after, s", "back_s", 120, 60),
    _fleet("killed: errors", "errors_after", 0),
    _fleet("acknowledged and lost", "lost", 0),
    _fleet("stored twice", "doubled", 0),
    _fleet("findings of the doctor", "findings", 0),
)
"""Rows of ``python -m benchmarks.fleet``."""


def _webhooks(label: str, figure: str, must: float | None = None, aim: float | None = None) -> Row:
    return Row(scenario="webhooks", label=label, figure=figure, must=must, aim=aim)


WEBHOOKS: Final = (
    _webhooks("webhooks taken/s", "per_second"),
    _webhooks("  all of them after, s", "took_s"),
    _webhooks("  of so many transactions", "transactions"),
    _webhooks("attempts", "attempts"),
    _webhooks("  answered with 500", "refused"),
    _webhooks("  never answered", "hung"),
    _webhooks("lost", "lost", 0),
    _webhooks("not marked as delivered", "undelivered", 0),
    _webhooks("sent again after a 2xx", "doubled"),
    _webhooks("  % of the webhooks", "doubled_percent", 0.01, 0),
    _webhooks("  at a kill", "doubled_a_kill"),
    _webhooks("  without a kill", "doubled_without_kill"),
    _webhooks("errors of chargers", "errors", 0),
    _webhooks("transactions lost or doubled", "transactions_lost", 0),
    _webhooks("findings of the doctor", "findings", 0),
)
"""Rows of ``python -m benchmarks.webhooks``."""


def verdict(row: Row, value: float) -> str:
    """Return ``aim``, ``must`` or ``missed``: how far a figure got; empty without a limit."""
    for name, limit in (("aim", row.aim), ("must", row.must)):
        if limit is not None and (value >= limit if row.more else value <= limit):
            return name
    return "" if row.must is None else "missed"
