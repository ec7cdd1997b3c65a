"""What ``/metrics`` shows; a registry per process, filled where things happen."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY: Final = CollectorRegistry(auto_describe=True)

CHARGERS_CONNECTED: Final = Gauge(
    "voltgate_chargers_connected", "OCPP sessions held by this process", registry=REGISTRY
)
FRAMES: Final = Counter(
    "voltgate_ocpp_frames",
    "OCPP frames by direction and kind",
    ["direction", "kind"],
    registry=REGISTRY,
)
CALLS: Final = Histogram(
    "voltgate_ocpp_call_seconds",
    "From a charger's CALL to our answer",
    ["action"],
    registry=REGISTRY,
)
HANDSHAKES_REFUSED: Final = Counter(
    "voltgate_ocpp_handshakes_refused", "Logins refused", ["reason"], registry=REGISTRY
)
SECURITY_EVENTS: Final = Counter(
    "voltgate_security_events",
    "Security events of chargers, or about them, by source and type",
    ["source", "type"],
    registry=REGISTRY,
)
TLS_FAILURES: Final = Counter(
    "voltgate_ocpp_tls_failures", "TLS handshakes that failed", ["reason"], registry=REGISTRY
)
OPERATIONS: Final = Counter(
    "voltgate_operations_finished",
    "Final transitions of partner operations",
    ["type", "status"],
    registry=REGISTRY,
)
COMMANDS: Final = Counter(
    "voltgate_commands_finished", "Commands to chargers by outcome", ["status"], registry=REGISTRY
)
WEBHOOK_ATTEMPTS: Final = Counter(
    "voltgate_webhook_attempts", "Attempts by outcome", ["outcome"], registry=REGISTRY
)
WEBHOOK_SECONDS: Final = Histogram(
    "voltgate_webhook_seconds", "Duration of an attempt", registry=REGISTRY
)
WEBHOOK_ENDPOINTS_FAILING: Final = Gauge(
    "voltgate_webhook_endpoints_failing",
    "Enabled endpoints whose last attempt failed, of all partners",
    registry=REGISTRY,
)
WEBHOOK_OLDEST_DUE_SECONDS: Final = Gauge(
    "voltgate_webhook_oldest_due_seconds",
    "For how long the longest waiting delivery has been due, of all partners",
    registry=REGISTRY,
)
EVENTS_DELETED: Final = Counter(
    "voltgate_events_deleted", "Events deleted at their age", registry=REGISTRY
)
JOB_FAILURES: Final = Counter(
    "voltgate_job_failures", "Passes of a job that failed", ["job"], registry=REGISTRY
)
ALERTS_OPEN: Final = Gauge(
    "voltgate_alerts_open",
    "Alerts that are not resolved, as this worker last saw them",
    ["severity"],
    registry=REGISTRY,
)
ALERT_NOTIFICATIONS: Final = Counter(
    "voltgate_alert_notifications",
    "Attempts to tell operators, by channel and outcome",
    ["channel", "outcome"],
    registry=REGISTRY,
)
REQUESTS: Final = Histogram(
    "voltgate_http_request_seconds",
    "API requests by application, method, route and status",
    ["app", "method", "route", "status"],
    registry=REGISTRY,
)
REQUESTS_LIMITED: Final = Counter(
    "voltgate_requests_limited", "Calls of partners beyond a limit", ["bucket"], registry=REGISTRY
)
REQUEST_LOG_DROPPED: Final = Counter(
    "voltgate_request_log_dropped", "Calls of partners left out of the log", registry=REGISTRY
)
SIGNALS_DROPPED: Final = Counter(
    "voltgate_conduct_signals_dropped",
    "Signals of partners that were not counted: too many at a time",
    registry=REGISTRY,
)


def render() -> bytes:
    """Return the registry in the Prometheus text format."""
    return generate_latest(REGISTRY)
