"""Ask a charger to end a session: for a partner, at a limit, or because it must not go on."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from core.chargers.models import Charger, chargers
from core.commands import service as commands
from core.commands.commands import StopCharging
from core.commands.states import Priority
from core.kernel.db import Tx
from core.operations.models import Operation
from core.sessions import store
from core.sessions.models import Session
from core.sessions.states import StopReason

_ANSWER_WITHIN_S: Final = 30.0
_STOP_WITHIN: Final = timedelta(minutes=2)
_BATCH: Final = 500
_BY_PLATFORM: Final = frozenset(
    {StopReason.LIMIT_ENERGY, StopReason.LIMIT_TIME, StopReason.DEAUTHORIZED}
)


async def send_stop(
    tx: Tx,
    session: Session,
    charger: Charger,
    *,
    wanted: StopReason,
    expires_at: datetime,
    requested_by: str,
    operation_id: str | None = None,
    at_once: bool = False,
) -> None:
    """Queue the stop of *session*; *wanted* becomes its stop_reason when the charger obeys.

    Args:
        at_once: As of ``commands.enqueue``.
    """
    await store.want_stop(tx, session.id, wanted.value)
    await commands.enqueue(
        tx,
        charger=charger,
        command=StopCharging(transaction_ref=session.transaction_ref),
        priority=Priority.DRIVER,
        expires_at=expires_at,
        timeout_s=_ANSWER_WITHIN_S,
        requested_by=requested_by,
        operation_id=operation_id,
        session_id=session.id,
        at_once=at_once,
    )


async def stop_by_platform(tx: Tx, session: Session, *, wanted: StopReason) -> None:
    """Queue the platform's own stop of *session*, if its charger is there to hear it."""
    statement = select(chargers).where(chargers.c.id == session.charger_id)
    charger = await tx.one(statement, Charger)
    if charger.online:
        await send_stop(
            tx,
            session,
            charger,
            wanted=wanted,
            expires_at=tx.now + _STOP_WITHIN,
            requested_by="platform",
        )


async def stop_for_operation(tx: Tx, session: Session, operation: Operation) -> None:
    """Queue the stop that a partner asked for before the transaction appeared."""
    statement = select(chargers).where(chargers.c.id == session.charger_id)
    charger = await tx.one(statement, Charger)
    await send_stop(
        tx,
        session,
        charger,
        wanted=StopReason.PARTNER,
        expires_at=operation.deadline_at,
        requested_by=f"partner:{operation.partner_id}",
        operation_id=operation.id,
    )


def limit_reached(session: Session, now: datetime) -> StopReason | None:
    """Return the limit of the partner that *session* has reached."""
    limits = session.limits or {}
    energy_wh, minutes = limits.get("max_energy_wh"), limits.get("max_minutes")
    if energy_wh is not None and session.energy_wh >= energy_wh:
        return StopReason.LIMIT_ENERGY
    if minutes is not None and now >= session.started_at + timedelta(minutes=minutes):
        return StopReason.LIMIT_TIME
    return None


async def stop_what_must_not_go_on(tx: Tx) -> int:
    """Stop every session that has reached a limit or began too late; return how many.

    Each is asked again every minute until its charger reports the end.
    """
    stopped = 0
    for session in await store.to_be_stopped(tx, wanted=_BY_PLATFORM, limit=_BATCH):
        reached = limit_reached(session, tx.now)
        if reached is None and session.stop_wanted in _BY_PLATFORM:
            reached = StopReason(session.stop_wanted)
        if reached is not None:
            await stop_by_platform(tx, session, wanted=reached)
            stopped += 1
    return stopped
