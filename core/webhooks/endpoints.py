"""Use cases of webhook endpoints. Their secrets are shown once and encrypted at rest (S22)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import PLATFORM, Actor
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.page import Page, Slice
from core.kernel.settings import Settings
from core.kernel.webhook_signature import new_secret
from core.webhooks import health, inbox, ordering, outbox, store
from core.webhooks.addresses import ForbiddenAddress, check_url
from core.webhooks.models import Endpoint
from core.webhooks.ordering import Ordering
from core.webhooks.service import emit
from core.webhooks.types import EVERYTHING, EventType, checked_types
from core.webhooks.views import endpoint_view

MAX_ENDPOINTS: Final = 20
MAX_OVERLAP_HOURS: Final = 168
MAX_DISABLED_AT_ONCE: Final = 1_000
"""Queued deliveries taken out with the endpoint; the sender takes out the rest as they fall due."""
CHANGEABLE: Final = frozenset(
    {"url", "event_types", "station_ids", "ordering", "description", "enabled"}
)


def secret_context(endpoint_id: str) -> str:
    """Return the encryption context of an endpoint's secrets."""
    return f"webhook_endpoints:{endpoint_id}"


async def create(
    tx: Tx,
    vault: Vault,
    settings: Settings,
    actor: Actor,
    *,
    partner_id: str,
    livemode: bool,
    url: str,
    event_types: Sequence[str] = (EVERYTHING,),
    station_ids: Sequence[str] | None = None,
    ordered: str = Ordering.NONE,
    description: str | None = None,
    enabled: bool = True,
) -> tuple[Endpoint, str]:
    """Create an endpoint; return it and its secret ``whsec_...``, which nobody can read again.

    Args:
        station_ids: Only what happens at these stations; the caller has made sure that the partner
            may see them.
        ordered: The ``ordering`` of the endpoint.

    Raises:
        PlatformError: ``webhook_url_forbidden``, ``invalid_parameter``; ``conflict``: 20 exist.
    """
    _check_url(settings, url)
    return await _create(
        tx,
        vault,
        actor,
        partner_id=partner_id,
        livemode=livemode,
        url=url,
        event_types=event_types,
        station_ids=_checked_stations(station_ids),
        ordered=ordered,
        description=description,
        enabled=enabled,
    )


async def create_inbox(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    *,
    partner_id: str,
    event_types: Sequence[str] = (EVERYTHING,),
) -> tuple[Endpoint, str]:
    """Create the partner's inbox of test mode; return it and its secret, as ``create`` does.

    Raises:
        PlatformError: ``invalid_parameter``; ``conflict``: there is one, or 20 endpoints.
    """
    await store.next_seqs(tx, partner_id, 0)  # locks the partner, so that one is one
    if await inbox.existing(tx, partner_id) is not None:
        raise PlatformError(
            "conflict", "There is an inbox already; rotate its secret if you have lost it."
        )
    return await _create(
        tx,
        vault,
        actor,
        partner_id=partner_id,
        livemode=False,
        url=inbox.URL,
        event_types=event_types,
        station_ids=None,
        ordered=Ordering.NONE,
        description="Inbox of test mode",
        enabled=True,
    )


async def _create(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    *,
    partner_id: str,
    livemode: bool,
    url: str,
    event_types: Sequence[str],
    station_ids: list[str] | None,
    ordered: str,
    description: str | None,
    enabled: bool,
) -> tuple[Endpoint, str]:
    types = checked_types(event_types)
    await store.next_seqs(tx, partner_id, 0)  # locks the partner, so that 20 are 20
    if await store.endpoint_count(tx, partner_id=partner_id, livemode=livemode) >= MAX_ENDPOINTS:
        raise PlatformError("conflict", f"There are {MAX_ENDPOINTS} webhook endpoints already.")
    endpoint_id, secret = new_id("we"), new_secret()
    endpoint = await store.add_endpoint(
        tx,
        id=endpoint_id,
        partner_id=partner_id,
        livemode=livemode,
        url=url,
        event_types=types,
        station_ids=station_ids,
        ordering=Ordering(ordered),
        description=description,
        enabled=enabled,
        secret=vault.ring.encrypt(secret, context=secret_context(endpoint_id)),
        created_at=tx.now,
        updated_at=tx.now,
    )
    await audit.record(
        tx, actor, "webhook_endpoint.created", endpoint_id, after=endpoint_view(endpoint)
    )
    return endpoint, secret


