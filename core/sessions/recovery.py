"""A charger that rebooted in mid session: ask, wait, and end by estimate if nothing comes."""

from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import select

from core.chargers.models import Charger, Connector, chargers, connectors
from core.commands import service as commands
from core.commands.commands import ReportTransaction
from core.commands.states import Priority
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.sessions import store
from core.sessions.ending import close
from core.sessions.models import Session
from core.sessions.states import StopReason

log = structlog.get_logger()

_ASK_WITHIN: Final = timedelta(minutes=5)
_ANSWER_WITHIN_S: Final = 30.0
_BATCH: Final = 200


async def booted(tx: Tx, charger_id: str) -> None:
    """Doubt the open sessions of a charger that has just booted, and ask it about them."""
    found = await store.open_of_charger(tx, charger_id)
    if not found:
        return
    charger = await tx.one(select(chargers).where(chargers.c.id == charger_id), Charger)
    for session in found:
        if session.suspect_since is None:
            await store.change(tx, session.id, suspect_since=tx.now)
        await _ask(tx, charger, session)


async def _ask(tx: Tx, charger: Charger, session: Session) -> None:
    statement = select(connectors).where(connectors.c.id == session.connector_id)
    connector = await tx.one_or_none(statement, Connector)
    if connector is None or not charger.online:
        return
    question = ReportTransaction(transaction_ref=session.transaction_ref, evse=connector.evse)
    was_in_doubt = session.suspect_since is not None
    if was_in_doubt and await commands.is_queued(tx, charger_id=charger.id, command=question):
        return
    try:
        await commands.enqueue(
            tx,
            charger=charger,
            command=question,
            priority=Priority.BACKGROUND,
            expires_at=tx.now + _ASK_WITHIN,
            timeout_s=_ANSWER_WITHIN_S,
            requested_by="platform",
            session_id=session.id,
        )
    except PlatformError as exc:  # the queue is full: a boot is not refused for that
        log.warning("session_not_asked_about", session_id=session.id, code=exc.code)


async def status_told(tx: Tx, session_id: str, *, ongoing: bool | None, queued: bool) -> None:
    """Record what a charger answered about a session in doubt (2.x GetTransactionStatus).

    *ongoing*: it goes on, so the doubt is over. *queued*: messages about it will still come.
    """
    if ongoing and not queued:
        await store.change(tx, session_id, suspect_since=None)


async def close_suspects(tx: Tx, *, grace: timedelta) -> int:
    """End sessions in doubt for longer than *grace* from their last register, as estimated.

    A stop that comes later corrects the order.
    """
    suspects = await store.suspects(tx, before=tx.now - grace, limit=_BATCH)
    for session in suspects:
        await close(
            tx,
            session,
            flags={*session.flags, "estimated_end"},
            reason="estimate",
            ended_at=session.last_at or session.started_at,
            stop_reason=StopReason.REBOOT.value,
        )
    return len(suspects)
