"""SQL of fleet commands and their targets. Every change of the tables is in this file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, func, insert, select, update

from core.chargers.models import chargers
from core.chargers.states import Registration
from core.commands.models import commands
from core.commands.states import CommandStatus
from core.desired.models import desired_states
from core.desired.states import DesiredStatus
from core.fleet.models import FleetCommand, Target, fleet_commands, fleet_targets
from core.fleet.states import FLEET, TARGET, FleetStatus, TargetStatus
from core.kernel.db import Tx
from core.kernel.queries import query
from core.kernel.rows import guarded_move, insert_once
from core.sandbox.models import sandbox_chargers

CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which chargers; every member that is given narrows it."""

    charger_ids: tuple[str, ...] | None = None
    station_id: str | None = None
    vendor: str | None = None
    model: str | None = None
    firmware_version: str | None = None


async def choose(tx: Tx, wanted: Selection, *, limit: int) -> Sequence[tuple[str, Registration]]:
    """Return (id, registration) of the chargers that fit, in the order of their ids.

    Simulated chargers of sandboxes are nobody's fleet: they are left out unless they are named.
    """
    statement = (
        select(chargers.c.id, chargers.c.registration)
        .where(chargers.c.removed_at.is_(None))
        .order_by(chargers.c.id)
        .limit(limit)
    )
    for name in ("station_id", "vendor", "model", "firmware_version"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(chargers.c[name] == value)
    if wanted.charger_ids is None:
        simulated = select(sandbox_chargers.c.charger_id)
        statement = statement.where(chargers.c.id.not_in(simulated))
        rows: Sequence[Any] = await tx.all(statement)
        return [(row.id, Registration(row.registration)) for row in rows]
    found: list[tuple[str, Registration]] = []
    ids = sorted(set(wanted.charger_ids))
    for first in range(0, len(ids), CHUNK):
        part = statement.where(chargers.c.id.in_(ids[first : first + CHUNK]))
        rows = await tx.all(part)
        found += [(row.id, Registration(row.registration)) for row in rows]
    return found


async def add(tx: Tx, **values: Any) -> FleetCommand | None:
    """Insert; ``None`` if the request id is taken."""
    return await insert_once(tx, fleet_commands, FleetCommand, **values)


async def add_targets(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    for first in range(0, len(rows), CHUNK):
        await tx.execute(insert(fleet_targets), rows[first : first + CHUNK])


async def move(tx: Tx, fleet_id: str, to: FleetStatus, **values: Any) -> FleetCommand | None:
    return await guarded_move(
        tx, fleet_commands, FleetCommand, FLEET, fleet_id, to, changed_at=tx.now, **values
    )


async def close(tx: Tx, fleet_id: str) -> None:
    """Note that every target has its outcome."""
    await tx.execute(
        update(fleet_commands).where(fleet_commands.c.id == fleet_id).values(closed_at=tx.now)
    )


async def move_target(tx: Tx, target_id: str, to: TargetStatus, **values: Any) -> Target | None:
    return await guarded_move(tx, fleet_targets, Target, TARGET, target_id, to, **values)


async def skip_pending(tx: Tx, fleet_id: str, *, reason: str) -> int:
    statement = (
        update(fleet_targets)
        .where(
            fleet_targets.c.fleet_command_id == fleet_id,
            fleet_targets.c.status == TargetStatus.PENDING,
        )
        .values(status=TargetStatus.SKIPPED, reason=reason, ended_at=tx.now)
    )
    return await tx.execute(statement)


async def by_id(tx: Tx, fleet_id: str) -> FleetCommand | None:
    return await tx.one_or_none(
        select(fleet_commands).where(fleet_commands.c.id == fleet_id), FleetCommand
    )


async def by_request(tx: Tx, request_id: str) -> FleetCommand | None:
    return await tx.one_or_none(
        select(fleet_commands).where(fleet_commands.c.request_id == request_id), FleetCommand
    )


async def open_ids(tx: Tx) -> Sequence[str]:
    """Return the fleet commands that have targets without an outcome, oldest first."""
    return await tx.scalars(_open_ids())


@query
def _open_ids() -> Executable:
    is_open = fleet_commands.c.closed_at.is_(None)
    return select(fleet_commands.c.id).where(is_open).order_by(fleet_commands.c.number)


async def lock(tx: Tx, fleet_id: str) -> FleetCommand | None:
    """Return an open fleet command that nobody else is working on."""
    statement = select(fleet_commands).where(
        fleet_commands.c.id == fleet_id, fleet_commands.c.closed_at.is_(None)
    )
    return await tx.one_or_none(statement.with_for_update(skip_locked=True), FleetCommand)


async def newest(tx: Tx, *, before_number: int | None, limit: int) -> Sequence[FleetCommand]:
    statement = select(fleet_commands).order_by(fleet_commands.c.number.desc()).limit(limit)
    if before_number is not None:
        statement = statement.where(fleet_commands.c.number < before_number)
    return await tx.all(statement, FleetCommand)


async def counts(tx: Tx, fleet_id: str) -> dict[TargetStatus, int]:
    statement = (
        select(fleet_targets.c.status, func.count().label("targets"))
        .where(fleet_targets.c.fleet_command_id == fleet_id)
        .group_by(fleet_targets.c.status)
    )
    rows: Sequence[Any] = await tx.all(statement)
    return {TargetStatus(row.status): int(row.targets) for row in rows}


async def targets(
    tx: Tx,
    fleet_id: str,
    *,
    status: TargetStatus | None,
    after_number: int | None,
    limit: int,
) -> Sequence[Target]:
    statement = (
        select(fleet_targets)
        .where(fleet_targets.c.fleet_command_id == fleet_id)
        .order_by(fleet_targets.c.number)
        .limit(limit)
    )
    if status is not None:
        statement = statement.where(fleet_targets.c.status == status)
    if after_number is not None:
        statement = statement.where(fleet_targets.c.number > after_number)
    return await tx.all(statement, Target)


async def waiting(tx: Tx, fleet_id: str, *, online: bool, limit: int) -> Sequence[Target]:
    """Return pending targets whose charger is, or is not, there."""
    there = chargers.c.node_id.is_not(None)
    statement = (
        select(fleet_targets)
        .join(chargers, chargers.c.id == fleet_targets.c.charger_id)
        .where(
            fleet_targets.c.fleet_command_id == fleet_id,
            fleet_targets.c.status == TargetStatus.PENDING,
            there if online else ~there,
        )
        .order_by(fleet_targets.c.number)
        .limit(limit)
    )
    return await tx.all(statement, Target)


async def unanswered(tx: Tx, fleet_id: str) -> Sequence[tuple[Target, CommandStatus]]:
    """Return targets whose command ended without an answer, and how it ended."""
    ended = (CommandStatus.TIMED_OUT, CommandStatus.EXPIRED)
    statement = (
        select(*fleet_targets.c, commands.c.status.label("command_status"))
        .join(commands, commands.c.id == fleet_targets.c.command_id)
        .where(
            fleet_targets.c.fleet_command_id == fleet_id,
            fleet_targets.c.status == TargetStatus.SENT,
            commands.c.status.in_(ended),
        )
    )
    rows: Sequence[Any] = await tx.all(statement)
    return [_with_extra(row, "command_status", CommandStatus) for row in rows]


async def settled_wishes(
    tx: Tx, fleet_id: str
) -> Sequence[tuple[Target, DesiredStatus | None, str | None]]:
    """Return targets whose wish is settled, or is not this fleet command's any more (``None``)."""
    mine = desired_states.c.fleet_command_id == fleet_id
    statement = (
        select(
            *fleet_targets.c,
            desired_states.c.status.label("wish_status"),
            desired_states.c.reason.label("wish_reason"),
        )
        .outerjoin(desired_states, (desired_states.c.id == fleet_targets.c.desired_id) & mine)
        .where(
            fleet_targets.c.fleet_command_id == fleet_id,
            fleet_targets.c.status == TargetStatus.SENT,
            fleet_targets.c.desired_id.is_not(None),
            desired_states.c.id.is_(None)
            | desired_states.c.status.in_((DesiredStatus.ACCEPTED, DesiredStatus.REJECTED)),
        )
    )
    rows: Sequence[Any] = await tx.all(statement)
    found = []
    for row in rows:
        values = row._asdict()
        status, reason = values.pop("wish_status"), values.pop("wish_reason")
        found.append((Target(**values), None if status is None else DesiredStatus(status), reason))
    return found


def _with_extra(row: Any, name: str, kind: type[CommandStatus]) -> tuple[Target, CommandStatus]:
    values = row._asdict()
    extra = kind(values.pop(name))
    return Target(**values), extra