async def get(tx: Tx, *, partner_id: str, livemode: bool, endpoint_id: str) -> Endpoint:
    """Return an endpoint.

    Raises:
        PlatformError: ``not_found``.
    """
    endpoint = await store.endpoint(tx, endpoint_id, partner_id=partner_id, livemode=livemode)
    if endpoint is None:
        raise not_found("webhook endpoint")
    return endpoint


async def list_endpoints(tx: Tx, *, partner_id: str, livemode: bool, page: Page) -> Slice[Endpoint]:
    """Return one page of a partner's endpoints of one mode."""
    return await store.endpoints_page(tx, partner_id=partner_id, livemode=livemode, page=page)


async def update(
    tx: Tx,
    settings: Settings,
    actor: Actor,
    *,
    partner_id: str,
    livemode: bool,
    endpoint_id: str,
    changes: Mapping[str, Any],
) -> Endpoint:
    """Change those of ``CHANGEABLE`` that are named; ``station_ids`` as for ``create``.

    Raises:
        PlatformError: ``not_found``, ``webhook_url_forbidden``, ``invalid_parameter``.
    """
    if unknown := set(changes) - CHANGEABLE:
        raise PlatformError("unknown_field", f"Unknown: {', '.join(sorted(unknown))}.")
    before = await get(tx, partner_id=partner_id, livemode=livemode, endpoint_id=endpoint_id)
    values = dict(changes)
    if "url" in values:
        _check_url(settings, values["url"])
    if "event_types" in values:
        values["event_types"] = checked_types(values["event_types"])
    if "station_ids" in values:
        values["station_ids"] = _checked_stations(values["station_ids"])
    turned = values.pop("enabled", before.enabled)
    if turned != before.enabled:
        values |= _enabling() if turned else {"enabled": False, "disabled_reason": "by_partner"}
    endpoint = await _change(tx, before, **values)
    if turned != before.enabled:
        health.tell_switched(tx, endpoint_id)
    if before.ordering != endpoint.ordering == Ordering.NONE:
        await ordering.unpark(tx, endpoint_id)
    if not endpoint.enabled:
        await outbox.disable(tx, endpoint_id, limit=MAX_DISABLED_AT_ONCE)
    await audit.record(
        tx,
        actor,
        "webhook_endpoint.updated",
        endpoint_id,
        before=endpoint_view(before),
        after=endpoint_view(endpoint),
    )
    return endpoint


async def delete(
    tx: Tx, actor: Actor, *, partner_id: str, livemode: bool, endpoint_id: str
) -> None:
    """Delete an endpoint; what was queued for it is not sent.

    Raises:
        PlatformError: ``not_found``.
    """
    before = await get(tx, partner_id=partner_id, livemode=livemode, endpoint_id=endpoint_id)
    await _change(tx, before, deleted_at=tx.now, previous_secret=None, previous_secret_until=None)
    health.tell_switched(tx, endpoint_id)
    await outbox.disable(tx, endpoint_id, limit=MAX_DISABLED_AT_ONCE)
    await audit.record(
        tx, actor, "webhook_endpoint.deleted", endpoint_id, before=endpoint_view(before)
    )


async def rotate_secret(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    *,
    partner_id: str,
    livemode: bool,
    endpoint_id: str,
    overlap_hours: int = 24,
) -> tuple[Endpoint, str]:
    """Make a new secret; for *overlap_hours* (0..168) the old one signs as well.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``.
    """
    if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
        raise PlatformError("invalid_parameter", f"overlap_hours is 0 to {MAX_OVERLAP_HOURS}.")
    before = await get(tx, partner_id=partner_id, livemode=livemode, endpoint_id=endpoint_id)
    secret = new_secret()
    overlaps = overlap_hours > 0
    endpoint = await _change(
        tx,
        before,
        secret=vault.ring.encrypt(secret, context=secret_context(endpoint_id)),
        previous_secret=before.secret if overlaps else None,
        previous_secret_until=tx.now + timedelta(hours=overlap_hours) if overlaps else None,
    )
    await audit.record(
        tx,
        actor,
        "webhook_endpoint.secret_rotated",
        endpoint_id,
        after={"overlap_hours": overlap_hours},
    )
    return endpoint, secret


