"""Every metric is named as Prometheus wants it; dashboards and alert rules ask for no other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from core.kernel import metrics
from ops.docs import METRICS_PAGE, metrics_page

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "voltgate.json"
RULES = DEPLOY / "prometheus" / "alerts.yml"

UNITS = ("_seconds", "_bytes", "_total")
COUNTED_NOW = {  # gauges of things, which have no unit
    "voltgate_alerts_open",
    "voltgate_chargers_connected",
    "voltgate_doorbell_connected",
    "voltgate_frame_log_waiting",
    "voltgate_limiter_counts_together",
    "voltgate_operations_unfinished",
    "voltgate_webhook_endpoints_failing",
}
SAMPLES = {
    "counter": ("",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("_count", "_sum"),
}
ADDED = {"le", "job", "instance"}
"""Labels of histograms, and those that Prometheus adds to each target."""
FORBIDDEN = re.compile(r"(^|_)(id|key|token|identity|address|partner|charger|secret|user)($|_)")


@pytest.mark.parametrize("described", metrics.CATALOGUE, ids=lambda described: described.name)
def test_i34_a_metric_has_a_prefix_a_unit_and_labels_that_name_nobody(
    described: metrics.Described,
) -> None:
    assert described.name.startswith("voltgate_")
    assert described.name.endswith(UNITS) or described.name in COUNTED_NOW
    assert described.name.endswith("_total") == (described.kind == "counter")
    assert not [label for label in described.labels if FORBIDDEN.search(label)]
    assert described.text


def test_the_page_of_metrics_is_made_from_the_code() -> None:
    assert METRICS_PAGE.read_text() == metrics_page(), "run: python -m ops.docs"


async def test_dashboards_and_alerts_ask_for_metrics_that_there_are(
    anybody: httpx2.AsyncClient,
) -> None:
    shown = (await anybody.get("/metrics")).text
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", shown, re.MULTILINE))
    served = {f"{name}{end}" for name, kind in kinds.items() for end in SAMPLES.get(kind, ("",))}
    labels = {
        f"{described.name}{end}": {*described.labels, *ADDED}
        for described in metrics.CATALOGUE
        for end in SAMPLES[described.kind]
    }
    assert set(labels) <= served
    for expression in [*_panels(), *_rules()]:
        names = set(re.findall(r"\b(?:voltgate|process|python)_\w+", expression))
        assert names, expression
        assert names <= served, expression
        grouped = re.findall(r"\bby \(([^)]*)\)", expression)
        wanted = {label.strip() for group in grouped for label in group.split(",")}
        for name, matchers in re.findall(r"(voltgate_\w+)\{([^}]*)\}", expression):
            matched = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert matched <= labels[name], expression
        known = set().union(*(labels.get(name, ADDED) for name in names))
        assert wanted <= known, expression


def test_every_alert_says_what_it_means_and_how_bad_it_is() -> None:
    for rule in _alerts():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert {"summary", "description"} <= set(rule["annotations"])


def _panels() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def _alerts() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def _rules() -> Iterator[str]:
    for rule in _alerts():
        yield rule["expr"]
