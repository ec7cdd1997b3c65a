"""SQL of operations' history: a step for every change of one."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Executable, select

from core.kernel.db import Tx
from core.kernel.queries import query
from core.kernel.rows import insert_rows
from core.operations.models import Operation, Step, operation_steps

_STEPS: Final = "operation steps"
_NEW_STEPS: Final = "0-operation-steps"
_COLUMNS: Final = tuple(operation_steps.c.keys())


async def of_operation(tx: Tx, operation_id: str, *, until: int | None = None) -> Sequence[Step]:
    """Return the history of an operation; what this transaction has read already is not read.

    Args:
        until: The last step to return.
    """
    known = _known(tx)
    if operation_id not in known:
        new = [step for step in tx.at_last.get(_NEW_STEPS, ()) if step.operation_id == operation_id]
        known[operation_id] = [*await tx.all(_steps(operation_id), Step), *new]
    steps = known[operation_id]
    return tuple(steps if until is None else [one for one in steps if one.sequence <= until])


def _known(tx: Tx) -> dict[str, list[Step]]:
    """Return the histories that a transaction has read, and written on."""
    known: dict[str, list[Step]] = tx.info.setdefault(_STEPS, {})
    return known


@query
def _steps(operation_id: str) -> Executable:
    return (
        select(operation_steps)
        .where(operation_steps.c.operation_id == operation_id)
        .order_by(operation_steps.c.sequence)
    )


async def of_operations(tx: Tx, operation_ids: Sequence[str]) -> dict[str, list[Step]]:
    statement = (
        select(operation_steps)
        .where(operation_steps.c.operation_id.in_(operation_ids))
        .order_by(operation_steps.c.operation_id, operation_steps.c.sequence)
    )
    found: dict[str, list[Step]] = {operation_id: [] for operation_id in operation_ids}
    for step in await tx.all(statement, Step):
        found[step.operation_id].append(step)
    return found


def note(tx: Tx, operation: Operation, facts: dict[str, Any]) -> None:
    """Note the step that *operation* has taken; all of a transaction are written at its end."""
    step = Step(
        operation_id=operation.id,
        sequence=operation.sequence,
        at=tx.now,
        status=operation.status,
        stage=operation.stage,
        facts=facts,
    )
    new: list[Step] = tx.at_last.setdefault(_NEW_STEPS, [])
    new.append(step)
    tx.at_end(_NEW_STEPS, _write)
    history = _known(tx).pop(operation.id, [])
    if len(history) + 1 == step.sequence:  # else another transaction was in between
        _known(tx)[operation.id] = [*history, step]


async def _write(tx: Tx) -> None:
    new: list[Step] = tx.at_last.pop(_NEW_STEPS)
    rows = [{name: getattr(step, name) for name in _COLUMNS} for step in new]
    await insert_rows(tx, operation_steps, rows)
