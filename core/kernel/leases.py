"""Work that waits in a table until it is due: claimed for a while, put off when it failed.

The table has ``id``, ``status`` (``due`` while it waits), ``due_at``, ``attempts``, ``updated_at``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Table, select, update

from core.kernel.db import Tx
from core.kernel.given import is_selected

T = TypeVar("T")

_DUE: Final = "due"


async def claim_due(
    tx: Tx, table: Table, into: type[T], *wanted: ColumnElement[bool], until: datetime, limit: int
) -> Sequence[T]:
    """Take what is due, by moving ``due_at`` to *until*: whoever dies with it lets go then."""
    due = (
        select(table.c.id)
        .where(table.c.status == _DUE, *wanted, table.c.due_at <= tx.now)
        .order_by(table.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(table)
        .where(is_selected(tx, table.c.id, due), table.c.due_at <= tx.now)
        .values(due_at=until, attempts=table.c.attempts + 1, updated_at=tx.now)
        .returning(table)
    )
    return await tx.all(statement, into)


async def put_off(
    tx: Tx, table: Table, into: type[T], key: str, *, attempts: int, due_at: datetime, **values: Any
) -> T | None:
    """Have what was claimed tried again at *due_at*; ``None``: somebody else has it by now.

    Args:
        attempts: The count with which it was claimed.
    """
    statement = (
        update(table)
        .where(table.c.id == key, table.c.status == _DUE, table.c.attempts == attempts)
        .values(due_at=due_at, updated_at=tx.now, **values)
        .returning(table)
    )
    return await tx.one_or_none(statement, into)
