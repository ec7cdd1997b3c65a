"""Cursor pages over rows ordered by ``(updated_at, id)``."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, FromClause, Select, literal, select, tuple_

from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339

_CURSOR: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([!-~]+)", re.ASCII)

LOOKED_AT: Final = 10_000
"""Rows that one page looks at for values to which no index leads."""

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
    tx: Tx,
    statement: Select[Any],
    table: FromClause,
    page: Page,
    into: type[T],
    *,
    by: ColumnElement[Any] | None = None,
    only: Mapping[str, object] | None = None,
) -> Slice[T]:
    """Run *statement* (whose rows have ``updated_at`` and ``id`` of *table*) for one page.

    Args:
        by: What has the value of ``updated_at`` in each of these rows, and an index.
        only: Values of columns to which no index leads; ``None`` is any. They are looked for among
            the next 10,000 rows: such a page may be short, even empty, and have a cursor.

    Raises:
        PlatformError: ``invalid_cursor``.
    """
    at = table.c.updated_at if by is None else by
    key = (at, table.c.id)
    if page.updated_from is not None:
        statement = statement.where(at >= page.updated_from)
    if page.updated_to is not None:
        statement = statement.where(at < page.updated_to)
    if page.cursor is not None:
        statement = statement.where(behind(key, position_of(page.cursor)))
    statement = statement.order_by(*key)
    wanted = {name: value for name, value in (only or {}).items() if value is not None}
    shown = _narrowed(statement, wanted) if wanted else statement
    rows: Sequence[Any] = await tx.all(shown.limit(page.limit + 1), into)
    if len(rows) > page.limit:
        rows = rows[: page.limit]
        return Slice(rows, cursor_of(rows[-1].updated_at, rows[-1].id))
    if not wanted:
        return Slice(rows, None)
    ends = statement.with_only_columns(*key, maintain_column_froms=True)
    end = await tx.one_or_none(ends.offset(LOOKED_AT - 1).limit(1))
    return Slice(rows, None if end is None else cursor_of(*end))


def _narrowed(statement: Select[Any], wanted: Mapping[str, object]) -> Select[Any]:
    window = statement.limit(LOOKED_AT).subquery()
    narrowed = select(window).order_by(window.c.updated_at, window.c.id)
    return narrowed.where(*(window.c[name] == value for name, value in wanted.items()))


def merged(parts: Sequence[Slice[Any]], page: Page) -> Slice[Any]:
    """Return one page of what *parts*, the same page of several lists, have together.

    What went from one list to another meanwhile is shown once, as the last of them has it.
    """
    each = {row.id: row for part in parts for row in part.rows}
    rows = sorted(each.values(), key=lambda row: (row.updated_at, row.id))
    is_last = len(rows) <= page.limit and all(part.next_cursor is None for part in parts)
    rows = rows[: page.limit]
    return Slice(rows, None if is_last else cursor_of(rows[-1].updated_at, rows[-1].id))


def behind(
    key: Sequence[ColumnElement[Any]], last: Sequence[object], *, newest_first: bool = False
) -> ColumnElement[bool]:
    """Return what comes behind the row *last* in the order of *key*.

    As a comparison of rows: from that an index knows where to begin. It cannot from an OR, and
    would read all rows that were shown before.
    """
    values = [literal(value, column.type) for value, column in zip(last, key, strict=True)]
    return tuple_(*key) < tuple_(*values) if newest_first else tuple_(*key) > tuple_(*values)


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
