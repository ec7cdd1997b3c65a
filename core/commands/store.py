"""SQL of commands. Every state change of the table is in this file."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from core.chargers.models import chargers
from core.commands.models import CommandRow, commands
from core.commands.states import MACHINE, CommandStatus
from core.kernel.db import Tx, guarded_move


async def add(tx: Tx, **values: Any) -> CommandRow:
    return await tx.one(insert(commands).values(**values).returning(commands), CommandRow)


async def move(tx: Tx, command_id: str, to: CommandStatus, **values: Any) -> CommandRow | None:
    return await guarded_move(tx, commands, CommandRow, MACHINE, command_id, to, **values)


async def next_queued(
    tx: Tx, charger_id: str, *, without: Collection[str] = ()
) -> CommandRow | None:
    """Return the most urgent command that may still be sent, of kinds other than *without*."""
    statement = (
        select(commands)
        .where(
            commands.c.charger_id == charger_id,
            commands.c.status == CommandStatus.QUEUED,
            commands.c.expires_at > tx.now,
        )
        .order_by(commands.c.priority, commands.c.number)
        .limit(1)
    )
    if without:
        statement = statement.where(commands.c.kind.not_in(sorted(without)))
    return await tx.one_or_none(statement, CommandRow)


async def by_id(tx: Tx, command_id: str) -> CommandRow | None:
    return await tx.one_or_none(select(commands).where(commands.c.id == command_id), CommandRow)


async def of_operation(tx: Tx, operation_id: str) -> Sequence[CommandRow]:
    statement = (
        select(commands).where(commands.c.operation_id == operation_id).order_by(commands.c.number)
    )
    return await tx.all(statement, CommandRow)


async def waiting_on(tx: Tx, node_id: str) -> Sequence[str]:
    """Return the chargers of *node_id* for which something is queued."""
    statement = (
        select(commands.c.charger_id)
        .join(chargers, chargers.c.id == commands.c.charger_id)
        .where(
            commands.c.status == CommandStatus.QUEUED,
            commands.c.expires_at > tx.now,
            chargers.c.node_id == node_id,
        )
        .distinct()
    )
    return await tx.scalars(statement)


async def overdue(tx: Tx, *, limit: int) -> Sequence[str]:
    """Return queued commands that it is too late to send."""
    statement = (
        select(commands.c.id)
        .where(commands.c.status == CommandStatus.QUEUED, commands.c.expires_at <= tx.now)
        .limit(limit)
    )
    return await tx.scalars(statement)


async def unanswered(tx: Tx, *, before: datetime, limit: int) -> Sequence[str]:
    """Return commands sent before *before* that nobody waits for any more (their node died)."""
    statement = (
        select(commands.c.id)
        .where(commands.c.status == CommandStatus.SENT, commands.c.sent_at <= before)
        .limit(limit)
    )
    return await tx.scalars(statement)


async def queued_of(
    tx: Tx,
    *,
    charger_id: str | None = None,
    operation_id: str | None = None,
    kind: str | None = None,
) -> Sequence[str]:
    statement = select(commands.c.id).where(commands.c.status == CommandStatus.QUEUED)
    if kind is not None:
        statement = statement.where(commands.c.kind == kind)
    if charger_id is not None:
        statement = statement.where(commands.c.charger_id == charger_id)
    if operation_id is not None:
        statement = statement.where(commands.c.operation_id == operation_id)
    return await tx.scalars(statement)


async def open_of_session(tx: Tx, session_id: str, *, charger_id: str, kind: str) -> Sequence[str]:
    statement = select(commands.c.id).where(
        commands.c.status.in_([CommandStatus.QUEUED, CommandStatus.SENT]),
        commands.c.charger_id == charger_id,
        commands.c.session_id == session_id,
        commands.c.kind == kind,
    )
    return await tx.scalars(statement)


async def newest(
    tx: Tx, charger_id: str, *, before_number: int | None, limit: int
) -> Sequence[CommandRow]:
    statement = (
        select(commands)
        .where(commands.c.charger_id == charger_id)
        .order_by(commands.c.number.desc())
        .limit(limit)
    )
    if before_number is not None:
        statement = statement.where(commands.c.number < before_number)
    return await tx.all(statement, CommandRow)


async def set_action(tx: Tx, command_id: str, action: str) -> None:
    await tx.execute(update(commands).where(commands.c.id == command_id).values(action=action))
