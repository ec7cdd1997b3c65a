"""Who is to be told of which alerts, now or later: what makes few messages of a storm of alerts.

A channel that has rested sends at once; what comes while it rests is one message afterwards. One
that has a limit an hour says with its last message that more is held back.
"""

from datetime import timedelta
from typing import Final

from core.alerts import messages, notice_store, store
from core.alerts.kinds import AlertKind
from core.alerts.lines import Outlet, Outlets
from core.alerts.models import Alert
from core.alerts.states import AlertStatus, Reason, Severity
from core.kernel import metrics
from core.kernel.db import Database, Tx
from core.kernel.ids import new_id
from core.kernel.settings import Settings

HOUR: Final = timedelta(hours=1)


async def tell(db: Database, settings: Settings, outlets: Outlets) -> int:
    """Turn what is to be told into notifications; return how many were made.

    Without any channel everything waits, and the first one that is set hears of what is open.
    """
    if not outlets:
        return 0
    async with db.transaction() as tx:
        await _hear(tx, settings, outlets)
    count = 0
    for outlet in outlets.values():
        async with db.transaction() as tx:
            count += await _compose(tx, outlet, rest=settings.alert_digest_every)
    return count


async def count_open(tx: Tx) -> None:
    """Set the gauge of alerts that are not resolved."""
    found = await store.unresolved_by_severity(tx)
    for severity in Severity:
        metrics.ALERTS_OPEN.labels(severity).set(found.get(severity, 0))


async def delete_old(tx: Tx, *, kept: timedelta) -> None:
    """Delete some alerts that were resolved long ago, and notifications of that time.

    Notifications that wait for more than a day (their channel is not set any more, or no worker
    ran) are given up.
    """
    await notice_store.give_up_old(tx)
    await store.delete_resolved(tx, before=tx.now - kept)
    await notice_store.delete_notifications(tx, before=tx.now - kept)


async def _hear(tx: Tx, settings: Settings, outlets: Outlets) -> None:
    """Take over what transactions raised, and what goes on without anybody who has it."""
    heard = await notice_store.to_tell(tx, repeat_before=tx.now - settings.alert_repeat_every)
    rows = []
    told: dict[bool, list[str]] = {True: [], False: []}
    for alert in heard:
        reason = alert.notice or Reason.AGAIN
        wanted = [each.channel for each in outlets.values() if _wants(each, alert, reason)]
        rows += [
            {"alert_id": alert.id, "channel": channel, "reason": reason, "created_at": tx.now}
            for channel in wanted
        ]
        told[bool(wanted) or alert.notified_at is not None].append(alert.id)
    await notice_store.add(tx, rows)
    await notice_store.heard(tx, told[True], notified_at=tx.now)
    await notice_store.heard(tx, told[False], notified_at=None)


def _wants(outlet: Outlet, alert: Alert, reason: Reason) -> bool:
    if alert.severity.rank < outlet.severity.rank:
        return False
    if alert.kind is AlertKind.ALERT_NOT_DELIVERED and alert.key == outlet.channel:
        return False  # it would have to tell that it does not work
    return reason is not Reason.RESOLVED or outlet.tells_end


async def _compose(tx: Tx, outlet: Outlet, *, rest: timedelta) -> int:
    """Make one message of all that waits for a channel, if it may send now."""
    waiting = await notice_store.waiting(tx, outlet.channel)
    alerts = await notice_store.alerts_of(tx, {notice.alert_id for notice in waiting})
    told: dict[str, Reason] = {}
    for notice in waiting:
        is_over = alerts[notice.alert_id].status is AlertStatus.RESOLVED
        if is_over and notice.reason is not Reason.RESOLVED:
            await notice_store.drop(tx, notice.number)  # over before anybody could be told
        else:
            told[notice.alert_id] = notice.reason
    if not told:
        return 0
    began = await notice_store.take_turn(
        tx, outlet.channel, rest=rest, span=HOUR, limit=outlet.per_hour
    )
    if began is None:
        return 0
    is_last = outlet.per_hour is not None and began.in_hour == outlet.per_hour
    message = messages.message_of(
        [(alerts[alert_id], reason) for alert_id, reason in told.items()],
        at=tx.now,
        held_until=began.hour_began_at + HOUR if is_last else None,
    )
    message_id = new_id("alm")
    await notice_store.give(tx, [notice.number for notice in waiting], message_id)
    for recipient in outlet.recipients:
        await notice_store.add_notification(
            tx,
            id=new_id("aln"),
            message_id=message_id,
            channel=outlet.channel,
            recipient=recipient,
            message=message,
        )
    return len(outlet.recipients)
