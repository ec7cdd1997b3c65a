"""Tables of PostgreSQL that are cut by time: parts are made ahead, and dropped whole at their age.

To delete millions of rows costs as much as they did, and leaves holes; to drop a part costs
nothing. Rows go by a time that the database gave, so they come into parts that exist; what finds
none (no worker ran for days) is kept in the default part, and moved when its own is made. On SQLite
there are no parts, and old rows are deleted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import structlog
from sqlalchemy import text

from core.kernel.db import Tx

log = structlog.get_logger()

LOCKED_FOR_AT_MOST: Final = "2s"
"""Who makes or drops a part waits no longer for others: they would wait behind it."""
DELETED_AT_ONCE: Final = 5_000

_BOUND: Final = re.compile(r"TO \('([^']+)'\)")
_LOCK: Final = 7_305_813


class Every(StrEnum):
    """How long a part is."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitioned:
    """A table whose rows are kept in parts by *column*, of which *ahead* are made in advance."""

    table: str
    column: str
    every: Every
    ahead: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part and the end of what it holds; ``None``: the default, which holds what fits nowhere."""

    name: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one pass did."""

    made: Sequence[str] = ()
    dropped: Sequence[str] = ()
    deleted: int = 0


async def keep(tx: Tx, cut: Partitioned, *, kept: timedelta | None) -> Kept:
    """Make the parts of now and of what comes, drop those that are older than *kept* as a whole.

    Safe on every node at once: one does it, the others do nothing. From the parts that held
    what was there before, and from the default part, old rows are deleted.

    Args:
        kept: ``None``: for ever.
    """
    if tx.dialect != "postgresql":
        return Kept()
    lock = text("SELECT pg_try_advisory_xact_lock(:key, hashtext(:table))")
    if not await tx.scalar(lock.bindparams(key=_LOCK, table=cut.table)):
        return Kept()
    await tx.execute(text(f"SET LOCAL lock_timeout = '{LOCKED_FOR_AT_MOST}'"))
    parts = await parts_of(tx, cut)
    made = await _make(tx, cut, parts)
    dropped: list[str] = []
    deleted = 0
    if kept is not None:
        before = tx.now - kept
        for part in parts:
            if part.until is not None and part.until <= before:
                await tx.execute(text(f'DROP TABLE "{part.name}"'))
                dropped.append(part.name)
            elif not _is_regular(cut, part):
                deleted += await _delete(tx, cut, part, before)
    if made or dropped:
        log.info("partitions_kept", table=cut.table, made=made, dropped=dropped)
    return Kept(made=made, dropped=dropped, deleted=deleted)


async def parts_of(tx: Tx, cut: Partitioned) -> Sequence[Part]:
    """Return the parts of a table, those that hold the oldest first."""
    statement = text(
        """
        SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = CAST(:table AS regclass)
        """
    )
    rows: Sequence[Any] = await tx.all(statement.bindparams(table=cut.table))
    parts = [Part(row.name, _until(row.bound)) for row in rows]
    return sorted(parts, key=lambda part: (part.until is None, part.until, part.name))


def _until(bound: str) -> datetime | None:
    found = _BOUND.search(bound)
    return None if found is None else datetime.fromisoformat(found[1]).astimezone(UTC)


def _is_regular(cut: Partitioned, part: Part) -> bool:
    """Tell whether a part was made here, and not from what there was before."""
    return re.fullmatch(rf"{cut.table}_\d{{8}}", part.name) is not None


async def _make(tx: Tx, cut: Partitioned, parts: Sequence[Part]) -> Sequence[str]:
    """Make what is missing from the end of the last part on; hold no lock that writers want."""
    ends = [part.until for part in parts if part.until is not None]
    begin = max(ends) if ends else _begin(cut.every, tx.now)
    last = _begin(cut.every, tx.now)
    for _ in range(cut.ahead):
        last = _next(cut.every, last)
    # where nobody was for long the default part has it all, and keeps it
    begin = max(begin, _begin(cut.every, tx.now))
    made = []
    while begin <= last:
        end = _next(cut.every, begin)
        made.append(await _make_one(tx, cut, begin, end))
        begin = end
    return made


async def _make_one(tx: Tx, cut: Partitioned, begin: datetime, end: datetime) -> str:
    """Make a part beside the table, with what waited for it in the default part, then attach it.

    To create it in its place would lock the whole table against its writers.
    """
    name = f"{cut.table}_{begin:%Y%m%d}"
    held = f"{cut.column} >= '{begin.isoformat()}' AND {cut.column} < '{end.isoformat()}'"
    await tx.execute(
        text(f'CREATE TABLE "{name}" (LIKE {cut.table} INCLUDING DEFAULTS, CHECK ({held}))')
    )
    await tx.execute(
        text(
            f"WITH moved AS (DELETE FROM {cut.table}_default WHERE {held} RETURNING *) "  # noqa: S608
            f'INSERT INTO "{name}" SELECT * FROM moved'
        )
    )
    values = f"FROM ('{begin.isoformat()}') TO ('{end.isoformat()}')"
    await tx.execute(text(f'ALTER TABLE {cut.table} ATTACH PARTITION "{name}" FOR VALUES {values}'))
    return name


async def _delete(tx: Tx, cut: Partitioned, part: Part, before: datetime) -> int:
    """Delete some old rows of a part that is not cut by time, the oldest first."""
    statement = text(
        f'DELETE FROM "{part.name}" WHERE ctid = ANY(ARRAY('  # noqa: S608 - names of ours
        f'SELECT ctid FROM "{part.name}" WHERE {cut.column} < :before '
        f"ORDER BY {cut.column} LIMIT {DELETED_AT_ONCE}))"
    )
    return await tx.execute(statement.bindparams(before=before))


def _begin(every: Every, at: datetime) -> datetime:
    """Return when the part that holds an instant begins; in UTC."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if every is Every.DAY else day.replace(day=1)


def _next(every: Every, begin: datetime) -> datetime:
    """Return when the part after the one that begins then begins."""
    if every is Every.DAY:
        return begin + timedelta(days=1)
    return (begin + timedelta(days=32)).replace(day=1)
