"""SQL of desired states. Every state change of the table is in this file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from core.chargers.models import chargers
from core.chargers.states import Registration
from core.commands.models import commands
from core.commands.states import CommandStatus
from core.desired.models import Desired, desired_states
from core.desired.states import MACHINE, DesiredStatus
from core.kernel.db import Tx, guarded_move

_TO_SEND = (DesiredStatus.PENDING, DesiredStatus.DRIFTED)
_ENDED_UNANSWERED = (CommandStatus.TIMED_OUT, CommandStatus.EXPIRED)


async def add(tx: Tx, **values: Any) -> Desired:
    return await tx.one(insert(desired_states).values(**values).returning(desired_states), Desired)


async def move(
    tx: Tx,
    desired_id: str,
    to: DesiredStatus,
    *,
    sources: frozenset[DesiredStatus] | None = None,
    **values: Any,
) -> Desired | None:
    return await guarded_move(
        tx, desired_states, Desired, MACHINE, desired_id, to, sources=sources, **values
    )


async def set_reported(tx: Tx, desired_id: str, reported: dict[str, Any] | None) -> None:
    await tx.execute(
        update(desired_states)
        .where(desired_states.c.id == desired_id)
        .values(reported=reported, reported_at=tx.now)
    )


async def remove(tx: Tx, desired_id: str) -> None:
    await tx.execute(delete(desired_states).where(desired_states.c.id == desired_id))


async def by_id(tx: Tx, desired_id: str) -> Desired | None:
    return await tx.one_or_none(
        select(desired_states).where(desired_states.c.id == desired_id), Desired
    )


async def by_key(tx: Tx, charger_id: str, kind: str, key: str) -> Desired | None:
    statement = select(desired_states).where(
        desired_states.c.charger_id == charger_id,
        desired_states.c.kind == kind,
        desired_states.c.key == key,
    )
    return await tx.one_or_none(statement, Desired)


async def by_command(tx: Tx, command_id: str) -> Desired | None:
    return await tx.one_or_none(
        select(desired_states).where(desired_states.c.command_id == command_id), Desired
    )


async def of_charger(tx: Tx, charger_id: str, *, kind: str | None = None) -> Sequence[Desired]:
    statement = (
        select(desired_states)
        .where(desired_states.c.charger_id == charger_id)
        .order_by(desired_states.c.kind, desired_states.c.key)
    )
    if kind is not None:
        statement = statement.where(desired_states.c.kind == kind)
    return await tx.all(statement, Desired)


async def to_send(tx: Tx, charger_id: str) -> Sequence[Desired]:
    """Return what is due for a charger; nothing while one wish of it is under way."""
    under_way = select(desired_states.c.id).where(
        desired_states.c.charger_id == charger_id,
        desired_states.c.status == DesiredStatus.SENT,
    )
    if await tx.scalar(under_way.limit(1)) is not None:
        return []
    statement = (
        select(desired_states)
        .where(
            desired_states.c.charger_id == charger_id,
            desired_states.c.status.in_(_TO_SEND),
            desired_states.c.due_at <= tx.now,
        )
        .order_by(desired_states.c.number)
    )
    return await tx.all(statement, Desired)


async def chargers_with_work(tx: Tx, *, limit: int) -> Sequence[str]:
    """Return accepted chargers that are online and have something due."""
    statement = (
        select(desired_states.c.charger_id)
        .join(chargers, chargers.c.id == desired_states.c.charger_id)
        .where(
            desired_states.c.status.in_(_TO_SEND),
            desired_states.c.due_at <= tx.now,
            chargers.c.node_id.is_not(None),
            chargers.c.registration == Registration.ACCEPTED,
        )
        .distinct()
        .limit(limit)
    )
    return await tx.scalars(statement)


async def unanswered(tx: Tx, *, limit: int) -> Sequence[str]:
    """Return wishes whose command has ended without an answer."""
    statement = (
        select(desired_states.c.id)
        .join(commands, commands.c.id == desired_states.c.command_id)
        .where(
            desired_states.c.status == DesiredStatus.SENT,
            commands.c.status.in_(_ENDED_UNANSWERED),
        )
        .limit(limit)
    )
    return await tx.scalars(statement)
