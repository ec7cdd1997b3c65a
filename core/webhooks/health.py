"""How well an endpoint works, and what operators are told before it is given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update

from core.alerts.kinds import AlertKind
from core.alerts.service import raise_alert, resolve
from core.alerts.states import Severity
from core.kernel.db import Tx
from core.kernel.metrics import WEBHOOK_ENDPOINTS_FAILING, WEBHOOK_OLDEST_DUE_SECONDS
from core.kernel.times import rfc3339, rfc3339_or_none
from core.webhooks.models import Endpoint, deliveries, endpoints
from core.webhooks.outbox import IS_DUE
from core.webhooks.schedule import DISABLE_AFTER
from core.webhooks.states import DeliveryStatus
from core.webhooks.views import endpoint_view

THRESHOLDS: Final = ((50, Severity.INFO), (70, Severity.WARNING), (90, Severity.CRITICAL))
"""Percent of the failure budget; at 100 the endpoint is disabled, which is an alert of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Success:
    id: str
    at: datetime | None


def budget_used(endpoint: Endpoint, *, now: datetime) -> float:
    """Return how much of the 120 h of nothing but failures is used up, from 0 to 1."""
    if endpoint.failing_since is None:
        return 0.0
    return round(min(1.0, max(0.0, (now - endpoint.failing_since) / DISABLE_AFTER)), 3)


async def health_views(tx: Tx, shown: Sequence[Endpoint]) -> dict[str, dict[str, Any]]:
    """Return how well each of these endpoints works, as JSON, by id."""
    newest = (
        select(deliveries.c.updated_at)
        .where(
            deliveries.c.endpoint_id == endpoints.c.id,
            deliveries.c.status == DeliveryStatus.DELIVERED,
        )
        .order_by(deliveries.c.updated_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    ids = [endpoint.id for endpoint in shown]
    statement = select(endpoints.c.id, newest.label("at")).where(endpoints.c.id.in_(ids))
    successes = {found.id: found.at for found in await tx.all(statement, _Success)}
    return {
        endpoint.id: {
            "status": _status(endpoint),
            "failing_since": rfc3339_or_none(endpoint.failing_since),
            "failure_budget_used": budget_used(endpoint, now=tx.now),
            "last_success_at": rfc3339_or_none(successes[endpoint.id]),
            "last_failure_at": rfc3339_or_none(endpoint.last_failure_at),
        }
        for endpoint in shown
    }


async def whole_view(tx: Tx, endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint and how well it works, as JSON."""
    health = await health_views(tx, [endpoint])
    return {**endpoint_view(endpoint), "health": health[endpoint.id]}


def _status(endpoint: Endpoint) -> str:
    if not endpoint.enabled:
        return "disabled"
    return "ok" if endpoint.failing_since is None else "failing"


async def watch(tx: Tx) -> int:
    """Tell operators of endpoints that have failed for long, each share once; return how many."""
    first = THRESHOLDS[0][0]
    statement = select(endpoints).where(
        endpoints.c.enabled,
        endpoints.c.deleted_at.is_(None),
        endpoints.c.failing_since <= tx.now - DISABLE_AFTER * first / 100,
    )
    count = 0
    for endpoint in await tx.all(statement.order_by(endpoints.c.id), Endpoint):
        count += await _tell(tx, endpoint)
    await _measure(tx)
    return count


async def _tell(tx: Tx, endpoint: Endpoint) -> bool:
    used = budget_used(endpoint, now=tx.now)
    percent, severity = max(each for each in THRESHOLDS if used * 100 >= each[0])
    statement = (
        update(endpoints)
        .where(
            endpoints.c.id == endpoint.id,
            endpoints.c.failing_since == endpoint.failing_since,
            endpoints.c.failure_told < percent,
        )
        .values(failure_told=percent)
        .returning(endpoints.c.id)
    )
    if await tx.scalar(statement) is None:
        return False
    hours = round(used * (DISABLE_AFTER / timedelta(hours=1)))
    raise_alert(
        tx,
        AlertKind.WEBHOOK_ENDPOINT_FAILING,
        key=endpoint.id,
        object_id=endpoint.id,
        severity=severity,
        title=f"Webhook endpoint {endpoint.id} of {endpoint.partner_id} has failed for {hours} h: "
        f"{percent} % of the time after which it is disabled",
        facts={**_facts(endpoint), "failure_budget_used": used},
    )
    return True


def tell_disabled(tx: Tx, endpoint: Endpoint, *, reason: str) -> None:
    """Tell operators that an endpoint was given up."""
    resolve(tx, AlertKind.WEBHOOK_ENDPOINT_FAILING, endpoint.id)
    raise_alert(
        tx,
        AlertKind.WEBHOOK_ENDPOINT_DISABLED,
        key=endpoint.id,
        object_id=endpoint.id,
        title=f"Webhook endpoint {endpoint.id} of {endpoint.partner_id} is disabled: {reason}",
        facts={**_facts(endpoint), "disabled_reason": reason},
    )


def tell_dead_letter(
    tx: Tx, *, endpoint_id: str, event_id: str, event_type: str, delivery_id: str
) -> None:
    """Tell operators that an event was given up for an endpoint; one alert for each endpoint."""
    raise_alert(
        tx,
        AlertKind.WEBHOOK_DEAD_LETTER,
        key=endpoint_id,
        object_id=endpoint_id,
        title=f"Webhook endpoint {endpoint_id} did not take {event_type} in all its attempts",
        facts={"event_id": event_id, "event_type": event_type, "delivery_id": delivery_id},
    )


def tell_working(tx: Tx, endpoint_id: str) -> None:
    """Say that an endpoint that failed works again."""
    resolve(tx, AlertKind.WEBHOOK_ENDPOINT_FAILING, endpoint_id)


def tell_switched(tx: Tx, endpoint_id: str) -> None:
    """Say that somebody has enabled, disabled or deleted an endpoint: nothing is left to do."""
    resolve(tx, AlertKind.WEBHOOK_ENDPOINT_FAILING, endpoint_id)
    resolve(tx, AlertKind.WEBHOOK_ENDPOINT_DISABLED, endpoint_id)


def _facts(endpoint: Endpoint) -> dict[str, Any]:
    since = endpoint.failing_since
    return {
        "partner_id": endpoint.partner_id,
        "livemode": endpoint.livemode,
        "failing_since": None if since is None else rfc3339(since),
    }


async def _measure(tx: Tx) -> None:
    """Set the gauges that Prometheus reads."""
    is_on = endpoints.c.enabled & endpoints.c.deleted_at.is_(None)
    failing = select(func.count()).where(is_on, endpoints.c.failing_since.is_not(None))
    WEBHOOK_ENDPOINTS_FAILING.set(await tx.scalar(failing))
    oldest = (
        select(deliveries.c.due_at)
        .where(deliveries.c.endpoint_id == endpoints.c.id, IS_DUE)
        .order_by(deliveries.c.due_at)
        .limit(1)
        .scalar_subquery()
    )
    due_at: datetime | None = await tx.scalar(select(func.min(oldest)).where(is_on))
    late = timedelta() if due_at is None else max(timedelta(), tx.now - due_at)
    WEBHOOK_OLDEST_DUE_SECONDS.set(late.total_seconds())
