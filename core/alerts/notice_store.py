"""SQL of what operators are told: notices that wait for a channel, and notifications."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, delete, insert, or_, select, update

from core.alerts.models import (
    Alert,
    Notice,
    Notification,
    Turn,
    alerts,
    channels,
    notices,
    notifications,
)
from core.alerts.states import (
    NOTIFICATIONS,
    AlertStatus,
    Channel,
    NotificationStatus,
)
from core.kernel.db import Tx
from core.kernel.leases import claim_due, put_off
from core.kernel.rows import guarded_move, insert_once

_KEPT: Final = timedelta(days=1)
_HEARD_AT_ONCE: Final = 200
_TOLD_AT_ONCE: Final = 1000
_DELETED_AT_ONCE: Final = 1000
_SHOWN: Final = 100


async def to_tell(tx: Tx, *, repeat_before: datetime) -> Sequence[Alert]:
    """Return alerts that operators are to be told of, and lock them.

    Those are new, worse or resolved ones, and open ones that were told before *repeat_before* and
    raised since.
    """
    goes_on = and_(
        alerts.c.status == AlertStatus.OPEN,
        alerts.c.notified_at <= repeat_before,
        alerts.c.last_seen_at > alerts.c.notified_at,
    )
    statement = (
        select(alerts)
        .where(or_(alerts.c.notice.is_not(None), goes_on))
        .order_by(alerts.c.created_at, alerts.c.id)
        .limit(_HEARD_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return await tx.all(statement, Alert)


async def heard(tx: Tx, alert_ids: Sequence[str], *, notified_at: datetime | None) -> None:
    if not alert_ids:
        return
    statement = update(alerts).where(alerts.c.id.in_(alert_ids))
    await tx.execute(statement.values(notice=None, notified_at=notified_at))


async def add(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Let alerts wait for channels."""
    await tx.execute(insert(notices), rows)


async def waiting(tx: Tx, channel: Channel) -> Sequence[Notice]:
    """Return what waits for a channel, the oldest first, and lock it."""
    statement = (
        select(notices)
        .where(notices.c.message_id.is_(None), notices.c.channel == channel)
        .order_by(notices.c.number)
        .limit(_TOLD_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return await tx.all(statement, Notice)


async def alerts_of(tx: Tx, alert_ids: Collection[str]) -> Mapping[str, Alert]:
    if not alert_ids:
        return {}
    found = await tx.all(select(alerts).where(alerts.c.id.in_(sorted(alert_ids))), Alert)
    return {alert.id: alert for alert in found}


async def drop(tx: Tx, number: int) -> None:
    await tx.execute(delete(notices).where(notices.c.number == number))


async def give(tx: Tx, numbers: Sequence[int], message_id: str) -> None:
    """Let notices be in a message."""
    statement = update(notices).where(notices.c.number.in_(numbers)).values(message_id=message_id)
    await tx.execute(statement)


async def take_turn(
    tx: Tx, channel: Channel, *, rest: timedelta, span: timedelta, limit: int | None
) -> Turn | None:
    """Let a channel send one message; ``None``: it rests, or has sent *limit* in this *span*.

    Of workers that ask at the same time one gets it.
    """
    statement = select(channels).where(channels.c.channel == channel).with_for_update()
    last = await tx.one_or_none(statement, Turn)
    if last is None:
        first = {"composed_at": tx.now, "hour_began_at": tx.now, "in_hour": 1}
        return await insert_once(tx, channels, Turn, channel=channel, **first)
    is_new = tx.now - last.hour_began_at >= span
    count = 1 if is_new else last.in_hour + 1
    if tx.now - last.composed_at < rest or (limit is not None and count > limit):
        return None
    taken = (
        update(channels)
        .where(channels.c.channel == channel)
        .values(
            composed_at=tx.now,
            hour_began_at=tx.now if is_new else last.hour_began_at,
            in_hour=count,
        )
        .returning(channels)
    )
    return await tx.one(taken, Turn)


async def add_notification(tx: Tx, **values: Any) -> None:
    """Add a notification that is due at once."""
    times = {"due_at": tx.now, "created_at": tx.now, "updated_at": tx.now}
    statement = insert(notifications).values(
        status=NotificationStatus.DUE, attempts=0, log=[], **times, **values
    )
    await tx.execute(statement)


async def claim(tx: Tx, channel: Channel, *, until: datetime, limit: int) -> Sequence[Notification]:
    """Take notifications of a channel that are due; whoever dies with one lets go at *until*."""
    wanted = (notifications.c.channel == channel, notifications.c.created_at >= tx.now - _KEPT)
    return await claim_due(tx, notifications, Notification, *wanted, until=until, limit=limit)


async def give_up_old(tx: Tx) -> int:
    """Give up what nobody could send for a day: it is no news any more."""
    statement = (
        update(notifications)
        .where(
            notifications.c.status.in_(sorted(NOTIFICATIONS.sources(NotificationStatus.FAILED))),
            notifications.c.created_at < tx.now - _KEPT,
        )
        .values(status=NotificationStatus.FAILED, updated_at=tx.now)
    )
    return await tx.execute(statement)


async def finish(
    tx: Tx, notification_id: str, to: NotificationStatus, *, log: list[dict[str, Any]]
) -> Notification | None:
    return await guarded_move(
        tx,
        notifications,
        Notification,
        NOTIFICATIONS,
        notification_id,
        to,
        log=log,
        updated_at=tx.now,
    )


async def postpone(
    tx: Tx, claimed: Notification, *, due_at: datetime, log: list[dict[str, Any]]
) -> Notification | None:
    return await put_off(
        tx,
        notifications,
        Notification,
        claimed.id,
        attempts=claimed.attempts,
        due_at=due_at,
        log=log,
    )


async def notifications_of(tx: Tx, alert_id: str) -> Sequence[Notification]:
    """Return the newest notifications that were about an alert."""
    told = select(notices.c.message_id).where(notices.c.alert_id == alert_id)
    statement = (
        select(notifications)
        .where(notifications.c.message_id.in_(told))
        .order_by(notifications.c.created_at.desc(), notifications.c.id.desc())
        .limit(_SHOWN)
    )
    return await tx.all(statement, Notification)


async def newest(tx: Tx, channel: Channel) -> Sequence[Notification]:
    """Return the newest notifications of a channel."""
    statement = (
        select(notifications)
        .where(notifications.c.channel == channel)
        .order_by(notifications.c.created_at.desc(), notifications.c.id.desc())
        .limit(_SHOWN)
    )
    return await tx.all(statement, Notification)


async def held_back(tx: Tx, alert_id: str) -> Sequence[str]:
    """Return the channels for which something about an alert waits."""
    statement = (
        select(notices.c.channel)
        .where(notices.c.alert_id == alert_id, notices.c.message_id.is_(None))
        .distinct()
        .order_by(notices.c.channel)
    )
    found: Sequence[str] = await tx.scalars(statement)
    return found


async def delete_notifications(tx: Tx, *, before: datetime) -> int:
    old = (
        select(notifications.c.id)
        .where(
            notifications.c.status != NotificationStatus.DUE, notifications.c.updated_at < before
        )
        .limit(_DELETED_AT_ONCE)
    )
    return await tx.execute(delete(notifications).where(notifications.c.id.in_(old)))
