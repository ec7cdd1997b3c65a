"""A vehicle that means to take more than it may gets its profile again (OCPP 2.0.1 K15 to K17).

The charger negotiates with it anew then. It may answer the same for ever, so that a schedule is
answered once, and a transaction a few times.
"""

from dataclasses import replace
from typing import Any, Final

import msgspec
import structlog

from core.audit.service import PLATFORM
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.smart_charging import SetChargingProfile
from core.commands.states import Priority
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.smart_charging import service, store
from core.smart_charging.composite import Running
from core.smart_charging.models import VehicleNeeds
from core.smart_charging.profiles import OWN_SOURCE, Profile, Purpose, Schedule, from_document

log = structlog.get_logger()

MAX_RENEGOTIATIONS: Final = 5
"""Of one transaction."""


async def renegotiate(
    tx: Tx, charger: Charger, told: Schedule, *, evse: int, running: Running, session_id: str
) -> None:
    """Send the profile of a transaction once more, as its vehicle *told* too much."""
    row = await store.needs_at(tx, charger.id, evse)
    profile = await _in_force(tx, charger.id, row, evse=evse, running=running)
    times, before = _so_far(row, running)
    told = replace(told, start=None)
    reason = None
    if profile is None:
        reason = "the transaction has no profile"
    elif times >= MAX_RENEGOTIATIONS:
        reason = "told often enough"
    elif told == before:
        reason = "told already"
    elif await commands.is_on_its_way(
        tx, charger_id=charger.id, session_id=session_id, kind=SetChargingProfile.kind
    ):
        reason = "another profile is on its way"
    if profile is None or reason is not None:
        log.warning("not_renegotiated", evse=evse, session_id=session_id, reason=reason)
        return
    try:
        await service.send_for_transaction(
            tx,
            PLATFORM,
            charger,
            profile,
            session_id=session_id,
            timeout_s=service.WITHIN_S,
            priority=Priority.DRIVER,
        )
    except PlatformError as exc:
        log.warning("not_renegotiated", evse=evse, session_id=session_id, reason=exc.code)
        return
    document = {
        "transaction_ref": running.ref,
        "times": times + 1,
        "schedule": msgspec.to_builtins(told),
    }
    await store.change_needs(tx, charger.id, evse, renegotiated=document)


async def _in_force(
    tx: Tx, charger_id: str, row: VehicleNeeds | None, *, evse: int, running: Running
) -> Profile | None:
    """Return the profile of a transaction that counts, else the plan that was sent for it."""
    mine = [
        known
        for known in await store.profiles_of(tx, charger_id)
        if (known.source, known.purpose, known.evse) == (OWN_SOURCE, Purpose.TRANSACTION, evse)
        and known.transaction_ref == running.ref
    ]
    if mine:
        return from_document(max(mine, key=lambda known: known.stack_level).document)
    if row is None or row.plan is None or row.transaction_ref != running.ref:
        return None
    return from_document(row.plan["profile"])


def _so_far(row: VehicleNeeds | None, running: Running) -> tuple[int, Schedule | None]:
    """Return how often it was renegotiated, and because of which schedule last."""
    document: dict[str, Any] = (row.renegotiated if row is not None else None) or {}
    if document.get("transaction_ref") != running.ref:
        return 0, None
    return document["times"], service.schedule_from(document["schedule"])
