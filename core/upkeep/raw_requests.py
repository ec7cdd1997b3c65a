"""Files that an operator asked for with a request of their own, instead of a wish or a log."""

import structlog

from core.commands.commands import Answer
from core.commands.models import CommandRow
from core.desired import store as desired_store
from core.kernel.db import Tx
from core.upkeep import addresses, firmware, store, transfers
from core.upkeep.facts import FileRequested
from core.upkeep.models import Transfer
from core.upkeep.states import OPEN, TransferKind, TransferStatus

log = structlog.get_logger()


async def sent(tx: Tx, command: CommandRow, asked: FileRequested) -> Transfer | None:
    """Note the transfer of a request that is about to be sent; return it.

    A request id of an earlier transfer that is over now means this one. While that one is under
    way nobody could tell the two apart: its news stay its own, and ``None`` is returned.
    """
    if asked.request is not None:
        earlier = await store.by_request(tx, command.charger_id, (asked.kind,), asked.request)
        if earlier is not None and earlier.status in OPEN:
            log.info("transfer_request_reused", transfer_id=earlier.id, command_id=command.id)
            return None
        if earlier is not None:
            await store.change(tx, earlier.id, request=-earlier.number)
    return await transfers.begin(
        tx,
        charger_id=command.charger_id,
        kind=asked.kind,
        request=asked.request or transfers.new_request(),
        address=addresses.shown(asked.location),
        requested_by=command.requested_by,
        detail=asked.detail,
        planned_at=asked.planned_at,
        command_id=command.id,
    )


async def firmware_answered(tx: Tx, command: CommandRow, answer: Answer) -> None:
    """Take the answer to an update that is no wish's; a wish whose update it replaced hears so."""
    transfer = await store.by_command(tx, command.id)
    if transfer is None:
        return
    await desired_store.lock(tx, command.charger_id)
    known = await store.latest(tx, command.charger_id, (TransferKind.FIRMWARE,))
    under_way = [one for one in known if one.status in OPEN and one.number < transfer.number]
    await transfers.answered(tx, transfer, answer)
    for older in under_way:
        now = await transfers.get(tx, older.id)
        if now.status is TransferStatus.CANCELED:
            await firmware.settle(tx, now)
