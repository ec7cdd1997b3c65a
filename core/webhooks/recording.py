"""Writing down what came of attempts: delivered, again later, dead letter, endpoint given up."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from core.kernel.db import Tx
from core.webhooks import endpoints, health, inbox, ordering, outbox, store
from core.webhooks.answers import AttemptResult
from core.webhooks.outbox import Claim
from core.webhooks.schedule import DELAYS, is_given_up, next_delay
from core.webhooks.states import DeliveryStatus

GONE: Final = "gone"
FAILING: Final = "failing"
MAX_ERROR_LENGTH: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt, begun *at*; *result* is ``None`` if we failed to make it.

    *kept*: the signed headers of what goes into an inbox.
    """

    claim: Claim
    at: datetime
    result: AttemptResult | None
    kept: Mapping[str, str] | None = None

    @property
    def is_delivered(self) -> bool:
        return self.result is not None and self.result.is_delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a failed attempt led to; *disabled* is why the endpoint was given up with it."""

    status: DeliveryStatus
    retry_at: datetime | None
    disabled: str | None


async def record_delivered(tx: Tx, outcomes: Sequence[Outcome]) -> None:
    """Write down attempts that the receivers have taken, set-wise.

    Of two attempts at one delivery (the lease of the first ran out meanwhile) the first counts.
    Endpoints are touched before deliveries, as everywhere, so that nobody waits in a circle.
    """
    working = await store.note_successes(tx, [one.claim.endpoint_id for one in outcomes])
    for endpoint_id in working:
        health.tell_working(tx, endpoint_id)
    arrived = await outbox.delivered(tx, [outcome.claim.id for outcome in outcomes])
    first = {outcome.claim.id: outcome for outcome in reversed(outcomes)}
    rows = [_row(first[id_], found.attempts) for id_, found in arrived.items()]
    await outbox.add_attempts(tx, rows)
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for found in arrived.values():
        if found.order_key is not None:
            keys[found.endpoint_id].add(found.order_key)
    for endpoint_id in sorted(keys):
        await ordering.call_next(tx, endpoint_id, keys[endpoint_id])
    await inbox.keep(tx, [_message(first[id_]) for id_ in arrived if first[id_].kept is not None])


def _message(outcome: Outcome) -> dict[str, Any]:
    """Return what an inbox keeps."""
    claim = outcome.claim
    return {
        "endpoint_id": claim.endpoint_id,
        "delivery_id": claim.id,
        "event_id": claim.event_id,
        "event_type": claim.event_type,
        "headers": dict(outcome.kept or {}),
        "body": claim.body,
    }


async def record_failed(
    tx: Tx, outcome: Outcome, *, jitter: float, retry_after: timedelta = DELAYS[0]
) -> Failure | None:
    """Write down a failed attempt and what follows; ``None``: the delivery is not ours any more.

    Args:
        jitter: A random number from 0 to 1.
        retry_after: The first of the common delays, as settings have it.
    """
    claim, result = outcome.claim, outcome.result
    failing_since = await store.note_failure(tx, claim.endpoint_id)
    is_gone = result is not None and result.is_gone
    delay = next_delay(
        claim.event_type,
        claim.attempts + 1,
        jitter=jitter,
        retry_after_s=None if result is None else result.retry_after_s,
        shortest=retry_after,
    )
    retry_at = None if delay is None or is_gone else tx.now + delay
    gives_up = is_gone or is_given_up(failing_since=failing_since, now=tx.now)
    if gives_up:
        # Whoever writes events has locked the partner before it touches deliveries; so do we.
        await store.lock_partner_of(tx, claim.endpoint_id)
    delivery = await outbox.failed(tx, claim, due_at=retry_at)
    if delivery is None:
        return None
    await outbox.add_attempts(tx, [_row(outcome, delivery.attempts)])
    status = DeliveryStatus.DUE
    if retry_at is None:
        status = DeliveryStatus.DISABLED if is_gone else DeliveryStatus.DEAD
        await outbox.move(tx, claim.id, status)
        if status is DeliveryStatus.DEAD:
            health.tell_dead_letter(
                tx,
                endpoint_id=claim.endpoint_id,
                event_id=claim.event_id,
                event_type=claim.event_type,
                delivery_id=claim.id,
            )
        if delivery.order_key is not None:
            await ordering.call_next(tx, claim.endpoint_id, [delivery.order_key])
    reason = GONE if is_gone else FAILING
    disabled = None
    if gives_up:
        disabled = await endpoints.disable(tx, claim.endpoint_id, reason=reason)
    return Failure(status=status, retry_at=retry_at, disabled=None if disabled is None else reason)


def _row(outcome: Outcome, number: int) -> dict[str, Any]:
    result = outcome.result
    return {
        "delivery_id": outcome.claim.id,
        "number": number,
        "at": outcome.at,
        "status_code": None if result is None else result.status_code,
        "duration_ms": 0 if result is None else result.duration_ms,
        "excerpt": None if result is None else result.excerpt,
        "error": _error(result),
    }


def _error(result: AttemptResult | None) -> str | None:
    if result is None:
        return "internal_error: the platform failed to make the request"
    if result.error is None:
        return None
    text = f"{result.error}: {result.detail}" if result.detail else str(result.error)
    return text[:MAX_ERROR_LENGTH]
