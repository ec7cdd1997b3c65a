"""Use case of operators: approve a charger that waits, and let it boot again at once."""

from datetime import timedelta

from core.audit.service import Actor
from core.chargers import registry
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.configuration import Trigger
from core.commands.states import Priority
from core.kernel.db import Tx
from core.kernel.errors import PlatformError

WITHIN = timedelta(minutes=1)


async def approve(tx: Tx, actor: Actor, charger_id: str) -> Charger:
    """Let a pending or rejected charger work.

    If it is there it is asked to boot again (OCPP 2.0.1 B02.FR.02 and F06); one that cannot be
    asked boots by itself at the end of its interval.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if it is neither.
    """
    charger = await registry.approve(tx, actor, charger_id)
    if charger.online and charger.boot_status != "Accepted":
        try:
            await commands.enqueue(
                tx,
                charger=charger,
                command=Trigger(message="boot_notification"),
                priority=Priority.OPERATOR,
                expires_at=tx.now + WITHIN,
                timeout_s=WITHIN.total_seconds() / 2,
                requested_by=actor.name,
            )
        except PlatformError as exc:
            if exc.code != "overloaded":
                raise
    return charger
