"""Use cases of reports in parts: asked, answered, parts in any order and twice, complete, silent.

A report is complete when its last part has come and none before it is missing. Bounded: parts and
entries beyond the limits are counted and dropped.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import structlog

from core.chargers.text import storable
from core.commands.commands import Answer, Verdict
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.ids import new_id
from core.upkeep import report_store as store
from core.upkeep.facts import Part
from core.upkeep.report_models import Report
from core.upkeep.states import ReportKind, ReportStatus
from core.upkeep.transfers import NO_USABLE_ANSWER

log = structlog.get_logger()

MAX_PARTS: Final = 2_000
"""Of one report; with 512 characters each, customer information is 1 MB at most."""
BATCH: Final = 200
NOTHING: Final = frozenset({"EmptyResultSet", "Unknown"})
"""Answers that say: there is nothing to report."""

_LEARNED_WITHIN: Final = timedelta(minutes=1)


async def begin(
    tx: Tx, row: CommandRow, *, kind: ReportKind, request: int, asked: dict[str, Any]
) -> Report:
    """Note a report that a queued command asks for; *asked* holds nothing personal."""
    return await store.add(
        tx,
        id=new_id("rpt"),
        charger_id=row.charger_id,
        kind=kind,
        request=request,
        status=ReportStatus.REQUESTED,
        asked=asked,
        parts=0,
        entries=0,
        dropped=0,
        command_id=row.id,
        requested_by=row.requested_by,
        created_at=tx.now,
        changed_at=tx.now,
    )


async def get(tx: Tx, report_id: str, *, kind: ReportKind) -> Report:
    """Return a report.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.by_id(tx, report_id)
    if found is None or found.kind is not kind:
        raise not_found("report")
    return found


async def list_reports(
    tx: Tx,
    *,
    charger_id: str,
    kind: ReportKind,
    before_number: int | None = None,
    limit: int = 50,
) -> Sequence[Report]:
    """Return the newest first, before *before_number* if given."""
    return await store.newest(
        tx, charger_id=charger_id, kind=kind, before_number=before_number, limit=limit
    )


async def answered(tx: Tx, row: CommandRow, answer: Answer) -> Report | None:
    """Take the answer to the request; return the report if it is complete by that."""
    report = await store.by_command(tx, row.id)
    if report is None:
        return None
    status = (answer.response or {}).get("status")
    word = storable(str(status or answer.reason or answer.verdict), max_chars=100)
    sources = frozenset({ReportStatus.REQUESTED})
    if word in NOTHING:
        to = ReportStatus.COMPLETE
    elif answer.verdict is Verdict.ACCEPTED:
        tells = report.asked.get("report", True)
        to = ReportStatus.RECEIVING if tells else ReportStatus.COMPLETE
    else:
        to = ReportStatus.REFUSED
    moved = await store.move(tx, report.id, to, sources=sources, word=word, changed_at=tx.now)
    if moved is None and report.word is None:  # its first part came before its answer was learned
        await store.change(tx, report.id, word=word)
    return moved if to is ReportStatus.COMPLETE else None


async def find(tx: Tx, part: Part, kind: ReportKind) -> Report | None:
    """Return the report of this charger that a part belongs to, if it was asked for."""
    report = await store.by_request(tx, part.charger_id, kind, part.request)
    if report is None:
        log.info("report_unknown", request=part.request, kind=kind)
    return report


async def take(
    tx: Tx, report: Report, part: Part, *, entries: int, dropped: int = 0, data: str | None = None
) -> Report | None:
    """Count a part, once; return the report if it is complete by that.

    Args:
        entries: Of this part, stored.
        dropped: Of this part, too many to store.
        data: What is kept of the part itself.
    """
    if report.status is ReportStatus.COMPLETE:
        return None
    seq = report.parts if part.seq is None else part.seq
    if seq >= MAX_PARTS:
        await store.change(tx, report.id, dropped=report.dropped + 1)
        parts = report.parts
    elif await store.add_part(tx, report.id, seq, data):
        parts = report.parts + 1
    else:
        return None
    last_seq = report.last_seq if part.more else min(seq, MAX_PARTS - 1)
    complete = last_seq is not None and parts > last_seq
    moved = await store.move(
        tx,
        report.id,
        ReportStatus.COMPLETE if complete else ReportStatus.RECEIVING,
        parts=parts,
        entries=report.entries + entries,
        dropped=report.dropped + dropped,
        last_seq=last_seq,
        changed_at=tx.now,
    )
    if moved is None or not complete:
        return None
    log.info("report_complete", report_id=report.id, kind=report.kind, entries=moved.entries)
    if report.kind is not ReportKind.CUSTOMER_INFORMATION:
        await store.remove_parts(tx, report.id)
    return moved


async def stall(tx: Tx, *, silent_for: timedelta) -> int:
    """Mark reports whose next part is overdue; return how many."""
    silent = await store.silent_since(tx, tx.now - silent_for, limit=BATCH)
    for report in silent:
        await store.move(tx, report.id, ReportStatus.STALLED, changed_at=tx.now)
        log.warning("report_stalled", report_id=report.id, parts=report.parts)
    return len(silent)


async def close_unanswered(tx: Tx) -> int:
    """End reports whose request was never sent or never answered; return how many."""
    found = await store.unanswered(tx, unlearned=tx.now - _LEARNED_WITHIN, limit=BATCH)
    for report_id, ended in found:
        sources = frozenset({ReportStatus.REQUESTED})
        word = NO_USABLE_ANSWER[ended]
        await store.move(tx, report_id, ReportStatus.REFUSED, sources=sources, word=word)
    return len(found)
