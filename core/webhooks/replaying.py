"""Use cases of dead letters: send again what was given up, the same id and bytes (I13)."""

from datetime import datetime
from typing import Final

from sqlalchemy import select

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.webhooks import store
from core.webhooks.models import deliveries, endpoints
from core.webhooks.service import TOPIC, delivery_row
from core.webhooks.states import DeliveryStatus

REPLAYED_AT_ONCE: Final = 1_000


async def replay_dead_letters(
    tx: Tx,
    actor: Actor,
    *,
    delivery_id: str | None = None,
    endpoint_id: str | None = None,
    since: datetime | None = None,
    limit: int = REPLAYED_AT_ONCE,
) -> list[str]:
    """Queue dead letters again, at most *limit*; return the ids of the new deliveries.

    Left out: what has reached the endpoint since, what waits for it already, and what an endpoint
    that is disabled would not get. Call it until it returns none.

    Args:
        delivery_id: This dead letter alone.
        endpoint_id: Those of this endpoint.
        since: Given up since then.

    Raises:
        PlatformError: ``not_found``: *delivery_id* is no dead letter; ``conflict``: it cannot be
            replayed for one of the reasons above.
    """
    if delivery_id is not None:
        await _require_dead(tx, delivery_id)
    other = deliveries.alias()
    again = select(other.c.id).where(
        other.c.event_id == deliveries.c.event_id,
        other.c.endpoint_id == deliveries.c.endpoint_id,
        other.c.status.in_([DeliveryStatus.DUE, DeliveryStatus.DELIVERED]),
    )
    statement = (
        select(deliveries.c.event_id, deliveries.c.event_type, deliveries.c.endpoint_id)
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(
            deliveries.c.status == DeliveryStatus.DEAD,
            endpoints.c.enabled,
            endpoints.c.deleted_at.is_(None),
            ~again.exists(),
        )
        .distinct()
        .order_by(deliveries.c.event_id)
        .limit(limit)
    )
    if delivery_id is not None:
        statement = statement.where(deliveries.c.id == delivery_id)
    if endpoint_id is not None:
        statement = statement.where(deliveries.c.endpoint_id == endpoint_id)
    if since is not None:
        statement = statement.where(deliveries.c.updated_at >= since)
    rows = [
        delivery_row(tx, event_id=row.event_id, type_=row.event_type, endpoint_id=row.endpoint_id)
        for row in await tx.all(statement)
    ]
    if delivery_id is not None and not rows:
        raise PlatformError(
            "conflict", "It has been sent again already, or its endpoint is disabled or deleted."
        )
    await store.add_deliveries(tx, rows)
    for target in sorted({row["endpoint_id"] for row in rows}):
        tx.ring(TOPIC, target)
        count = sum(row["endpoint_id"] == target for row in rows)
        await audit.record(tx, actor, "dead_letters.replayed", target, after={"count": count})
    return [row["id"] for row in rows]


async def _require_dead(tx: Tx, delivery_id: str) -> None:
    statement = select(deliveries.c.id).where(
        deliveries.c.id == delivery_id, deliveries.c.status == DeliveryStatus.DEAD
    )
    if await tx.scalar(statement) is None:
        raise not_found("dead letter")
