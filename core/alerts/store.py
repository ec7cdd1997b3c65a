"""SQL of alerts. Every change of the table is in this file."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, update

from core.alerts.kinds import AlertKind
from core.alerts.models import Alert, alerts, notices
from core.alerts.states import MACHINE, AlertStatus, Severity
from core.kernel.db import Tx
from core.kernel.page import Page, Slice, paginate
from core.kernel.rows import guarded_move, insert_once

_UNRESOLVED: Final = sorted(MACHINE.unfinished)
_AT_ONCE: Final = 100
_DELETED_AT_ONCE: Final = 1000


async def add(tx: Tx, **values: Any) -> Alert | None:
    """Add an alert; ``None``: one of its kind and key is not resolved."""
    times = {"created_at": tx.now, "updated_at": tx.now, "last_seen_at": tx.now}
    return await insert_once(tx, alerts, Alert, count=1, **times, **values)


async def unresolved(tx: Tx, kind: AlertKind, key: str) -> Alert | None:
    """Return the alert of a kind and key that is not resolved, and lock it."""
    statement = (
        select(alerts)
        .where(alerts.c.kind == kind, alerts.c.key == key, alerts.c.status.in_(_UNRESOLVED))
        .with_for_update()
    )
    return await tx.one_or_none(statement, Alert)


async def unresolved_keys(tx: Tx, kind: AlertKind) -> Sequence[str]:
    statement = select(alerts.c.key).where(alerts.c.kind == kind, alerts.c.status.in_(_UNRESOLVED))
    found: Sequence[str] = await tx.scalars(statement)
    return found


async def see_again(tx: Tx, alert_id: str, **values: Any) -> None:
    """Count one more of an alert that the transaction holds locked."""
    statement = (
        update(alerts)
        .where(alerts.c.id == alert_id, alerts.c.status.in_(_UNRESOLVED))
        .values(count=alerts.c.count + 1, last_seen_at=tx.now, updated_at=tx.now, **values)
    )
    await tx.execute(statement)


async def move(
    tx: Tx,
    alert_id: str,
    to: AlertStatus,
    *,
    sources: frozenset[AlertStatus] | None = None,
    **values: Any,
) -> Alert | None:
    return await guarded_move(
        tx, alerts, Alert, MACHINE, alert_id, to, sources=sources, updated_at=tx.now, **values
    )


async def alert(tx: Tx, alert_id: str) -> Alert | None:
    return await tx.one_or_none(select(alerts).where(alerts.c.id == alert_id), Alert)


async def page(
    tx: Tx,
    wanted: Page,
    *,
    status: AlertStatus | None,
    severity: Severity | None,
    kind: AlertKind | None,
    object_id: str | None,
) -> Slice[Alert]:
    given = {"status": status, "severity": severity, "kind": kind, "object_id": object_id}
    statement = select(alerts)
    for name, value in given.items():
        if value is not None:
            statement = statement.where(alerts.c[name] == value)
    return await paginate(tx, statement, alerts, wanted, Alert)


async def silent(tx: Tx, kind: AlertKind, *, before: datetime) -> Sequence[Alert]:
    """Return alerts of a kind that were not raised since *before*, and lock them."""
    statement = (
        select(alerts)
        .where(
            alerts.c.status.in_(_UNRESOLVED),
            alerts.c.kind == kind,
            alerts.c.last_seen_at < before,
        )
        .order_by(alerts.c.key)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return await tx.all(statement, Alert)


async def delete_resolved(tx: Tx, *, before: datetime) -> int:
    """Delete some alerts that were resolved before an instant, with what was to be told of them."""
    old = (
        select(alerts.c.id)
        .where(alerts.c.status == AlertStatus.RESOLVED, alerts.c.updated_at < before)
        .limit(_DELETED_AT_ONCE)
    )
    ids = await tx.scalars(old)
    if not ids:
        return 0
    await tx.execute(delete(notices).where(notices.c.alert_id.in_(ids)))
    return await tx.execute(delete(alerts).where(alerts.c.id.in_(ids)))


async def unresolved_by_severity(tx: Tx) -> dict[Severity, int]:
    """Return how many alerts are not resolved."""
    statement = (
        select(alerts.c.severity, func.count().label("found"))
        .where(alerts.c.status.in_(_UNRESOLVED))
        .group_by(alerts.c.severity)
    )
    return {Severity(row.severity): int(row.found) for row in await tx.all(statement)}
