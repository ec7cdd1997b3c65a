"""Use cases of deliveries: look at them, send again, find what was given up."""

from collections.abc import Sequence

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.page import Page, Slice
from core.webhooks import endpoints, ordering, outbox, store
from core.webhooks.events import get_event
from core.webhooks.models import Attempt, DeadLetter, Delivery, Endpoint
from core.webhooks.service import TOPIC, delivery_row, wants
from core.webhooks.states import DeliveryStatus


async def list_deliveries(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool,
    endpoint_id: str,
    status: DeliveryStatus | None = None,
    event_type: str | None = None,
    event_id: str | None = None,
    page: Page,
) -> Slice[Delivery]:
    """Return one page of what was or is to be sent to an endpoint.

    Raises:
        PlatformError: ``not_found``: no such endpoint.
    """
    await endpoints.get(tx, partner_id=partner_id, livemode=livemode, endpoint_id=endpoint_id)
    return await outbox.deliveries_page(
        tx,
        endpoint_id=endpoint_id,
        status=status,
        event_type=event_type,
        event_id=event_id,
        page=page,
    )


async def get_delivery(
    tx: Tx, *, partner_id: str, livemode: bool, delivery_id: str
) -> tuple[Delivery, Sequence[Attempt]]:
    """Return a delivery and its attempts in order.

    Raises:
        PlatformError: ``not_found``.
    """
    delivery = await outbox.delivery(tx, delivery_id, partner_id=partner_id, livemode=livemode)
    if delivery is None:
        raise not_found("delivery")
    return delivery, await outbox.attempts_of(tx, delivery_id)


async def resend(
    tx: Tx,
    actor: Actor,
    *,
    partner_id: str,
    livemode: bool,
    event_id: str,
    endpoint_id: str | None = None,
) -> Sequence[Delivery]:
    """Queue an event once more: the same id and bytes (I13).

    Args:
        endpoint_id: Where to, subscribed or not; all enabled endpoints that want its type, if
            ``None``.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if the named endpoint is disabled.
    """
    event = await get_event(tx, event_id, partner_id=partner_id, livemode=livemode, keep=True)
    targets: list[Endpoint]
    if endpoint_id is None:
        targets = [
            endpoint
            for endpoint in await store.receiving(tx, [partner_id])
            if endpoint.livemode == livemode
            and wants(endpoint, event.type, station_id=event.station_id)
        ]
    else:
        named = await endpoints.get(
            tx, partner_id=partner_id, livemode=livemode, endpoint_id=endpoint_id
        )
        endpoints.require_enabled(named)
        targets = [named]
    rows = [
        delivery_row(
            tx,
            event_id=event.id,
            type_=event.type,
            endpoint_id=endpoint.id,
            place=ordering.place(
                endpoint.ordering,
                type_=event.type,
                object_id=event.object_id,
                session_id=event.session_id,
                seq=event.seq,
            ),
        )
        for endpoint in targets
    ]
    await store.add_deliveries(tx, rows)
    for endpoint in targets:
        tx.ring(TOPIC, endpoint.id)
    await audit.record(
        tx, actor, "event.resent", event_id, after={"endpoints": [target.id for target in targets]}
    )
    return [Delivery(**row) for row in rows]


async def dead_letters(tx: Tx, page: Page) -> Slice[DeadLetter]:
    """Return one page of the deliveries of all partners that were given up."""
    return await outbox.dead_letters(tx, page)


async def count_dead_letters(tx: Tx) -> int:
    """Return how many deliveries were given up."""
    return await outbox.dead_count(tx)
