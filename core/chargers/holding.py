"""Use case of operators: make an accepted charger wait for approval again."""

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import registry, store
from core.chargers.models import Charger
from core.chargers.states import Registration
from core.chargers.text import storable
from core.kernel.db import Tx
from core.kernel.errors import PlatformError

MAX_REASON_CHARS = 200


async def hold(tx: Tx, actor: Actor, charger_id: str, *, reason: str) -> Charger:
    """Hold an accepted charger back: no session starts there until it is approved again.

    It learns that at its next boot, which is answered ``Pending`` (OCPP 2.0.1 B02, OCPP 1.6 4.2).
    What goes on there ends as it should: messages about transactions are still taken (I19).

    Raises:
        PlatformError: ``not_found``; ``conflict`` if it is not accepted.
    """
    before = await registry.get(tx, charger_id)
    after = await store.move_charger(
        tx,
        charger_id,
        Registration.PENDING,
        sources=frozenset({Registration.ACCEPTED}),
        held_reason=storable(reason, max_chars=MAX_REASON_CHARS),
    )
    if after is None:
        raise PlatformError("conflict", f"The charger is {before.registration}.")
    await audit.record(
        tx,
        actor,
        "charger.held",
        charger_id,
        before={"registration": before.registration},
        after={"registration": after.registration, "reason": after.held_reason},
    )
    return after