async def enable(
    tx: Tx, actor: Actor, *, partner_id: str, livemode: bool, endpoint_id: str
) -> Endpoint:
    """Send to an endpoint again, from now on; ``recover`` sends what it missed.

    Raises:
        PlatformError: ``not_found``.
    """
    before = await get(tx, partner_id=partner_id, livemode=livemode, endpoint_id=endpoint_id)
    if before.enabled:
        return before
    endpoint = await _change(tx, before, **_enabling())
    health.tell_switched(tx, endpoint_id)
    await audit.record(
        tx,
        actor,
        "webhook_endpoint.enabled",
        endpoint_id,
        before={"disabled_reason": before.disabled_reason},
    )
    return endpoint


async def disable(tx: Tx, endpoint_id: str, *, reason: str) -> Endpoint | None:
    """Give an endpoint up (410, or 120 h of failures) and say so; ``None`` if it is off already."""
    endpoint = await store.switch_off(tx, endpoint_id, reason=reason)
    if endpoint is None:
        return None
    await outbox.disable(tx, endpoint_id, limit=MAX_DISABLED_AT_ONCE)
    health.tell_disabled(tx, endpoint, reason=reason)
    await audit.record(
        tx, PLATFORM, "webhook_endpoint.disabled", endpoint_id, after={"reason": reason}
    )
    await emit(
        tx,
        partner_id=endpoint.partner_id,
        livemode=endpoint.livemode,
        type=EventType.WEBHOOK_ENDPOINT_DISABLED,
        object_id=endpoint_id,
        object_sequence=None,
        related={},
        obj=endpoint_view(endpoint),
    )
    return endpoint


async def ping(tx: Tx, actor: Actor, *, partner_id: str, livemode: bool, endpoint_id: str) -> str:
    """Send an event of type ping to this endpoint alone; return the event's id.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if the endpoint is disabled.
    """
    endpoint = await get(tx, partner_id=partner_id, livemode=livemode, endpoint_id=endpoint_id)
    require_enabled(endpoint)
    event_id = await emit(
        tx,
        partner_id=partner_id,
        livemode=livemode,
        type=EventType.PING,
        object_id=endpoint_id,
        object_sequence=None,
        related={},
        obj=endpoint_view(endpoint),
        only_endpoint=endpoint_id,
    )
    await audit.record(tx, actor, "webhook_endpoint.pinged", endpoint_id)
    return event_id


def require_enabled(endpoint: Endpoint) -> None:
    """Refuse to queue anything for a disabled endpoint.

    Raises:
        PlatformError: ``conflict``.
    """
    if not endpoint.enabled:
        raise PlatformError("conflict", "The webhook endpoint is disabled; enable it first.")


def _enabling() -> dict[str, Any]:
    return {"enabled": True, "disabled_reason": None, "failing_since": None, "failure_told": 0}


async def _change(tx: Tx, endpoint: Endpoint, **values: Any) -> Endpoint:
    changed = await store.change_endpoint(tx, endpoint.id, **values)
    if changed is None:
        raise not_found("webhook endpoint")
    return changed


def _checked_stations(station_ids: Sequence[str] | None) -> list[str] | None:
    """Return *station_ids* without doubles."""
    if station_ids is None:
        return None
    if not station_ids:
        raise PlatformError(
            "invalid_parameter", "station_ids names at least one station; null: any, and none."
        )
    return list(dict.fromkeys(station_ids))


def _check_url(settings: Settings, url: str) -> None:
    insecure = settings.webhook_allow_insecure
    try:
        check_url(url, allow_insecure=insecure, allow_loopback=insecure)
    except ForbiddenAddress as exc:
        raise PlatformError("webhook_url_forbidden", f"Not possible: {exc.reason}.") from exc
