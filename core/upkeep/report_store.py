"""SQL of reports in parts, monitors, display messages. Their state changes are in this file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from core.commands.models import commands
from core.commands.states import CommandStatus
from core.kernel.db import Tx, upsert
from core.kernel.rows import guarded_move
from core.upkeep.report_models import (
    DisplayMessage,
    Monitor,
    Report,
    display_messages,
    monitors,
    report_parts,
    reports,
)
from core.upkeep.states import REPORT_MACHINE, ReportKind, ReportStatus


async def add(tx: Tx, **values: Any) -> Report:
    return await tx.one(insert(reports).values(**values).returning(reports), Report)


async def move(
    tx: Tx,
    report_id: str,
    to: ReportStatus,
    *,
    sources: frozenset[ReportStatus] | None = None,
    **values: Any,
) -> Report | None:
    return await guarded_move(
        tx, reports, Report, REPORT_MACHINE, report_id, to, sources=sources, **values
    )


async def change(tx: Tx, report_id: str, **values: Any) -> None:
    await tx.execute(update(reports).where(reports.c.id == report_id).values(**values))


async def by_id(tx: Tx, report_id: str) -> Report | None:
    return await tx.one_or_none(select(reports).where(reports.c.id == report_id), Report)


async def by_command(tx: Tx, command_id: str) -> Report | None:
    statement = select(reports).where(reports.c.command_id == command_id)
    return await tx.one_or_none(statement, Report)


async def by_request(tx: Tx, charger_id: str, kind: ReportKind, request: int) -> Report | None:
    statement = select(reports).where(
        reports.c.charger_id == charger_id, reports.c.kind == kind, reports.c.request == request
    )
    return await tx.one_or_none(statement, Report)


async def newest(
    tx: Tx, *, charger_id: str, kind: ReportKind, before_number: int | None, limit: int
) -> Sequence[Report]:
    statement = select(reports).where(reports.c.charger_id == charger_id, reports.c.kind == kind)
    if before_number is not None:
        statement = statement.where(reports.c.number < before_number)
    return await tx.all(statement.order_by(reports.c.number.desc()).limit(limit), Report)


async def add_part(tx: Tx, report_id: str, seq: int, data: str | None) -> bool:
    """Keep a part; false if it was there."""
    statement = upsert(tx, report_parts).values(report_id=report_id, seq=seq, data=data)
    statement = statement.on_conflict_do_nothing().returning(report_parts.c.seq)
    return await tx.scalar(statement) is not None


async def parts_of(tx: Tx, report_id: str) -> Sequence[tuple[int, str | None]]:
    statement = select(report_parts).where(report_parts.c.report_id == report_id)
    rows = await tx.all(statement.order_by(report_parts.c.seq))
    return [(row.seq, row.data) for row in rows]


async def remove_parts(tx: Tx, report_id: str) -> int:
    return await tx.execute(delete(report_parts).where(report_parts.c.report_id == report_id))


async def with_old_parts(
    tx: Tx, kind: ReportKind, before: datetime, *, limit: int
) -> Sequence[str]:
    """Return reports of a kind, silent since *before*, of which parts are still kept."""
    statement = (
        select(reports.c.id)
        .where(
            reports.c.kind == kind,
            reports.c.changed_at < before,
            select(report_parts.c.seq).where(report_parts.c.report_id == reports.c.id).exists(),
        )
        .limit(limit)
    )
    return await tx.scalars(statement)


async def silent_since(tx: Tx, before: datetime, *, limit: int) -> Sequence[Report]:
    statement = select(reports).where(
        reports.c.status == ReportStatus.RECEIVING, reports.c.changed_at < before
    )
    return await tx.all(statement.order_by(reports.c.changed_at).limit(limit), Report)


async def unanswered(tx: Tx, *, unlearned: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Return (report id, how its command ended) where no usable answer came."""
    ended = (CommandStatus.TIMED_OUT, CommandStatus.EXPIRED, CommandStatus.ERRORED)
    useless = (commands.c.status == CommandStatus.ANSWERED) & (commands.c.answered_at < unlearned)
    statement = (
        select(reports.c.id, commands.c.status)
        .join(commands, commands.c.id == reports.c.command_id)
        .where(reports.c.status == ReportStatus.REQUESTED, commands.c.status.in_(ended) | useless)
        .limit(limit)
    )
    return [(row.id, row.status) for row in await tx.all(statement)]


async def put_monitors(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = upsert(tx, monitors)
    changed = ("component", "variable", "type", "value", "severity", "transaction", "reported_at")
    statement = statement.on_conflict_do_update(
        index_elements=[monitors.c.charger_id, monitors.c.monitor],
        set_={name: statement.excluded[name] for name in changed},
    )
    await tx.execute(statement, rows)


async def monitors_of(tx: Tx, charger_id: str) -> Sequence[Monitor]:
    statement = select(monitors).where(monitors.c.charger_id == charger_id)
    return await tx.all(statement.order_by(monitors.c.monitor), Monitor)


async def severities(tx: Tx, charger_id: str, ids: Sequence[int]) -> dict[int, int]:
    statement = select(monitors.c.monitor, monitors.c.severity).where(
        monitors.c.charger_id == charger_id, monitors.c.monitor.in_(ids)
    )
    return {row.monitor: row.severity for row in await tx.all(statement)}


async def remove_monitors(
    tx: Tx, charger_id: str, *, ids: Sequence[int] | None = None, before: datetime | None = None
) -> int:
    """Forget monitors: those of *ids*, or those not reported since *before*."""
    statement = delete(monitors).where(monitors.c.charger_id == charger_id)
    if ids is not None:
        statement = statement.where(monitors.c.monitor.in_(ids))
    if before is not None:
        statement = statement.where(monitors.c.reported_at < before)
    return await tx.execute(statement)


async def put_messages(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = upsert(tx, display_messages)
    statement = statement.on_conflict_do_update(
        index_elements=[display_messages.c.charger_id, display_messages.c.message],
        set_={name: statement.excluded[name] for name in ("content", "reported_at")},
    )
    await tx.execute(statement, rows)


async def messages_of(tx: Tx, charger_id: str) -> Sequence[DisplayMessage]:
    table = display_messages
    statement = select(table).where(table.c.charger_id == charger_id).order_by(table.c.message)
    return await tx.all(statement, DisplayMessage)


async def count_messages(tx: Tx, charger_id: str) -> int:
    table = display_messages
    statement = select(func.count()).select_from(table).where(table.c.charger_id == charger_id)
    return int(await tx.scalar(statement))


async def remove_messages(
    tx: Tx, charger_id: str, *, ids: Sequence[int] | None = None, before: datetime | None = None
) -> int:
    """Forget messages: those of *ids*, or those not reported since *before*."""
    statement = delete(display_messages).where(display_messages.c.charger_id == charger_id)
    if ids is not None:
        statement = statement.where(display_messages.c.message.in_(ids))
    if before is not None:
        statement = statement.where(display_messages.c.reported_at < before)
    return await tx.execute(statement)
