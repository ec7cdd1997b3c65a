"""Long poll: wait for an operation's end without holding a transaction."""

from collections.abc import Sequence
from typing import Final

from core.kernel.doorbell import rung
from core.operations import queries
from core.operations.models import Operation, Step
from core.operations.service import topic
from core.operations.states import MACHINE
from partner_api.security.access import Watcher
from partner_api.services import PartnerServices

SWEEP_S: Final = 1.0
"""A lost ring delays an answer by at most this."""


async def wait_for_end(
    watcher: Watcher, operation_id: str, *, wait_s: float
) -> tuple[Operation, Sequence[Step]]:
    """Return the operation when it is final, or as it is after *wait_s* or at a ban.

    Raises:
        PlatformError: ``not_found``, or the key is not good any more.
    """
    services = PartnerServices.of(watcher.request.scope)
    clock = services.clock
    found = await _look(watcher, operation_id)
    until = clock.monotonic() + wait_s
    if wait_s <= 0 or found[0].status in MACHINE.final:
        return found
    async with services.db.doorbell.subscribe(topic(operation_id)) as rings:
        while True:  # look again first: it may have ended before we listened
            found = await _look(watcher, operation_id)
            left_s = until - clock.monotonic()
            is_over = left_s <= 0 or watcher.is_banned or services.closing.is_set()
            if found[0].status in MACHINE.final or is_over:
                return found
            await rung(rings, within_s=min(SWEEP_S, left_s))
            if await watcher.request.is_disconnected():
                return found


async def _look(watcher: Watcher, operation_id: str) -> tuple[Operation, Sequence[Step]]:
    caller = watcher.caller
    async with watcher.look() as tx:
        return await queries.get_operation(
            tx, operation_id, partner_id=caller.partner_id, livemode=caller.livemode
        )
