"""SQL of desired states. Every state change of the table is in this file."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Executable, String, and_, delete, func, insert, or_, select, update

from core.chargers.models import chargers
from core.chargers.states import Registration
from core.commands.models import commands
from core.commands.states import CommandStatus
from core.desired.models import Desired, desired_states
from core.desired.states import MACHINE, DesiredStatus
from core.kernel.db import Tx
from core.kernel.given import is_among
from core.kernel.queries import On, bound, query
from core.kernel.rows import guarded_move

_TO_SEND = (DesiredStatus.PENDING, DesiredStatus.DRIFTED)
_ENDED_UNANSWERED = (CommandStatus.TIMED_OUT, CommandStatus.EXPIRED)

_LOCKED: Final = "desired-locked"


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
    return await tx.one_or_none(_by_key(charger_id, kind, key), Desired)


@query
def _by_key(charger_id: str, kind: str, key: str) -> Executable:
    return select(desired_states).where(
        desired_states.c.charger_id == charger_id,
        desired_states.c.kind == kind,
        desired_states.c.key == key,
    )


async def lock(tx: Tx, charger_id: str) -> None:
    """Let nobody else decide about the wishes of a charger until this transaction ends.

    Taken before any of their rows, and for several chargers in the order of their ids. SQLite has
    one writer at a time anyway.
    """
    held: set[str] = tx.info.setdefault(_LOCKED, set())
    if tx.dialect == "postgresql" and charger_id not in held:
        await tx.all(_lock(f"desired_states:{charger_id}"))
        held.add(charger_id)


@query
def _lock(name: str) -> Executable:
    return select(func.pg_advisory_xact_lock(func.hashtextextended(bound(name, String()), 0)))


async def has_any(tx: Tx, charger_id: str) -> bool:
    """Tell whether anything is wished of a charger, or was."""
    return await tx.scalar(_any_of(charger_id)) is not None


@query
def _any_of(charger_id: str) -> Executable:
    return select(desired_states.c.id).where(desired_states.c.charger_id == charger_id).limit(1)


async def of_charger(tx: Tx, charger_id: str, *, kind: str | None = None) -> Sequence[Desired]:
    return await tx.all(_of_charger(charger_id, kind=kind), Desired)


@query
def _of_charger(charger_id: str, *, kind: str | None = None) -> Executable:
    statement = (
        select(desired_states)
        .where(desired_states.c.charger_id == charger_id)
        .order_by(desired_states.c.kind, desired_states.c.key)
    )
    return statement if kind is None else statement.where(desired_states.c.kind == kind)


async def of_chargers(tx: Tx, charger_ids: Collection[str], *, kind: str) -> Sequence[Desired]:
    return await tx.all(_of_chargers(tx, sorted(charger_ids), kind), Desired)


@query
def _of_chargers(on: On, charger_ids: list[str], kind: str) -> Executable:
    of_them = is_among(on, desired_states.c.charger_id, charger_ids)
    return select(desired_states).where(of_them, desired_states.c.kind == kind)


async def to_send(tx: Tx, charger_id: str) -> Sequence[Desired]:
    """Return what is due for a charger; nothing while one wish of it is under way."""
    return await tx.all(_to_send(charger_id, now=tx.now), Desired)


@query
def _to_send(charger_id: str, *, now: datetime) -> Executable:
    other = desired_states.alias()
    under_way = select(other.c.id).where(
        other.c.charger_id == charger_id, other.c.status == DesiredStatus.SENT
    )
    return (
        select(desired_states)
        .where(
            desired_states.c.charger_id == charger_id,
            desired_states.c.status.in_(_TO_SEND),
            desired_states.c.due_at <= now,
            ~under_way.exists(),
        )
        .order_by(desired_states.c.number)
    )


async def make_due(tx: Tx, charger_id: str, *, below_attempts: int) -> None:
    """End the pauses of what was not answered yet or could not be sent."""
    await tx.execute(_make_due(charger_id, below_attempts, now=tx.now))


@query
def _make_due(charger_id: str, below_attempts: int, *, now: datetime) -> Executable:
    return (
        update(desired_states)
        .where(
            desired_states.c.charger_id == charger_id,
            desired_states.c.status == DesiredStatus.PENDING,
            desired_states.c.due_at > now,
            desired_states.c.attempts < below_attempts,
        )
        .values(due_at=now)
    )


async def chargers_with_work(
    tx: Tx, *, kinds: Collection[str], kinds_while_pending: Collection[str], limit: int
) -> Sequence[str]:
    """Return chargers that are online and have something due, of those kinds."""
    accepted = and_(
        chargers.c.registration == Registration.ACCEPTED,
        desired_states.c.kind.in_(sorted(kinds)),
    )
    pending = and_(
        chargers.c.registration == Registration.PENDING,
        desired_states.c.kind.in_(sorted(kinds_while_pending)),
    )
    sent = desired_states.alias()
    under_way = (
        select(sent.c.id)
        .where(
            sent.c.charger_id == desired_states.c.charger_id, sent.c.status == DesiredStatus.SENT
        )
        .exists()
    )
    statement = (
        select(desired_states.c.charger_id)
        .join(chargers, chargers.c.id == desired_states.c.charger_id)
        .where(
            desired_states.c.status.in_(_TO_SEND),
            desired_states.c.due_at <= tx.now,
            chargers.c.node_id.is_not(None),
            chargers.c.removed_at.is_(None),
            or_(accepted, pending),
            ~under_way,
        )
        .distinct()
        .limit(limit)
    )
    return await tx.scalars(statement)


async def unanswered(tx: Tx, *, limit: int) -> Sequence[tuple[str, str, bool]]:
    """Return (charger, wish, whether it was sent) of wishes whose command ended unanswered."""
    statement = (
        select(
            desired_states.c.charger_id,
            desired_states.c.id,
            commands.c.status == CommandStatus.TIMED_OUT,
        )
        .join(commands, commands.c.id == desired_states.c.command_id)
        .where(
            desired_states.c.status == DesiredStatus.SENT,
            commands.c.status.in_(_ENDED_UNANSWERED),
        )
        .limit(limit)
    )
    rows: Sequence[Any] = await tx.all(statement)
    return [(charger_id, id_, bool(sent)) for charger_id, id_, sent in rows]


async def newest(
    tx: Tx,
    *,
    status: DesiredStatus | None,
    kind: str | None,
    charger_id: str | None,
    before_number: int | None,
    limit: int,
) -> Sequence[Desired]:
    statement = select(desired_states).order_by(desired_states.c.number.desc()).limit(limit)
    wanted = {"status": status, "kind": kind, "charger_id": charger_id}
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(desired_states.c[name] == value)
    if before_number is not None:
        statement = statement.where(desired_states.c.number < before_number)
    return await tx.all(statement, Desired)
