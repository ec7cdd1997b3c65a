"""What routes share that ask a charger something: queue it, audit it, wait for the answer."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Query, Request

from core.audit import service as audit
from core.chargers import registry
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Command
from core.commands.models import CommandRow
from core.commands.states import CommandStatus, Priority
from core.kernel.db import Tx
from core.kernel.doorbell import rung
from core.kernel.errors import PlatformError
from ops.operator_api.deps import Waiter
from partner_api.services import Services

OPEN: Final = frozenset({CommandStatus.QUEUED, CommandStatus.SENT})
_LOOK_AGAIN_S: Final = 1.0
"""A ring may be lost; the row tells the truth."""

Wait = Annotated[
    int,
    Query(ge=0, le=30, description="Seconds to wait for the charger; the answer comes earlier."),
]


async def connected_charger(tx: Tx, charger_id: str, *, version: str | None = None) -> Charger:
    """Return a charger that can hear a request, of one OCPP *version* if given.

    Raises:
        PlatformError: ``not_found``, ``charger_offline``, ``conflict``: it speaks another version.
    """
    charger = await registry.get(tx, charger_id)
    if not charger.online:
        raise PlatformError("charger_offline", "The charger is not connected; nothing was sent.")
    if version is not None and charger.ocpp_version != version:
        raise PlatformError(
            "conflict",
            f"This needs OCPP {version}; the charger is connected with {charger.ocpp_version}.",
        )
    return charger


async def ask(
    tx: Tx, request: Request, waiter: Waiter, charger: Charger, command: Command
) -> CommandRow:
    """Queue an act of an operator; it is sent and answered within the setting, or dies.

    Raises:
        PlatformError: ``overloaded``: the charger's queue is full.
    """
    timeout_s = Services.of(request.scope).settings.command_timeout.total_seconds()
    row = await commands.enqueue(
        tx,
        charger=charger,
        command=command,
        priority=Priority.OPERATOR,
        expires_at=tx.now + timedelta(seconds=timeout_s),
        timeout_s=timeout_s,
        requested_by=waiter.actor.name,
    )
    asked: dict[str, Any] = {"charger_id": charger.id, "kind": row.kind}
    await audit.record(tx, waiter.actor, "command.requested", row.id, after=asked)
    return row


async def settled(waiter: Waiter, command: CommandRow, *, wait_s: float) -> CommandRow:
    """Return the command when it has its end, or as it is after *wait_s* seconds."""
    clock = waiter.db.clock
    until_s = clock.monotonic() + wait_s
    async with waiter.db.doorbell.subscribe(commands.answer_topic(command.id)) as rings:
        while wait_s > 0 and command.status in OPEN:
            async with waiter.look() as tx:
                command = await commands.get(tx, command.id)
            left_s = until_s - clock.monotonic()
            if left_s <= 0 or command.status not in OPEN:
                break
            await rung(rings, within_s=min(left_s, _LOOK_AGAIN_S))
    return command
