"""What ``/metrics`` shows: one registry per process, filled where things happen.

Names begin with ``voltgate_`` and end with their unit; labels have few values, known in advance or
bounded by us, and never say who: no id, no address, no secret (I34). ``docs/operators/metrics.md``
is made from this page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    Summary,
    generate_latest,
)

REGISTRY: Final = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)  # process_*: CPU, memory, descriptors, start
PlatformCollector(registry=REGISTRY)  # python_info
GCCollector(registry=REGISTRY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A metric as Prometheus shows it; *name* is that of its samples, without ``_bucket``."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


CATALOGUE: Final[list[Described]] = []

_SHORT_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_LONG_S: Final = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 180, 600)


def _describe(name: str, kind: str, labels: Sequence[str], text: str) -> None:
    CATALOGUE.append(Described(name=name, kind=kind, labels=tuple(labels), text=text))


def _counter(name: str, text: str, *labels: str) -> Counter:
    _describe(name, "counter", labels, text)
    return Counter(name.removesuffix("_total"), text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    _describe(name, "gauge", labels, text)
    return Gauge(name, text, labels, registry=REGISTRY)


def _histogram(
    name: str, text: str, *labels: str, buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS
) -> Histogram:
    _describe(name, "histogram", labels, text)
    return Histogram(name, text, labels, registry=REGISTRY, buckets=buckets)


def _summary(name: str, text: str, *labels: str) -> Summary:
    _describe(name, "summary", labels, text)
    return Summary(name, text, labels, registry=REGISTRY)


# Chargers and their sockets.

CHARGERS_CONNECTED: Final = _gauge(
    "voltgate_chargers_connected", "OCPP sessions held by this process"
)
CONNECTIONS: Final = _counter(
    "voltgate_ocpp_connections_total", "Sockets of chargers that were let in", "version"
)
CONNECTIONS_CLOSED: Final = _counter(
    "voltgate_ocpp_connections_closed_total",
    "Sockets of chargers that ended, by WebSocket close code; 1006 is a lost connection",
    "code",
)
HANDSHAKES_REFUSED: Final = _counter(
    "voltgate_ocpp_handshakes_refused_total", "Logins refused", "reason"
)
TLS_FAILURES: Final = _counter(
    "voltgate_ocpp_tls_failures_total", "TLS handshakes that failed", "reason"
)
FRAMES: Final = _counter(
    "voltgate_ocpp_frames_total", "OCPP frames by direction and kind", "direction", "kind"
)
CALLS: Final = _histogram(
    "voltgate_ocpp_call_seconds", "From a charger's CALL to our answer", "action"
)
ASKED: Final = _histogram(
    "voltgate_ocpp_command_seconds",
    "From our CALL to the charger's answer; those that were never answered are not in it",
    "action",
)
COMMANDS: Final = _counter(
    "voltgate_commands_finished_total", "Commands to chargers by outcome", "status"
)
FRAME_LOG_WAITING: Final = _gauge(
    "voltgate_frame_log_waiting", "Frames that are not written yet; the oldest go beyond 20,000"
)
FRAME_LOG_DROPPED: Final = _counter(
    "voltgate_frame_log_dropped_total", "Frames that never reached the frame log"
)
SECURITY_EVENTS: Final = _counter(
    "voltgate_security_events_total",
    "Security events of chargers, or about them, by source and type",
    "source",
    "type",
)
CHARGER_EVENTS: Final = _counter(
    "voltgate_charger_events_total",
    "Events of chargers' components by severity (0 danger to 9 debug; unknown)",
    "severity",
)

# Operations, webhooks and their backlog.

OPERATIONS: Final = _counter(
    "voltgate_operations_finished_total",
    "Final transitions of partner operations",
    "type",
    "status",
)
OPERATION_SECONDS: Final = _histogram(
    "voltgate_operation_seconds",
    "From the acceptance of an operation to its final status",
    "type",
    "status",
    buckets=_LONG_S,
)
OPERATIONS_UNFINISHED: Final = _gauge(
    "voltgate_operations_unfinished",
    "Operations under way, of all nodes, as this worker last saw them",
    "type",
    "status",
)
WEBHOOK_ATTEMPTS: Final = _counter(
    "voltgate_webhook_attempts_total", "Attempts by outcome", "outcome"
)
WEBHOOK_SECONDS: Final = _histogram("voltgate_webhook_seconds", "Duration of an attempt")
WEBHOOK_ENDPOINTS_FAILING: Final = _gauge(
    "voltgate_webhook_endpoints_failing",
    "Enabled endpoints whose last attempt failed, of all partners",
)
WEBHOOK_OLDEST_DUE_SECONDS: Final = _gauge(
    "voltgate_webhook_oldest_due_seconds",
    "For how long the longest waiting delivery has been due, of all partners",
)
EVENTS_DELETED: Final = _counter("voltgate_events_deleted_total", "Events deleted at their age")

# The API.

REQUESTS: Final = _histogram(
    "voltgate_http_request_seconds",
    "API requests by application, method, route and status",
    "app",
    "method",
    "route",
    "status",
)
REQUESTS_LIMITED: Final = _counter(
    "voltgate_requests_limited_total", "Calls of partners beyond a limit", "bucket"
)
LIMITER_TOGETHER: Final = _gauge(
    "voltgate_limiter_counts_together",
    "1: all nodes count calls together in Redis; 0: each takes its share",
)
REQUEST_LOG_DROPPED: Final = _counter(
    "voltgate_request_log_dropped_total", "Calls of partners left out of the log"
)
SIGNALS_DROPPED: Final = _counter(
    "voltgate_conduct_signals_dropped_total",
    "Signals of partners that were not counted: too many at a time",
)

# The database, the doorbell, jobs, the process.

TRANSACTION_WAIT_SECONDS: Final = _histogram(
    "voltgate_db_wait_seconds",
    "From the wish for a transaction to its begin: the wait for a connection, or for SQLite's turn",
    buckets=_SHORT_S,
)
TRANSACTION_SECONDS: Final = _histogram(
    "voltgate_db_transaction_seconds",
    "From begin to end of a transaction, by outcome: committed, rolled_back, or unavailable "
    "(the database was away, or another transaction in the way)",
    "outcome",
    buckets=_SHORT_S,
)
COMMIT_SECONDS: Final = _histogram(
    "voltgate_db_commit_seconds", "Duration of a commit that succeeded", buckets=_SHORT_S
)
RINGS: Final = _counter(
    "voltgate_doorbell_rings_total",
    "Rings of the doorbell by what became of them: sent (to Redis), lost (it did not take them), "
    "skipped (it was known to be away), unread (a subscriber in this process was full)",
    "outcome",
)
REDIS_CONNECTED: Final = _gauge(
    "voltgate_doorbell_connected", "1: this process hears other nodes through Redis"
)
JOB_RUNS: Final = _counter(
    "voltgate_job_runs_total",
    "Passes of a job by outcome: succeeded, failed, or postponed (the database was away)",
    "name",
    "outcome",
)
BACKGROUND_FAILURES: Final = _counter(
    "voltgate_background_failures_total",
    "Times that work in the background raised what nobody expected, and was begun again",
    "work",
)
JOB_SECONDS: Final = _summary("voltgate_job_seconds", "Duration of a pass of a job", "name")
JOB_SUCCEEDED: Final = _gauge(
    "voltgate_job_last_success_timestamp_seconds", "Unix time of the last good pass", "name"
)
LOOP_LAG_SECONDS: Final = _histogram(
    "voltgate_event_loop_lag_seconds",
    "How late the event loop came to a timer: for so long everything in this process stood still",
    buckets=_SHORT_S,
)
ALERTS_OPEN: Final = _gauge(
    "voltgate_alerts_open",
    "Alerts that are not resolved, as this worker last saw them",
    "severity",
)
ALERT_NOTIFICATIONS: Final = _counter(
    "voltgate_alert_notifications_total",
    "Attempts to tell operators, by channel and outcome",
    "channel",
    "outcome",
)

COMMITTED: Final = TRANSACTION_SECONDS.labels("committed")
ROLLED_BACK: Final = TRANSACTION_SECONDS.labels("rolled_back")
UNAVAILABLE: Final = TRANSACTION_SECONDS.labels("unavailable")

_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 1011, 1012, 1013})


def close_code(code: int | None) -> str:
    """Return the label for a WebSocket close code; what a charger made up is one label only."""
    return str(code) if code in _CLOSE_CODES else "other"


def render() -> bytes:
    """Return the registry in the Prometheus text format."""
    return generate_latest(REGISTRY)
