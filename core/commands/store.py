"""SQL of commands. Every state change of the table is in this file."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Executable, func, insert, select, true

from core.chargers.models import Standing, chargers
from core.chargers.store import station_known
from core.commands.models import IS_OPEN, IS_QUEUED, CommandRow, commands
from core.commands.states import MACHINE, CommandStatus
from core.kernel.db import Tx
from core.kernel.given import is_among
from core.kernel.queries import On, Prepared, bound, filled, parameter, query, unindexed
from core.kernel.rows import guarded_move, insert_rows


async def add(tx: Tx, *, at_most: int, **values: Any) -> CommandRow | None:
    """Queue a command; ``None`` if *at_most* wait for its charger already."""
    values["at_most"] = at_most
    return await tx.one_or_none(filled(_add(tuple(values)), values), CommandRow)


@cache
def _add(names: tuple[str, ...]) -> Prepared:
    def build(_: On) -> Executable:
        columns = [name for name in names if name != "at_most"]
        row = select(*(bound(parameter(name), commands.c[name].type) for name in columns))
        waiting = select(func.count()).where(
            commands.c.charger_id == parameter("charger_id"), IS_QUEUED
        )
        has_room = waiting.scalar_subquery() < parameter("at_most")
        added = insert(commands).from_select(columns, row.where(has_room))
        return added.returning(commands)

    return Prepared(build)


async def add_all(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, commands, rows)


async def queued_kinds(tx: Tx, charger_id: str) -> Sequence[str]:
    """Return the kind of each command that waits for a charger."""
    return await tx.scalars(_queued_kinds(charger_id))


@query
def _queued_kinds(charger_id: str) -> Executable:
    return select(commands.c.kind).where(commands.c.charger_id == charger_id, IS_QUEUED)


async def move(tx: Tx, command_id: str, to: CommandStatus, **values: Any) -> CommandRow | None:
    return await guarded_move(tx, commands, CommandRow, MACHINE, command_id, to, **values)


async def next_queued(
    tx: Tx, charger_id: str, *, without: Collection[str] = ()
) -> Sequence[CommandRow]:
    """Return the two most urgent commands that may still be sent, of kinds but *without*."""
    statement = _next_queued(tx, charger_id, now=tx.now, without=sorted(without) or None)
    return await tx.all(statement, CommandRow)


@query
def _next_queued(
    on: On, charger_id: str, *, now: datetime, without: list[str] | None = None
) -> Executable:
    statement = (
        select(commands)
        .where(
            commands.c.charger_id == charger_id,
            IS_QUEUED,
            unindexed(commands.c.expires_at) > now,
        )
        .order_by(commands.c.priority, commands.c.number)
        .limit(2)
    )
    if without is not None:
        statement = statement.where(~is_among(on, commands.c.kind, without))
    return statement


async def standing(tx: Tx, charger_id: str) -> tuple[Standing | None, Sequence[CommandRow]]:
    """Return how a charger stands (``None``: removed), and the two that ``next_queued`` would."""
    rows = await tx.all(_standing(charger_id, now=tx.now))
    if not rows:
        return None, ()
    until = len(_STANDING)
    found = Standing(**dict(zip(_STANDING, rows[0][:until], strict=True)))
    station_known(tx, found.id, found.station_id)
    queued = [
        CommandRow(**dict(zip(_COMMAND, row[until:], strict=True)))
        for row in rows
        if row[until] is not None
    ]
    return found, queued


_STANDING: Final = tuple(one.name for one in fields(Standing))
_COMMAND: Final = tuple(commands.c.keys())


@query
def _standing(charger_id: str, *, now: datetime) -> Executable:
    queued = (
        select(commands)
        .where(
            commands.c.charger_id == charger_id,
            IS_QUEUED,
            unindexed(commands.c.expires_at) > now,
        )
        .order_by(commands.c.priority, commands.c.number)
        .limit(2)
        .subquery("queued")
    )
    return (
        select(
            *(chargers.c[name].label(f"charger_{name}") for name in _STANDING),
            *(queued.c[name].label(f"command_{name}") for name in _COMMAND),
        )
        .select_from(chargers.outerjoin(queued, true()))
        .where(chargers.c.id == charger_id, chargers.c.removed_at.is_(None))
        .order_by(queued.c.priority, queued.c.number)
    )


async def by_id(tx: Tx, command_id: str) -> CommandRow | None:
    return await tx.one_or_none(_by_id(command_id), CommandRow)


@query
def _by_id(command_id: str) -> Executable:
    return select(commands).where(commands.c.id == command_id)


async def of_operation(tx: Tx, operation_id: str) -> Sequence[CommandRow]:
    statement = (
        select(commands).where(commands.c.operation_id == operation_id).order_by(commands.c.number)
    )
    return await tx.all(statement, CommandRow)


async def waiting_on(tx: Tx, node_id: str, *, until: int | None) -> Sequence[str]:
    """Return the chargers of *node_id* for which something is queued, before a priority."""
    return await tx.scalars(_waiting_on(node_id, now=tx.now, until=until))


@query
def _waiting_on(node_id: str, *, now: datetime, until: int | None = None) -> Executable:
    statement = (
        select(commands.c.charger_id)
        .join(chargers, chargers.c.id == commands.c.charger_id)
        .where(IS_QUEUED, commands.c.expires_at > now, chargers.c.node_id == node_id)
        .distinct()
    )
    return statement if until is None else statement.where(commands.c.priority < until)


async def overdue(tx: Tx, *, limit: int) -> Sequence[str]:
    """Return queued commands that it is too late to send."""
    return await tx.scalars(_overdue(limit, now=tx.now))


@query
def _overdue(limit: int, *, now: datetime) -> Executable:
    too_late = commands.c.expires_at <= now
    return select(commands.c.id).where(IS_QUEUED, IS_OPEN, too_late).limit(limit)


async def unanswered(tx: Tx, *, before: datetime, limit: int) -> Sequence[str]:
    """Return commands sent before *before* that nobody waits for any more (their node died)."""
    return await tx.scalars(_unanswered(before, limit))


@query
def _unanswered(before: datetime, limit: int) -> Executable:
    is_sent = commands.c.status == CommandStatus.SENT
    return select(commands.c.id).where(IS_OPEN, is_sent, commands.c.sent_at <= before).limit(limit)


async def queued_of(
    tx: Tx,
    *,
    charger_id: str | None = None,
    operation_id: str | None = None,
    kind: str | None = None,
) -> Sequence[str]:
    statement = _queued_of(charger_id=charger_id, operation_id=operation_id, kind=kind)
    return await tx.scalars(statement)


@query
def _queued_of(
    *,
    charger_id: str | None = None,
    operation_id: str | None = None,
    kind: str | None = None,
) -> Executable:
    statement = select(commands.c.id).where(IS_QUEUED)
    if kind is not None:
        statement = statement.where(commands.c.kind == kind)
    if charger_id is not None:
        statement = statement.where(commands.c.charger_id == charger_id)
    if operation_id is not None:
        statement = statement.where(commands.c.operation_id == operation_id)
    return statement


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
