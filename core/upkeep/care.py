"""The periodic work of upkeep: what is silent is shown as stalled, what is old is deleted."""

from datetime import timedelta
from typing import Final

from core.kernel.db import Tx
from core.upkeep import customer, display, events, firmware, monitors, reports, transfers

REPORT_SILENT_FOR: Final = timedelta(minutes=5)
"""Parts of a report follow each other within seconds."""


async def look_after(tx: Tx, *, stalled_after: timedelta) -> None:
    """Close what was never answered, and mark what has been silent for too long."""
    for transfer in await transfers.stall(tx, silent_for=stalled_after):
        await firmware.settle(tx, await transfers.get(tx, transfer.id))
    await transfers.close_unanswered(tx)
    await reports.close_unanswered(tx)
    await reports.stall(tx, silent_for=REPORT_SILENT_FOR)


async def delete_old(
    tx: Tx, *, events_kept: timedelta, customer_information_kept: timedelta
) -> None:
    """Delete what its retention is over for."""
    await events.delete_older(tx, tx.now - events_kept)
    await customer.delete_older(tx, tx.now - customer_information_kept)


KINDS_OF_WISHES: Final = (firmware.FIRMWARE, monitors.MONITOR, display.DISPLAY_MESSAGE)
"""Workers reconcile these, too: whoever schedules this work knows them."""
