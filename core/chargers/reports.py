"""Use cases of reports that come in parts: who asked, how much has come, what is missing."""

from collections.abc import Sequence
from typing import Final

import structlog

from core.chargers import report_store
from core.chargers.report_models import Report
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.ids import new_id

KEPT: Final = 100
"""Reports whose progress is kept for one charger; a charger may make up request ids."""
UNASKED: Final = "unasked"

_log = structlog.get_logger()


async def expect(
    tx: Tx, charger_id: str, *, request: int, kind: str, command_id: str | None
) -> Report | None:
    """Note that a report was asked for; ``None`` if its request id is taken."""
    found = await report_store.add(
        tx,
        id=new_id("rpt"),
        charger_id=charger_id,
        request=request,
        kind=kind,
        command_id=command_id,
        complete=False,
    )
    await report_store.keep_newest(tx, charger_id, KEPT)
    return found


async def is_expected(tx: Tx, charger_id: str, *, request: int) -> bool:
    """Tell whether somebody here asked for a report of that request id."""
    report = await report_store.by_request(tx, charger_id, request)
    return report is not None and report.kind != UNASKED


async def part(
    tx: Tx, charger_id: str, *, request: int, seq: int, variables: int, to_be_continued: bool
) -> None:
    """Note that one part has come; *seq* begins with 0, a part that came before is none.

    A part 0 of a report that is complete begins the report anew.
    """
    report = await report_store.by_request(tx, charger_id, request)
    if report is None:
        report = await expect(tx, charger_id, request=request, kind=UNASKED, command_id=None)
    if report is None:
        return
    anew = report.complete and seq == 0
    last_seq = -1 if report.last_seq is None or anew else report.last_seq
    if seq <= last_seq:
        return
    missed = seq - last_seq - 1
    if missed:
        _log.warning("report_parts_missing", request=request, missed=missed)
    await report_store.change(
        tx,
        report.id,
        parts=(0 if anew else report.parts) + 1,
        variables=(0 if anew else report.variables) + variables,
        gaps=(0 if anew else report.gaps) + missed,
        last_seq=seq,
        complete=not to_be_continued,
        last_part_at=tx.now,
    )


async def nothing_to_report(tx: Tx, charger_id: str, *, request: int) -> None:
    """Note that no part will come: nothing fits what was asked for."""
    report = await report_store.by_request(tx, charger_id, request)
    if report is not None:
        await report_store.change(tx, report.id, complete=True)


async def get(tx: Tx, charger_id: str, report_id: str) -> Report:
    """Return a report of a charger.

    Raises:
        PlatformError: ``not_found``.
    """
    report = await report_store.by_id(tx, report_id)
    if report is None or report.charger_id != charger_id:
        raise not_found("report")
    return report


async def newest(
    tx: Tx, charger_id: str, *, before_number: int | None = None, limit: int = 50
) -> Sequence[Report]:
    """Return the newest reports of a charger first."""
    return await report_store.newest(tx, charger_id, before_number=before_number, limit=limit)
