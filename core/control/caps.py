"""How much a partner may have going on at a time: unfinished operations, open reservations.

Counted in the database at the end of the transaction, while no other of the partner counts: so
the cap holds however many nodes take calls at once. What only ends things is never refused.
"""

from functools import partial
from typing import Final

from sqlalchemy import func, select

from core.control.requests import Requester
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.operations import reservation_store, store
from core.operations.states import OperationType
from core.partners import limits

_AT_END: Final = "1-caps"
_COUNTED: Final = (
    OperationType.START_CHARGE,
    OperationType.RESERVE,
    OperationType.UNLOCK_CONNECTOR,
)
_RETRY_S: Final = 5
_RETRY_RESERVATION_S: Final = 30


def keep(tx: Tx, settings: Settings, requester: Requester, *, reserving: bool = False) -> None:
    """Let the transaction fail if the operation that it has added is one too many.

    The commit then raises ``too_many_active_operations``; nothing was done.
    """
    tx.at_end(_AT_END, partial(_require_room, settings, requester.partner_id, reserving))


async def _require_room(settings: Settings, partner_id: str, reserving: bool, tx: Tx) -> None:
    allowed = await limits.of_partner(tx, settings, partner_id)
    await _one_at_a_time(tx, partner_id)
    if await store.count_unfinished(tx, partner_id, _COUNTED) > allowed.active_operations:
        raise PlatformError(
            "too_many_active_operations",
            f"At most {allowed.active_operations} unfinished operations; wait until some end.",
            retry_after=_RETRY_S,
            limit="active_operations",
        )
    if reserving and await reservation_store.count_open(tx, partner_id) > allowed.open_reservations:
        raise PlatformError(
            "too_many_active_operations",
            f"At most {allowed.open_reservations} open reservations; cancel one, or wait.",
            retry_after=_RETRY_RESERVATION_S,
            limit="open_reservations",
        )


async def _one_at_a_time(tx: Tx, partner_id: str) -> None:
    """Wait for the partner's other transactions that count; SQLite has one at a time anyway."""
    if tx.dialect == "postgresql":
        key = func.hashtext(f"{_AT_END} {partner_id}")
        await tx.scalar(select(func.pg_advisory_xact_lock(key)))
