"""What answers about holds mean, the same in both versions."""

from collections.abc import Sequence

from core.chargers.facts import StatusReported
from core.chargers.states import ConnectorStatus
from core.commands.commands import CancelReservation
from core.commands.models import CommandRow
from core.commands.reservation import Hold
from core.kernel.db import Tx
from core.operations import holds
from csms.protocol import Payload

_ACCEPTED = "Accepted"


async def learn_of_hold(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Record the answer to ReserveNow: Accepted, Faulted, Occupied, Rejected, Unavailable."""
    if command.kind == Hold.kind:
        status = str(answer.get("status"))
        await holds.answered(
            tx,
            command.charger_id,
            command.arguments["reservation"],
            accepted=status == _ACCEPTED,
            reason=status,
        )


async def noticed(tx: Tx, facts: Sequence[StatusReported]) -> None:
    """See whether what is reserved at a charger is a hold that it never confirmed."""
    for fact in facts:
        if fact.status is ConnectorStatus.RESERVED:
            await holds.seen_reserved(tx, fact.charger_id, fact.evse)


async def learn_of_release(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Record the answer to CancelReservation; Rejected: the charger knows no such reservation."""
    if command.kind == CancelReservation.kind:
        accepted = answer.get("status") == _ACCEPTED
        reservation = command.arguments["reservation"]
        await holds.released(tx, command.charger_id, reservation, accepted=accepted)
