"""A worker's part: hand notifications over, one channel never waiting for another."""

from datetime import timedelta
from typing import Any, Final

import structlog

from core.alerts import messages, notice_store
from core.alerts.kinds import AlertKind
from core.alerts.lines import Outlet, Outlets, Sent
from core.alerts.models import Notification
from core.alerts.service import raise_alert, resolve
from core.alerts.states import Channel, NotificationStatus
from core.audit import service as audit
from core.audit.service import Actor
from core.kernel import failpoints, metrics
from core.kernel.db import Database, Tx
from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.kernel.ids import new_id
from core.kernel.tasks import side_by_side
from core.kernel.times import rfc3339

log = structlog.get_logger()

AGAIN_AFTER: Final = (15, 60, 300, 900, 3600)
"""Seconds until the next attempt; after the last one a notification has failed."""
TOLD_AFTER: Final = 3
"""Attempts in vain after which the other channels tell that this one does not work."""
AT_ONCE: Final = 10
_BEYOND: Final = timedelta(seconds=10)
_SETTINGS: Final = {
    Channel.MAIL: "VOLTGATE_ALERT_MAIL_TO and VOLTGATE_SMTP_URL",
    Channel.SMS: "VOLTGATE_ALERT_SMS_TO and VOLTGATE_TWILIO_...",
    Channel.WEBHOOK: "VOLTGATE_ALERT_WEBHOOK_URL and VOLTGATE_ALERT_WEBHOOK_SECRET",
}


async def send_due(db: Database, outlet: Outlet) -> int:
    """Send what is due over one channel, some at a time, none in a transaction.

    A process that dies between the sending and its record leaves the notification due when the
    lease ends: it is sent once more then.
    """
    async with db.transaction() as tx:
        until = tx.now + outlet.within + _BEYOND
        claimed = await notice_store.claim(tx, outlet.channel, until=until, limit=AT_ONCE)
    await side_by_side(_send(db, outlet, notification) for notification in claimed)
    return len(claimed)


async def try_channel(
    db: Database, outlets: Outlets, actor: Actor, channel: Channel
) -> list[dict[str, Any]]:
    """Send a test message to everybody that a channel reaches; return what came of it.

    Raises:
        PlatformError: ``not_implemented``: the channel is not set.
    """
    outlet = outlets.get(channel)
    if outlet is None:
        raise PlatformError("not_implemented", f"Set {_SETTINGS[channel]} first.")
    async with db.transaction() as tx:
        message = messages.trial(at=tx.now, by=actor.name)
    results = await side_by_side(
        _try(db, outlet, recipient, message) for recipient in outlet.recipients
    )
    async with db.transaction() as tx:
        await audit.record(
            tx, actor, "alert_channel.tried", f"alert_channel:{channel}", after={"results": results}
        )
    return results


async def _try(
    db: Database, outlet: Outlet, recipient: str, message: dict[str, Any]
) -> dict[str, Any]:
    began_s = db.clock.monotonic()
    sent = await outlet.line.send(recipient, message, message_id=new_id("aln"))
    return {"recipient": recipient, **_entry(sent, db.clock.monotonic() - began_s)}


async def _send(db: Database, outlet: Outlet, notification: Notification) -> None:
    began_at, began_s = db.now(), db.clock.monotonic()
    if notification.attempts > len(AGAIN_AFTER) + 1:
        sent = Sent(error="each attempt was interrupted")
    else:
        sent = await outlet.line.send(
            notification.recipient, notification.message, message_id=notification.id
        )
        failpoints.hit("alerts.sent")
    entry = {
        "number": notification.attempts,
        "at": rfc3339(began_at),
        **_entry(sent, db.clock.monotonic() - began_s),
    }
    try:
        async with db.transaction() as tx:
            status = await _record(tx, notification, sent, [*notification.log, entry])
    except DatabaseUnavailable:  # due again when its lease ends
        log.warning("alert_notification_not_recorded", notification_id=notification.id)
        return
    outcome = "failed" if status is NotificationStatus.DUE else status
    metrics.ALERT_NOTIFICATIONS.labels(outlet.channel, outcome).inc()
    facts = {
        "notification_id": notification.id,
        "channel": outlet.channel,
        "attempt": notification.attempts,
        "error": sent.error,
    }
    if status is NotificationStatus.FAILED:
        log.error("alert_notification_given_up", **facts)
    elif status is NotificationStatus.DUE:
        log.warning("alert_notification_failed", **facts)


async def _record(
    tx: Tx, notification: Notification, sent: Sent, entries: list[dict[str, Any]]
) -> NotificationStatus:
    """Write down what came of an attempt; return what the notification is now."""
    channel = notification.channel
    if sent.error is None:
        await notice_store.finish(tx, notification.id, NotificationStatus.SENT, log=entries)
        resolve(tx, AlertKind.ALERT_NOT_DELIVERED, channel)
        return NotificationStatus.SENT
    if notification.attempts >= TOLD_AFTER:
        raise_alert(
            tx,
            AlertKind.ALERT_NOT_DELIVERED,
            key=channel,
            title=f"Alerts do not reach you over the channel {channel}",
            facts={"recipient": notification.recipient, "error": sent.error},
        )
    if notification.attempts <= len(AGAIN_AFTER):
        due_at = tx.now + timedelta(seconds=AGAIN_AFTER[notification.attempts - 1])
        await notice_store.postpone(tx, notification, due_at=due_at, log=entries)
        return NotificationStatus.DUE
    await notice_store.finish(tx, notification.id, NotificationStatus.FAILED, log=entries)
    return NotificationStatus.FAILED


def _entry(sent: Sent, seconds: float) -> dict[str, Any]:
    return {
        "sent": sent.error is None,
        "status_code": sent.status_code,
        "reference": sent.reference,
        "error": sent.error,
        "duration_ms": round(seconds * 1000),
    }
