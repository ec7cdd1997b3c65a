"""SQL of the request log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Executable, Select, delete, or_, select

from core.kernel.db import Tx, upsert
from core.kernel.page import Page, Slice, cursor_of, position_of
from core.kernel.queries import OnDialect
from core.request_log.models import LoggedRequest, request_logs

SCANNED: Final = 10_000
"""Entries that one page looks at: a filter that fits nothing costs no more than that."""

_columns = request_logs.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What entries to show; ``None`` is any.

    Attributes:
        statuses: From and to, both inclusive.
        path: What the path begins with.
        request_id: Of a control call, or the id of the entry itself.
    """

    partner_id: str | None
    livemode: bool | None = None
    key_id: str | None = None
    statuses: tuple[int, int] | None = None
    method: str | None = None
    path: str | None = None
    code: str | None = None
    request_id: str | None = None


async def add(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; one that is there already was written by a commit nobody heard of."""
    await tx.execute(_insert(tx.dialect), rows)


@cache
def _insert(dialect: str) -> Executable:
    """Return the same statement each time: to build it costs as much as to fill in ten rows."""
    statement: Executable = upsert(OnDialect(dialect), request_logs).on_conflict_do_nothing()
    return statement


async def entry(tx: Tx, id_: str, wanted: Wanted) -> LoggedRequest | None:
    statement = _owned(select(request_logs), wanted).where(_columns.id == id_)
    return await tx.one_or_none(statement, LoggedRequest)


async def newest(tx: Tx, wanted: Wanted, page: Page) -> Slice[LoggedRequest]:
    """Return one page, the newest first; it may have fewer rows than there are, and a cursor.

    Raises:
        PlatformError: ``invalid_cursor``.
    """
    at = _columns.updated_at
    looked_at = _owned(select(request_logs), wanted)
    if page.updated_from is not None:
        looked_at = looked_at.where(at >= page.updated_from)
    if page.updated_to is not None:
        looked_at = looked_at.where(at < page.updated_to)
    if page.cursor is not None:
        last_at, last_id = position_of(page.cursor)
        behind = (at < last_at) | (_columns.id < last_id)
        looked_at = looked_at.where(at <= last_at, behind)  # so the index begins there
    looked_at = looked_at.order_by(at.desc(), _columns.id.desc())
    window = looked_at.limit(SCANNED).subquery()
    statement = (
        _filtered(select(window), window.c, wanted)
        .order_by(window.c.updated_at.desc(), window.c.id.desc())
        .limit(page.limit + 1)
    )
    rows = await tx.all(statement, LoggedRequest)
    if len(rows) > page.limit:
        rows = rows[: page.limit]
        return Slice(rows, cursor_of(rows[-1].updated_at, rows[-1].id))
    ends = looked_at.with_only_columns(at, _columns.id).offset(SCANNED - 1).limit(1)
    end = await tx.one_or_none(ends)
    return Slice(rows, None if end is None else cursor_of(end.updated_at, end.id))


async def since(tx: Tx, wanted: Wanted, *, at: datetime, limit: int) -> Sequence[LoggedRequest]:
    """Return what was written at or after an instant, the oldest first; filters hold."""
    statement = _filtered(_owned(select(request_logs), wanted), _columns, wanted)
    statement = statement.where(_columns.updated_at >= at)
    statement = statement.order_by(_columns.updated_at, _columns.id).limit(limit)
    return await tx.all(statement, LoggedRequest)


async def delete_some(tx: Tx, *, before: datetime, limit: int) -> int:
    old = (
        select(_columns.id)
        .where(_columns.updated_at < before)
        .order_by(_columns.updated_at)
        .limit(limit)
    )
    return await tx.execute(delete(request_logs).where(_columns.id.in_(old)))


def _owned(statement: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.partner_id is not None:
        statement = statement.where(_columns.partner_id == wanted.partner_id)
    if wanted.livemode is not None:
        statement = statement.where(_columns.livemode == wanted.livemode)
    if wanted.key_id is not None:
        statement = statement.where(_columns.key_id == wanted.key_id)
    return statement


def _filtered(statement: Select[Any], columns: Any, wanted: Wanted) -> Select[Any]:
    if wanted.statuses is not None:
        statement = statement.where(columns.status.between(*wanted.statuses))
    if wanted.method is not None:
        statement = statement.where(columns.method == wanted.method)
    if wanted.path is not None:
        statement = statement.where(columns.path.startswith(wanted.path, autoescape=True))
    if wanted.code is not None:
        statement = statement.where(columns.code == wanted.code)
    if wanted.request_id is not None:
        one = wanted.request_id
        statement = statement.where(or_(columns.request_id == one, columns.id == one))
    return statement
