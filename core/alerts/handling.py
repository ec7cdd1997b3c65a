"""Use cases of operators: see what there is, take it on, say that it is settled."""

from typing import Any

from core.alerts import notice_store, store
from core.alerts.kinds import KINDS, AlertKind
from core.alerts.models import Alert, Notification
from core.alerts.states import AlertStatus, NotificationStatus, Severity
from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.page import Page, Slice
from core.kernel.times import rfc3339, rfc3339_or_none


async def get(tx: Tx, alert_id: str) -> Alert:
    """Return an alert.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.alert(tx, alert_id)
    if found is None:
        raise not_found("alert")
    return found


async def dossier(tx: Tx, alert_id: str) -> dict[str, Any]:
    """Return an alert as JSON, with who was told of it, how that went, and what is held back.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await get(tx, alert_id)
    told = await notice_store.notifications_of(tx, alert_id)
    return {
        **alert_view(found),
        "notifications": [notification_view(notification) for notification in told],
        "held_back": list(await notice_store.held_back(tx, alert_id)),
    }


async def list_alerts(
    tx: Tx,
    page: Page,
    *,
    status: AlertStatus | None = None,
    severity: Severity | None = None,
    kind: AlertKind | None = None,
    object_id: str | None = None,
) -> Slice[Alert]:
    """Return one page of the alerts, of those that are asked for."""
    return await store.page(
        tx, page, status=status, severity=severity, kind=kind, object_id=object_id
    )


async def acknowledge(tx: Tx, actor: Actor, alert_id: str) -> Alert:
    """Take an alert on: nobody is told of it again unless it gets worse.

    Raises:
        PlatformError: ``not_found``; ``conflict``: acknowledged already, or resolved.
    """
    before = await get(tx, alert_id)
    moved = await store.move(
        tx,
        alert_id,
        AlertStatus.ACKNOWLEDGED,
        acknowledged_at=tx.now,
        acknowledged_by=actor.name,
        notice=None,
    )
    return await _audited(tx, actor, before, moved, "alert.acknowledged")


async def settle(tx: Tx, actor: Actor, alert_id: str, *, note: str | None = None) -> Alert:
    """Resolve an alert; the same trouble later is another one.

    Args:
        note: What it was and what was done, for those who meet it again.

    Raises:
        PlatformError: ``not_found``; ``conflict``: it is resolved already.
    """
    before = await get(tx, alert_id)
    moved = await store.move(
        tx,
        alert_id,
        AlertStatus.RESOLVED,
        resolved_at=tx.now,
        resolved_by=actor.name,
        note=note,
        notice=None,
    )
    return await _audited(tx, actor, before, moved, "alert.resolved", note=note)


def alert_view(alert: Alert) -> dict[str, Any]:
    """Return an alert as JSON, with what its kind means and what to do."""
    explained = KINDS[alert.kind]
    return {
        "object": "alert",
        "id": alert.id,
        "kind": alert.kind,
        "status": alert.status,
        "severity": alert.severity,
        "title": alert.title,
        "object_id": alert.object_id,
        "count": alert.count,
        "facts": alert.facts,
        "means": explained.means,
        "advice": explained.advice,
        "created_at": rfc3339(alert.created_at),
        "last_seen_at": rfc3339(alert.last_seen_at),
        "notified_at": rfc3339_or_none(alert.notified_at),
        "acknowledged_at": rfc3339_or_none(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by,
        "resolved_at": rfc3339_or_none(alert.resolved_at),
        "resolved_by": alert.resolved_by,
        "note": alert.note,
        "updated_at": rfc3339(alert.updated_at),
    }


def notification_view(notification: Notification) -> dict[str, Any]:
    """Return a notification as JSON, with its attempts."""
    is_due = notification.status is NotificationStatus.DUE
    return {
        "object": "alert_notification",
        "id": notification.id,
        "channel": notification.channel,
        "recipient": notification.recipient,
        "status": notification.status,
        "attempts": notification.log,
        "due_at": rfc3339(notification.due_at) if is_due else None,
        "created_at": rfc3339(notification.created_at),
        "updated_at": rfc3339(notification.updated_at),
    }


async def _audited(
    tx: Tx, actor: Actor, before: Alert, moved: Alert | None, action: str, **facts: str | None
) -> Alert:
    if moved is None:
        raise PlatformError("conflict", f"The alert is {before.status} already.")
    await audit.record(
        tx,
        actor,
        action,
        moved.id,
        before={"status": before.status},
        after={"status": moved.status, **facts},
    )
    return moved
