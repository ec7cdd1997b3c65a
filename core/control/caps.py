"""How much a partner may have going on at a time: unfinished operations, open reservations.

Counted in the database at the end of the transaction, while no other of the partner counts: so
the cap holds however many nodes take calls at once. What only ends things is never refused.
"""

from functools import partial
from typing import Final

from sqlalchemy import Executable, String, func, select

from core.control.requests import Requester
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.queries import bound, query
from core.kernel.settings import Settings
from core.operations import reservation_store, store
from core.operations.states import OperationType
from core.partners import limit_store, limits

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
    key = f"{_AT_END} {requester.partner_id} {reserving}"
    tx.at_end(key, partial(_require_room, settings, requester.partner_id, reserving))


async def _require_room(settings: Settings, partner_id: str, reserving: bool, tx: Tx) -> None:
    await _one_at_a_time(tx, partner_id)
    unfinished, overrides = await tx.one(_going_on(partner_id))
    allowed = limits.effective(settings, overrides or {})
    if unfinished > allowed.active_operations:
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


@query
def _going_on(partner_id: str) -> Executable:
    """Return how many operations of a partner are unfinished, and what its limits are."""
    return select(
        store.unfinished_of(partner_id, _COUNTED).scalar_subquery(),
        limit_store.overrides_of(partner_id).scalar_subquery(),
    )


async def _one_at_a_time(tx: Tx, partner_id: str) -> None:
    """Wait for the partner's other transactions that count; SQLite has one at a time anyway."""
    if tx.dialect == "postgresql":
        await tx.scalar(_lock(f"{_AT_END} {partner_id}"))


@query
def _lock(name: str) -> Executable:
    return select(func.pg_advisory_xact_lock(func.hashtext(bound(name, String()))))
