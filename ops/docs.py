"""``python -m ops.docs``: write the pages that are made from code.

A test compares them with the code, so they are never out of date.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from core.alerts.kinds import KINDS, Explained
from core.kernel.metrics import CATALOGUE
from core.kernel.settings import Settings

_OPERATORS: Final = Path(__file__).parent.parent / "docs" / "operators"
SETTINGS_PAGE: Final = _OPERATORS / "settings.md"
ALERTS_PAGE: Final = _OPERATORS / "alerts.md"
METRICS_PAGE: Final = _OPERATORS / "metrics.md"
_KINDS_BEGIN: Final = "<!-- Made from core/alerts/kinds.py by `python -m ops.docs`. -->\n"
_KINDS_END: Final = "<!-- The end of what is made. -->\n"

_HEAD: Final = """\
# Settings

Made from the code by `python -m ops.docs`; edit `core/kernel/settings.py`.

Settings come from the environment, or from a file `.env` in the working directory; the
environment wins. Every default runs on one machine without any service. A value that cannot be
used ends the process at its start, with the variable's name. Durations are ISO 8601 (`PT60S`,
`P30D`) or a number of seconds; lists are separated by commas. The command line, the server and
every role read the same variables: give all processes of one platform the same ones, except for
`VOLTGATE_NODE_ID`.

With `VOLTGATE_ENVIRONMENT=production` a process refuses to start with a secret that is the
default or shorter than 32 characters, and with `VOLTGATE_WEBHOOK_ALLOW_INSECURE`. A good secret:

```sh
python3 -c 'import secrets; print(secrets.token_urlsafe(48))'
```

| Variable | Default | What it does |
|---|---|---|
"""


_METRICS_HEAD: Final = """\
# Metrics and traces

Made from the code by `python -m ops.docs`; edit `core/kernel/metrics.py` or `ops/docs.py`.

Every process serves `/metrics` on its operators' port (8081), in the text format of Prometheus and
without a login: keep that port inside. Labels never say who: no id, no address, no secret. Gauges
"of all nodes" are the same on each worker: take their maximum, not their sum.

- `deploy/grafana/voltgate.json`: a dashboard; import it and choose the data source.
- `deploy/prometheus/alerts.yml`: alert rules about processes that stand still, are slow, or are
  gone. What the platform notices about chargers, partners and its own work it tells by
  [alerts of its own](alerts.md), without Prometheus.

Both are tested against what a process serves.

```yaml
# prometheus.yml
rule_files: [alerts.yml]
scrape_configs:
  - job_name: voltgate
    static_configs: [{targets: ["voltgate-csms:8081", "voltgate-api:8081", "voltgate-worker:8081"]}]
```

## Traces

`pip install 'voltgate[otel]'` and `VOLTGATE_TRACES_ENDPOINT=http://collector:4318/v1/traces` send
traces by OTLP over HTTP; `VOLTGATE_TRACES_RATIO` is the share that is kept, decided by the trace's
id, so alike on all nodes. Without the variable nothing of it is imported, and a span costs one
call.

A partner that sends a `traceparent` (W3C Trace Context) with `start_charge` finds the same trace id
in the `traceparent` of the webhook that ends it. The spans in between: `POST /v1/start_charge`, its
`transaction`, `command RemoteStartTransaction` on the node that holds the charger,
`operation.succeeded` (linked to the charger's `frame StartTransaction`), `webhook` for each
attempt. They carry ids of operations, commands, events and deliveries, never what was said.

## Metrics

| Metric | Kind | Labels | What it tells |
|---|---|---|---|
"""


def metrics_page() -> str:
    """Return ``docs/operators/metrics.md``."""
    rows = "".join(
        f"| `{each.name}` | {each.kind} | {_names(each.labels)} | {each.text} |\n"
        for each in sorted(CATALOGUE, key=lambda each: each.name)
    )
    return f"{_METRICS_HEAD}{rows}{_METRICS_TAIL}"


_METRICS_TAIL: Final = """
And of the process, by the usual names: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_open_fds`, `process_max_fds`,
`process_start_time_seconds`, `python_gc_*`, `python_info`.
"""


def _names(labels: Sequence[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels) or "none"


def settings_page() -> str:
    """Return ``docs/operators/settings.md``."""
    return _HEAD + "".join(_rows())


def alerts_page(text: str) -> str:
    """Return ``docs/operators/alerts.md``: *text* with its table of kinds as the code has it."""
    before, _, rest = text.partition(_KINDS_BEGIN)
    _, _, after = rest.partition(_KINDS_END)
    head = "| Kind | Severity | What it means | What to do | Resolved |\n|---|---|---|---|---|\n"
    rows = "".join(
        f"| `{kind}` | {told.severity} | {told.means} | {told.advice} | {_resolved(told)} |\n"
        for kind, told in KINDS.items()
    )
    return f"{before}{_KINDS_BEGIN}\n{head}{rows}\n{_KINDS_END}{after}"


def _resolved(told: Explained) -> str:
    if told.resolved_when is not None:
        return told.resolved_when
    if told.ends_after is None:
        return "by you"
    days, rest = divmod(told.ends_after, timedelta(days=1))
    span = f"{days} days" if days else f"{rest // timedelta(hours=1)} h"
    return f"{span} after it was last seen"


def _rows() -> Iterator[str]:
    own = [name for name in Settings.model_fields if name in Settings.__annotations__]
    for name in [*own, *(name for name in Settings.model_fields if name not in own)]:
        field = Settings.model_fields[name]
        text = field.description or ""
        choices = _choices(field)
        if choices:
            text = f"{text} One of {choices}."
        yield f"| `VOLTGATE_{name.upper()}` | {_default(field)} | {text} |\n"


def _choices(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{value}`" for value in kind)
    return ""


def _default(field: FieldInfo) -> str:
    """Return a default as it would be written in the environment."""
    if field.default_factory is not None:
        return "host name and process id"
    match field.default:
        case SecretStr():
            return "a fixed one, for development"
        case None | ():
            return "none"
        case bool() as value:
            return f"`{str(value).lower()}`"
        case timedelta() as value:
            return f"`{_iso(value)}`"
        case value:
            return f"`{value}`"


def _iso(duration: timedelta) -> str:
    if duration.days and not duration.seconds:
        return f"P{duration.days}D"
    return f"PT{int(duration.total_seconds())}S"


def main() -> None:
    """Write every page."""
    SETTINGS_PAGE.parent.mkdir(parents=True, exist_ok=True)
    METRICS_PAGE.write_text(metrics_page())
    SETTINGS_PAGE.write_text(settings_page())
    ALERTS_PAGE.write_text(alerts_page(ALERTS_PAGE.read_text()))


if __name__ == "__main__":
    main()
