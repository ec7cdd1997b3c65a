"""Have a charger forget a reservation that counts no more here."""

from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import select

from core.chargers.models import Charger, chargers
from core.commands import service as commands
from core.commands.commands import CancelReservation
from core.commands.states import Priority
from core.kernel.db import Tx
from core.kernel.errors import PlatformError

log = structlog.get_logger()

_RELEASE_WITHIN: Final = timedelta(minutes=2)
_ANSWER_WITHIN_S: Final = 30.0


async def release(tx: Tx, charger_id: str, number: int) -> None:
    """Ask a connected charger to cancel reservation *number*; one that is away is not asked."""
    charger = await tx.one(select(chargers).where(chargers.c.id == charger_id), Charger)
    if not charger.online:
        return
    try:
        await commands.enqueue(
            tx,
            charger=charger,
            command=CancelReservation(reservation=number),
            priority=Priority.DRIVER,
            expires_at=tx.now + _RELEASE_WITHIN,
            timeout_s=_ANSWER_WITHIN_S,
            requested_by="platform",
        )
    except PlatformError as exc:  # its queue is full: the reservation ends with its own time
        log.warning("release_not_queued", charger_id=charger_id, reason=exc.code)
