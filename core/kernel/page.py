"""Cursor pages over rows ordered by ``(updated_at, id)``."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import FromClause, Select

from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339

_CURSOR: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([!-~]+)", re.ASCII)

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What part of a list is wanted.

    *limit* is at most 200; *updated_from* is inclusive, *updated_to* exclusive.
    """

    limit: int = 50
    cursor: str | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page of a list; *next_cursor* is ``None`` on the last page."""

    rows: Sequence[T]
    next_cursor: str | None

    def map(self, view: Callable[[T], U]) -> "Slice[U]":
        """Return the same page with every row rendered by *view*."""
        return Slice([view(row) for row in self.rows], self.next_cursor)


async def paginate(
    tx: Tx, statement: Select[Any], table: FromClause, page: Page, into: type[T]
) -> Slice[T]:
    """Run *statement* (whose rows have ``updated_at`` and ``id`` of *table*) for one page.

    Raises:
        PlatformError: ``invalid_cursor``.
    """
    key = (table.c.updated_at, table.c.id)
    if page.updated_from is not None:
        statement = statement.where(table.c.updated_at >= page.updated_from)
    if page.updated_to is not None:
        statement = statement.where(table.c.updated_at < page.updated_to)
    if page.cursor is not None:
        at, id_ = position_of(page.cursor)
        statement = statement.where(
            (table.c.updated_at > at) | ((table.c.updated_at == at) & (table.c.id > id_))
        )
    rows: Sequence[Any] = await tx.all(statement.order_by(*key).limit(page.limit + 1), into)
    if len(rows) <= page.limit:
        return Slice(rows, None)
    rows = rows[: page.limit]
    return Slice(rows, cursor_of(rows[-1].updated_at, rows[-1].id))


def cursor_of(at: datetime, id_: str) -> str:
    """Return the cursor of what comes behind a row."""
    return base64.urlsafe_b64encode(f"{rfc3339(at)} {id_}".encode()).decode().rstrip("=")


def position_of(cursor: str) -> tuple[datetime, str]:
    """Return the row that a cursor stands for.

    Raises:
        PlatformError: ``invalid_cursor``.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        parts = _CURSOR.fullmatch(text)
        if parts is not None:
            return datetime.fromisoformat(parts[1]), parts[2]
    except ValueError:
        pass
    raise PlatformError(
        "invalid_cursor",
        "Use next_cursor of the previous page, unchanged.",
        errors=[{"pointer": "/query/cursor", "detail": "is not one of ours for this list"}],
    )
