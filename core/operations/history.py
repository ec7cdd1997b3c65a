"""Operations as operators look for them, and everything that happened to one (OP-8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import or_, select

from core.chargers.record_models import Frame, frames
from core.commands import service as commands
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.kernel.page import Page, Slice
from core.operations import service, step_store, store
from core.operations.models import Operation, Step
from core.operations.states import OperationStatus, OperationType
from core.webhooks import tracing
from core.webhooks.tracing import TracedEvent

FRAMES_SHOWN: Final = 500
FRAMES_WITHIN: Final = timedelta(hours=1)
"""Of the operation's creation: a late answer or start is among them, its session's end not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The evidence of an operation, each part in the order of time."""

    operation: Operation
    steps: Sequence[Step]
    commands: Sequence[CommandRow]
    frames: Sequence[Frame]
    events: Sequence[TracedEvent]


async def history(tx: Tx, operation_id: str) -> History:
    """Return all that is recorded of an operation, its session and its reservation.

    Raises:
        PlatformError: ``not_found``.
    """
    operation = await service.get(tx, operation_id)
    asked = await commands.of_operation(tx, operation_id)
    about = (operation.id, operation.session_id, operation.reservation_id)
    return History(
        operation=operation,
        steps=await step_store.of_operation(tx, operation_id),
        commands=asked,
        frames=await _frames(tx, operation, asked),
        events=await tracing.of_objects(tx, [id_ for id_ in about if id_ is not None]),
    )


async def search_operations(
    tx: Tx,
    page: Page,
    *,
    partner_id: str | None = None,
    request_id: str | None = None,
    status: OperationStatus | None = None,
    type_: OperationType | None = None,
    connector_id: str | None = None,
    charger_id: str | None = None,
) -> Slice[tuple[Operation, Sequence[Step]]]:
    """Return one page of the operations of all partners that fit, with their steps."""
    found = await store.search(
        tx,
        page,
        partner_id=partner_id,
        livemode=None,
        request_id=request_id,
        status=status,
        type_=type_,
        connector_id=connector_id,
        charger_id=charger_id,
    )
    steps = await step_store.of_operations(tx, [operation.id for operation in found.rows])
    return found.map(lambda operation: (operation, steps[operation.id]))


async def _frames(tx: Tx, operation: Operation, asked: Sequence[CommandRow]) -> Sequence[Frame]:
    """Return the frames that carried the operation's commands, their answers and its token."""
    sent = [command.message_id for command in asked if command.message_id is not None]
    carried = [frames.c.operation_id == operation.id, frames.c.message_id.in_(sent)]
    if operation.token is not None:  # StartTransaction, Authorize: the evidence of a start
        carried.append(frames.c.text.contains(operation.token, autoescape=True))
    statement = (
        select(frames)
        .where(
            frames.c.charger_id == operation.charger_id,
            frames.c.at >= operation.created_at,
            frames.c.at <= operation.created_at + FRAMES_WITHIN,
            or_(*carried),
        )
        .order_by(frames.c.number)
        .limit(FRAMES_SHOWN)
    )
    return await tx.all(statement, Frame)
