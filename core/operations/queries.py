"""Reading operations and reservations: for partners their own, for operators all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.page import Page, Slice
from core.operations import reservation_store, step_store, store
from core.operations.models import Operation, Reservation, Step
from core.operations.states import (
    OperationStatus,
    OperationType,
    ReservationStatus,
    Responsible,
)

_BY_PARTNER: Final = frozenset({Responsible.PARTNER, Responsible.DRIVER})


async def get_operation(
    tx: Tx, operation_id: str, *, partner_id: str | None, livemode: bool | None
) -> tuple[Operation, Sequence[Step]]:
    """Return an operation and its steps; with *partner_id*, only the partner's own.

    Raises:
        PlatformError: ``not_found``.
    """
    operation = await store.by_id(tx, operation_id)
    if operation is None or not _owned(operation, partner_id, livemode):
        raise not_found("operation")
    return operation, await step_store.of_operation(tx, operation.id)


async def list_operations(
    tx: Tx,
    page: Page,
    *,
    partner_id: str,
    livemode: bool,
    request_id: str | None = None,
    status: OperationStatus | None = None,
    type_: OperationType | None = None,
    connector_id: str | None = None,
) -> Slice[tuple[Operation, Sequence[Step]]]:
    """Return one page of a partner's operations with their steps."""
    found = await store.search(
        tx,
        page,
        partner_id=partner_id,
        livemode=livemode,
        request_id=request_id,
        status=status,
        type_=type_,
        connector_id=connector_id,
        charger_id=None,
    )
    steps = await step_store.of_operations(tx, [operation.id for operation in found.rows])
    return found.map(lambda operation: (operation, steps[operation.id]))


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStart:
    """A start that failed, and why."""

    id: str
    updated_at: datetime
    code: str


async def starts_failed_by_partner(
    tx: Tx, partner_id: str, *, livemode: bool, since: datetime
) -> Sequence[FailedStart]:
    """Return starts that failed since then because of the partner or its drivers, at most 5,000.

    The oldest come first.
    """
    failed = await store.failed_starts(tx, partner_id, livemode=livemode, since=since)
    return [
        FailedStart(id=id_, updated_at=updated_at, code=failure["code"])
        for id_, updated_at, failure in failed
        if failure["responsible"] in _BY_PARTNER
    ]


async def get_reservation(
    tx: Tx, reservation_id: str, *, partner_id: str | None, livemode: bool | None
) -> Reservation:
    """Return a reservation; with *partner_id*, only the partner's own.

    Raises:
        PlatformError: ``not_found``.
    """
    reservation = await reservation_store.by_id(tx, reservation_id)
    if reservation is None or not _owned(reservation, partner_id, livemode):
        raise not_found("reservation")
    return reservation


async def list_reservations(
    tx: Tx,
    page: Page,
    *,
    partner_id: str | None,
    livemode: bool | None,
    charger_id: str | None = None,
    status: ReservationStatus | None = None,
) -> Slice[Reservation]:
    """Return one page of reservations."""
    return await reservation_store.search(
        tx, page, partner_id=partner_id, livemode=livemode, charger_id=charger_id, status=status
    )


def _owned(row: Operation | Reservation, partner_id: str | None, livemode: bool | None) -> bool:
    return partner_id in {None, row.partner_id} and livemode in {None, row.livemode}
