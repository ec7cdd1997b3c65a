"""SQL of telling: how far each partner has been told, and what concerns it. See ``telling``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Executable, Select, delete, insert, select, union_all, update

from core.chargers.models import (
    Charger,
    chargers,
    connectors,
    cursors,
    station_changes,
    stations,
)
from core.kernel.db import Tx, upsert
from core.kernel.queries import query
from core.partners.models import grants


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A partner that has been told up to *seq*."""

    partner_id: str
    seq: int
    moved_at: datetime


_MOVED: Final = select(connectors.c.id.label("object_id"), connectors.c.seq.label("seq")).join(
    chargers, chargers.c.id == connectors.c.charger_id
)
_CAME_OR_WENT: Final = select(
    chargers.c.id.label("object_id"), chargers.c.presence_seq.label("seq")
)


async def add_station_change(tx: Tx, station_id: str) -> None:
    await tx.execute(_add_station_change(station_id))


@query
def _add_station_change(station_id: str) -> Executable:
    return insert(station_changes).values(station_id=station_id)


async def changed_stations(tx: Tx, *, limit: int) -> Sequence[str]:
    """Return stations whose change is still to be told."""
    return await tx.scalars(_changed_stations(limit))


@query
def _changed_stations(limit: int) -> Executable:
    statement = select(station_changes.c.station_id).distinct()
    return statement.order_by(station_changes.c.station_id).limit(limit)


async def take_station_changes(tx: Tx, station_id: str) -> int:
    """Take the changes of a station that are still to be told; return how many there were."""
    mine = (
        select(station_changes.c.number)
        .where(station_changes.c.station_id == station_id)
        .with_for_update(skip_locked=True)
    )
    return await tx.execute(delete(station_changes).where(station_changes.c.number.in_(mine)))


async def add_cursor(tx: Tx, partner_id: str, *, seq: int) -> None:
    """Begin to tell a partner; one that is told already goes on where it is."""
    new = upsert(tx, cursors).values(
        partner_id=partner_id, seq=seq, moved_at=tx.now, grants_version=0
    )
    await tx.execute(new.on_conflict_do_nothing())


async def note_other_grants(tx: Tx, partner_id: str) -> None:
    """Let whoever remembers what a partner may see look again."""
    statement = update(cursors).where(cursors.c.partner_id == partner_id)
    await tx.execute(statement.values(grants_version=cursors.c.grants_version + 1))


async def grants_version(tx: Tx, partner_id: str) -> int:
    """Return a number that changes with what the partner may see; 0: it never saw anything."""
    statement = select(cursors.c.grants_version).where(cursors.c.partner_id == partner_id)
    return int(await tx.scalar(statement) or 0)


async def behind(tx: Tx, *, head: int) -> Sequence[Cursor]:
    columns = (cursors.c.partner_id, cursors.c.seq, cursors.c.moved_at)
    statement = select(*columns).where(cursors.c.seq < head).order_by(cursors.c.partner_id)
    return await tx.all(statement, Cursor)


async def move(tx: Tx, partner_id: str, *, after: int, until: int) -> bool:
    """Move a partner's cursor; false if it is not at *after* (any more)."""
    statement = (
        update(cursors)
        .where(cursors.c.partner_id == partner_id, cursors.c.seq == after)
        .values(seq=until, moved_at=tx.now)
    )
    return await tx.execute(statement) > 0


async def skip(tx: Tx, *, after: int, until: int) -> Sequence[str]:
    """Move the cursors at *after* of all partners whom nothing up to *until* concerns."""
    concerned = [
        _granted(statement, column, after=after, until=until).with_only_columns(grants.c.partner_id)
        for statement, column in (
            (_MOVED, connectors.c.seq),
            (_CAME_OR_WENT, chargers.c.presence_seq),
        )
    ]
    statement = (
        update(cursors)
        .where(cursors.c.seq == after, cursors.c.partner_id.not_in(union_all(*concerned)))
        .values(seq=until, moved_at=tx.now)
        .returning(cursors.c.partner_id)
    )
    return await tx.scalars(statement)


async def concerning(
    tx: Tx, partner_id: str, *, after: int, until: int
) -> Sequence[tuple[str, int]]:
    """Return (id, number) of the connectors and chargers between that a partner may see now."""
    statement = union_all(
        *(
            _granted(statement, column, after=after, until=until).where(
                grants.c.partner_id == partner_id
            )
            for statement, column in (
                (_MOVED, connectors.c.seq),
                (_CAME_OR_WENT, chargers.c.presence_seq),
            )
        )
    )
    return [(row.object_id, row.seq) for row in await tx.all(statement)]


async def came_or_went(
    tx: Tx, *, after: int, until: int, limit: int
) -> Sequence[tuple[Charger, bool]]:
    """Return chargers by their place in the feed, each with whether its station is live."""
    number = chargers.c.presence_seq
    statement = (
        select(*chargers.c, stations.c.livemode.label("station_livemode"))
        .join(stations, stations.c.id == chargers.c.station_id)
        .where(number > after, number <= until)
        .order_by(number)
        .limit(limit)
    )
    found = []
    for row in await tx.all(statement):
        values = row._asdict()
        livemode = values.pop("station_livemode")
        found.append((Charger(**values), livemode))
    return found


def _granted(statement: Select[Any], column: Any, *, after: int, until: int) -> Select[Any]:
    return (
        statement.join(stations, stations.c.id == chargers.c.station_id)
        .join(grants, grants.c.station_id == stations.c.id)
        .where(
            column > after,
            column <= until,
            chargers.c.removed_at.is_(None),
            stations.c.removed_at.is_(None),
        )
    )
