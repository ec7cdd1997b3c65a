"""Tell the partner of a session what happened to it."""

from typing import Final

from core.chargers.store import station_of
from core.kernel.db import Tx
from core.sessions.models import Session
from core.sessions.orders import request_id_of
from core.sessions.views import session_view
from core.webhooks import service as webhooks

_TOLD: Final = "sessions-told"


async def publish(tx: Tx, session: Session, type_: str, *, order_id: str | None = None) -> None:
    """Write the event *type_* about *session*; a session of no partner has no event."""
    if session.partner_id is None:
        return
    request_id = await request_id_of(tx, session)
    await webhooks.emit(
        tx,
        partner_id=session.partner_id,
        livemode=session.livemode,
        type=type_,
        object_id=session.id,
        object_sequence=session.sequence,
        related={
            "operation_id": session.operation_id,
            "request_id": request_id,
            "session_id": session.id,
            "order_id": order_id,
        },
        obj=session_view(session, request_id=request_id),
        station_id=await station_of(tx, session.charger_id),
    )


async def publish_update(tx: Tx, session: Session) -> None:
    """Write ``session.updated`` if new figures made it due: once in a while for a session."""
    told: set[str] = tx.info.setdefault(_TOLD, set())
    if session.announced_at == tx.now and session.id not in told:
        told.add(session.id)
        await publish(tx, session, "session.updated")
