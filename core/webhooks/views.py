"""How partners and operators see endpoints, deliveries, attempts and events."""

import json
from collections.abc import Sequence
from typing import Any

from core.kernel.times import rfc3339, rfc3339_or_none
from core.webhooks.models import Attempt, DeadLetter, Delivery, Endpoint, Event
from core.webhooks.states import DeliveryStatus


def endpoint_view(endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint as JSON; never its secrets."""
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "livemode": endpoint.livemode,
        "url": endpoint.url,
        "event_types": list(endpoint.event_types),
        "station_ids": endpoint.station_ids,
        "ordering": endpoint.ordering,
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "failing_since": rfc3339_or_none(endpoint.failing_since),
        "previous_secret_until": rfc3339_or_none(endpoint.previous_secret_until),
        "created_at": rfc3339(endpoint.created_at),
        "updated_at": rfc3339(endpoint.updated_at),
    }


def delivery_view(delivery: Delivery, attempts: Sequence[Attempt] | None = None) -> dict[str, Any]:
    """Return a delivery as JSON, with its *attempts* if they are given."""
    is_due = delivery.status is DeliveryStatus.DUE
    view: dict[str, Any] = {
        "id": delivery.id,
        "object": "delivery",
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "endpoint_id": delivery.endpoint_id,
        "status": delivery.status,
        "attempt_count": delivery.attempts,
        "next_attempt_at": rfc3339(delivery.due_at) if is_due else None,
        "created_at": rfc3339(delivery.created_at),
        "updated_at": rfc3339(delivery.updated_at),
    }
    if attempts is not None:
        view["attempts"] = [attempt_view(attempt) for attempt in attempts]
    return view


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt as JSON; *response* is the first 1 KiB of the answer."""
    return {
        "number": attempt.number,
        "at": rfc3339(attempt.at),
        "status_code": attempt.status_code,
        "duration_ms": attempt.duration_ms,
        "response": attempt.excerpt,
        "error": attempt.error,
    }


def event_view(event: Event) -> dict[str, Any]:
    """Return an event as it was sent; ``event.body`` is the same as text."""
    view: dict[str, Any] = json.loads(event.body)
    return view


def dead_letter_view(dead: DeadLetter) -> dict[str, Any]:
    """Return a dead letter as an operator sees it."""
    return {
        "id": dead.id,
        "object": "dead_letter",
        "partner_id": dead.partner_id,
        "livemode": dead.livemode,
        "event_id": dead.event_id,
        "event_type": dead.event_type,
        "endpoint_id": dead.endpoint_id,
        "url": dead.url,
        "attempt_count": dead.attempts,
        "created_at": rfc3339(dead.created_at),
        "updated_at": rfc3339(dead.updated_at),
    }
