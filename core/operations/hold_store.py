"""SQL of holds. Every state change of the table is in this file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Executable, insert, select, update

from core.commands.models import commands
from core.commands.reservation import Hold as HoldCommand
from core.commands.states import MACHINE as COMMANDS
from core.commands.states import CommandStatus
from core.kernel.db import Tx
from core.kernel.queries import query
from core.kernel.rows import guarded_move
from core.operations.hold_models import (
    FIRST_RESERVATION,
    MACHINE,
    Hold,
    HoldStatus,
    holds,
)

_OPEN = sorted(MACHINE.unfinished)


async def add(tx: Tx, **values: Any) -> Hold:
    statement = insert(holds).values(
        status=HoldStatus.PENDING, created_at=tx.now, updated_at=tx.now, **values
    )
    return await tx.one(statement.returning(holds), Hold)


async def move(tx: Tx, hold_id: str, to: HoldStatus, **values: Any) -> Hold | None:
    return await guarded_move(tx, holds, Hold, MACHINE, hold_id, to, updated_at=tx.now, **values)


async def by_id(tx: Tx, hold_id: str) -> Hold | None:
    return await tx.one_or_none(select(holds).where(holds.c.id == hold_id), Hold)


async def by_reservation(tx: Tx, charger_id: str, reservation: int) -> Hold | None:
    if reservation <= FIRST_RESERVATION:
        return None
    statement = select(holds).where(
        holds.c.charger_id == charger_id, holds.c.number == reservation - FIRST_RESERVATION
    )
    return await tx.one_or_none(statement, Hold)


async def of_charger(
    tx: Tx, charger_id: str, *, before_number: int | None, limit: int
) -> Sequence[Hold]:
    statement = select(holds).where(holds.c.charger_id == charger_id)
    if before_number is not None:
        statement = statement.where(holds.c.number < before_number)
    return await tx.all(statement.order_by(holds.c.number.desc()).limit(limit), Hold)


async def add_to_reason(tx: Tx, hold_id: str, reason: str) -> None:
    """Say what became known of a hold that had failed."""
    statement = update(holds).where(holds.c.id == hold_id, holds.c.status == HoldStatus.FAILED)
    await tx.execute(statement.values(reason=reason, updated_at=tx.now))


async def unsettled(tx: Tx, *, limit: int) -> Sequence[str]:
    """Return the commands that are over while the hold they asked for is pending."""
    return await tx.scalars(_unsettled(limit))


@query
def _unsettled(limit: int) -> Executable:
    reservation = commands.c.arguments["reservation"].as_integer()
    return (
        select(commands.c.id)
        .join(holds, holds.c.charger_id == commands.c.charger_id)
        .where(
            holds.c.status == HoldStatus.PENDING,
            commands.c.kind == HoldCommand.kind,
            commands.c.status.in_(sorted(COMMANDS.final | {CommandStatus.TIMED_OUT})),
            reservation == holds.c.number + FIRST_RESERVATION,
        )
        .limit(limit)
    )


async def unanswered_at(tx: Tx, charger_id: str, evse: int, *, reason: str) -> Sequence[Hold]:
    """Return the holds that failed for *reason* and may be what keeps an EVSE reserved."""
    statement = select(holds).where(
        holds.c.charger_id == charger_id,
        holds.c.status == HoldStatus.FAILED,
        holds.c.reason == reason,
        holds.c.expires_at > tx.now,
        holds.c.evse.is_(None) | (holds.c.evse == evse),
    )
    return await tx.all(statement, Hold)


async def overdue(tx: Tx, *, limit: int) -> Sequence[str]:
    statement = select(holds.c.id).where(holds.c.status.in_(_OPEN), holds.c.expires_at <= tx.now)
    return await tx.scalars(statement.limit(limit))
