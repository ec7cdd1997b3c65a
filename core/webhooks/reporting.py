"""What metrics and the log say of an attempt."""

import structlog

from core.kernel.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_SECONDS
from core.kernel.times import rfc3339_or_none
from core.webhooks.recording import Failure, Outcome
from core.webhooks.states import DeliveryStatus

log = structlog.get_logger()


def report(outcome: Outcome, failure: Failure | None) -> None:
    """Count and log an attempt, after the commit."""
    claim, result = outcome.claim, outcome.result
    facts = {
        "delivery_id": claim.id,
        "event_id": claim.event_id,
        "endpoint_id": claim.endpoint_id,
        "attempt": claim.attempts + 1,
        "http_status": None if result is None else result.status_code,
    }
    if result is not None:
        WEBHOOK_SECONDS.observe(result.duration_ms / 1000)
    if outcome.is_delivered:
        WEBHOOK_ATTEMPTS.labels("delivered").inc()
        log.debug("webhook_delivered", **facts)
        return
    WEBHOOK_ATTEMPTS.labels("failed").inc()
    error = None if result is None or result.error is None else str(result.error)
    retry_at = rfc3339_or_none(None if failure is None else failure.retry_at)
    log.warning("webhook_failed", error=error, retry_at=retry_at, **facts)
    if failure is None:
        return
    if failure.status is DeliveryStatus.DEAD:
        WEBHOOK_ATTEMPTS.labels("dead_lettered").inc()
        log.error("webhook_dead_lettered", **facts)
    if failure.disabled is not None:
        WEBHOOK_ATTEMPTS.labels("endpoint_disabled").inc()
        log.error(
            "webhook_endpoint_disabled", endpoint_id=claim.endpoint_id, reason=failure.disabled
        )
