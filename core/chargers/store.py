"""SQL of stations, chargers and nodes. Every change of these tables is in this file."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Executable, Select, String, delete, func, insert, select, update

from core.chargers.facts import StatusReported
from core.chargers.models import Charger, Held, Station, chargers, nodes, stations
from core.chargers.states import REGISTRATION, Registration
from core.kernel.db import Tx, UtcDateTime, upsert
from core.kernel.given import given_rows
from core.kernel.page import Page, Slice, paginate
from core.kernel.queries import On, query, unindexed
from core.kernel.rows import ONE_MORE, change_row, guarded_move, insert_once
from core.partners.models import grants

_STATIONS: Final = "stations of chargers"
_LIVEMODES: Final = "livemodes of chargers"


async def add_station(tx: Tx, **values: Any) -> Station:
    statement = insert(stations).values(created_at=tx.now, updated_at=tx.now, **values)
    return await tx.one(statement.returning(stations), Station)


async def change_station(tx: Tx, station_id: str, **values: Any) -> Station | None:
    """Change a station that is not removed, if only its ``updated_at``."""
    statement = (
        update(stations)
        .where(stations.c.id == station_id, stations.c.removed_at.is_(None))
        .values(updated_at=tx.now, **values)
        .returning(stations)
    )
    return await tx.one_or_none(statement, Station)


async def station(
    tx: Tx, station_id: str, *, partner_id: str | None, livemode: bool | None
) -> Station | None:
    statement = _stations_of(partner_id, livemode).where(stations.c.id == station_id)
    return await tx.one_or_none(statement, Station)


async def visible_stations(
    tx: Tx, station_ids: Collection[str], *, partner_id: str, livemode: bool
) -> frozenset[str]:
    """Return which of these stations a partner may see."""
    visible = _stations_of(partner_id, livemode).where(stations.c.id.in_(sorted(station_ids)))
    return frozenset(station.id for station in await tx.all(visible, Station))


async def stations_by_id(tx: Tx, station_ids: Collection[str]) -> Sequence[Station]:
    statement = _stations_of(None, None).where(stations.c.id.in_(sorted(station_ids)))
    return await tx.all(statement, Station)


async def stations_page(
    tx: Tx, *, partner_id: str | None, livemode: bool | None, page: Page
) -> Slice[Station]:
    return await paginate(tx, _stations_of(partner_id, livemode), stations, page, Station)


async def picture_files(tx: Tx) -> set[str]:
    """Return the files of all pictures."""
    statement = select(stations.c.pictures).where(stations.c.pictures.is_not(None))
    return {one["file"] for pictures in await tx.scalars(statement) for one in pictures}


async def granted_ids(tx: Tx, partner_id: str, *, livemode: bool) -> Sequence[str]:
    statement = _stations_of(partner_id, livemode)
    return await tx.scalars(statement.with_only_columns(stations.c.id))


def _stations_of(partner_id: str | None, livemode: bool | None) -> Select[Any]:
    statement = select(stations).where(stations.c.removed_at.is_(None))
    if livemode is not None:
        statement = statement.where(stations.c.livemode == livemode)
    if partner_id is None:
        return statement
    return statement.join(grants, grants.c.station_id == stations.c.id).where(
        grants.c.partner_id == partner_id
    )


_IS_KEPT: Final = chargers.c.removed_at.is_(None)
_IS_HELD: Final = _IS_KEPT & unindexed(chargers.c.node_id).is_not(None)
_IS_FREE: Final = _IS_KEPT & unindexed(chargers.c.node_id).is_(None)


async def add_charger(tx: Tx, **values: Any) -> Charger | None:
    """Insert; ``None`` if the identity is taken."""
    return await insert_once(
        tx, chargers, Charger, epoch=0, created_at=tx.now, updated_at=tx.now, **values
    )


async def charger(tx: Tx, charger_id: str) -> Charger | None:
    found = await tx.one_or_none(_charger(charger_id), Charger)
    return _with_station_known(tx, found)


def _with_station_known(tx: Tx, one: Charger | None) -> Charger | None:
    if one is not None:
        station_known(tx, one.id, one.station_id)
    return one


def station_known(tx: Tx, charger_id: str, station_id: str | None) -> None:
    """Have ``station_of`` know what this transaction has just read."""
    tx.info.setdefault(_STATIONS, {})[charger_id] = station_id


@query
def _charger(charger_id: str) -> Executable:
    return select(chargers).where(chargers.c.id == charger_id, _IS_KEPT)


async def station_of(tx: Tx, charger_id: str) -> str | None:
    """Return the station of a charger; a transaction asks once for each."""
    known: dict[str, str | None] = tx.info.setdefault(_STATIONS, {})
    if charger_id not in known:
        known[charger_id] = await tx.scalar(_station_of(charger_id))
    return known[charger_id]


@query
def _station_of(charger_id: str) -> Executable:
    return select(chargers.c.station_id).where(chargers.c.id == charger_id)


async def livemode_of(tx: Tx, charger_id: str) -> bool | None:
    """Return whether a charger's station is live, ``None`` without one; ``station_of`` knows it."""
    known: dict[str, bool | None] = tx.info.setdefault(_LIVEMODES, {})
    if charger_id not in known:
        row = await tx.one_or_none(_home_of(charger_id))
        station_id, livemode = (None, None) if row is None else (row.id, bool(row.livemode))
        home_known(tx, charger_id, station_id, livemode=livemode)
    return known[charger_id]


def home_known(tx: Tx, charger_id: str, station_id: str | None, *, livemode: bool | None) -> None:
    """Have ``station_of`` and ``livemode_of`` know what this transaction has just read."""
    station_known(tx, charger_id, station_id)
    tx.info.setdefault(_LIVEMODES, {})[charger_id] = livemode


@query
def _home_of(charger_id: str) -> Executable:
    return (
        select(stations.c.id, stations.c.livemode)
        .join(chargers, chargers.c.station_id == stations.c.id)
        .where(chargers.c.id == charger_id)
    )


async def charger_of_identity(tx: Tx, identity: str) -> Charger | None:
    return await tx.one_or_none(_charger_of_identity(identity.lower()), Charger)


@query
def _charger_of_identity(identity_key: str) -> Executable:
    return select(chargers).where(chargers.c.identity_key == identity_key)


async def pending_count(tx: Tx) -> int:
    statement = select(func.count()).where(
        chargers.c.registration == Registration.PENDING, chargers.c.removed_at.is_(None)
    )
    return int(await tx.scalar(statement))


async def chargers_page(
    tx: Tx,
    *,
    identity: str | None,
    station_id: str | None,
    registration: Registration | None,
    online: bool | None,
    page: Page,
) -> Slice[Charger]:
    statement = select(chargers).where(chargers.c.removed_at.is_(None))
    if identity is not None:
        statement = statement.where(chargers.c.identity_key == identity.lower())
    if station_id is not None:
        statement = statement.where(chargers.c.station_id == station_id)
    if registration is not None:
        statement = statement.where(chargers.c.registration == registration)
    if online is not None:
        held = chargers.c.node_id.is_not(None)
        statement = statement.where(held if online else ~held)
    return await paginate(tx, statement, chargers, page, Charger)


async def chargers_of_stations(tx: Tx, station_ids: Collection[str]) -> Sequence[Charger]:
    statement = select(chargers).where(
        chargers.c.station_id.in_(sorted(station_ids)), chargers.c.removed_at.is_(None)
    )
    return await tx.all(statement.order_by(chargers.c.id), Charger)


async def change_charger(tx: Tx, charger_id: str, **values: Any) -> Charger | None:
    """Change a charger that is not removed."""
    changed = await change_row(
        tx, chargers, Charger, charger_id, only=_IS_KEPT, updated_at=tx.now, **values
    )
    tx.info.setdefault(_LIVEMODES, {}).pop(charger_id, None)
    return _with_station_known(tx, changed)


async def move_charger(
    tx: Tx,
    charger_id: str,
    to: Registration,
    *,
    sources: frozenset[Registration],
    held_reason: str | None = None,
) -> Charger | None:
    return await guarded_move(
        tx,
        chargers,
        Charger,
        REGISTRATION,
        charger_id,
        to,
        state=chargers.c.registration,
        sources=sources,
        held_reason=held_reason,
        updated_at=tx.now,
    )


async def enter_own_status(tx: Tx, fact: StatusReported) -> None:
    """Store what a charger says of itself as a whole, unless it said something later."""
    statement = _enter_own_status(
        fact.charger_id,
        status=fact.status,
        error_code=fact.error_code,
        error_info=fact.error_info,
        at=fact.at,
    )
    await tx.execute(statement)


@query
def _enter_own_status(
    charger_id: str,
    *,
    status: str,
    error_code: str | None,
    error_info: str | None,
    at: datetime | None = None,
) -> Executable:
    statement = (
        update(chargers)
        .where(chargers.c.id == charger_id, _IS_KEPT)
        .values(
            status=status,
            error_code=error_code,
            error_info=error_info,
            status_reported_at=at,
        )
    )
    if at is None:
        return statement
    last = chargers.c.status_reported_at
    return statement.where(last.is_(None) | (last <= at))


async def hold(tx: Tx, charger_id: str, *, is_held: bool, **values: Any) -> Charger | None:
    """Begin a new epoch of a charger that a socket holds already, or that none does.

    Returns:
        ``None`` where it is not so, or the charger was removed.
    """
    changed = await change_row(
        tx,
        chargers,
        Charger,
        charger_id,
        only=_IS_HELD if is_held else _IS_FREE,
        epoch=ONE_MORE,
        updated_at=tx.now,
        **values,
    )
    return _with_station_known(tx, changed)


async def let_go(tx: Tx, charger_id: str, *, epoch: int) -> Charger | None:
    """Mark a charger offline; ``None`` if it is already, or if a newer socket holds it (I26)."""
    return await tx.one_or_none(_let_go(charger_id, epoch, now=tx.now), Charger)


@query
def _let_go(charger_id: str, epoch: int, *, now: datetime) -> Executable:
    return (
        update(chargers)
        .where(
            chargers.c.id == charger_id,
            chargers.c.epoch == epoch,
            unindexed(chargers.c.node_id).is_not(None),
        )
        .values(node_id=None, disconnected_at=now, updated_at=now)
        .returning(chargers)
    )


async def held_by(tx: Tx, node_id: str, *, limit: int) -> Sequence[Charger]:
    """Return and lock chargers of a node, but for those that another transaction is about."""
    statement = (
        select(chargers)
        .where(chargers.c.node_id == node_id)
        .order_by(chargers.c.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
    )
    return await tx.all(statement, Charger)


async def held_on(tx: Tx, node_id: str) -> dict[str, Held]:
    columns = (chargers.c.id, chargers.c.epoch, chargers.c.security_profile)
    statement = select(*columns).where(
        chargers.c.node_id == node_id,
        chargers.c.removed_at.is_(None),
        chargers.c.registration.in_([Registration.ACCEPTED, Registration.PENDING]),
    )
    return {
        row.id: Held(epoch=row.epoch, security_profile=row.security_profile)
        for row in await tx.all(statement)
    }


async def let_go_of_all(tx: Tx, held: Sequence[Charger], *, node_id: str) -> Sequence[Charger]:
    """Mark those of *held* offline that *node_id* still holds."""
    statement = (
        update(chargers)
        .where(
            chargers.c.id.in_([one.id for one in held]), unindexed(chargers.c.node_id) == node_id
        )
        .values(node_id=None, disconnected_at=tx.now, updated_at=tx.now)
        .returning(chargers)
    )
    return await tx.all(statement, Charger)


async def set_last_seen(tx: Tx, seen: Mapping[str, datetime]) -> None:
    """Note when chargers were seen, but for those that another transaction is about now."""
    await tx.execute(_set_last_seen(tx, sorted(seen.items())))


@query
def _set_last_seen(on: On, rows: Any) -> Executable:
    seen = given_rows(on, rows, id=String(), at=UtcDateTime())
    free = (
        select(chargers.c.id, seen.c.at)
        .join(seen, chargers.c.id == seen.c.id)
        .with_for_update(of=chargers, key_share=True, skip_locked=True)
        .cte("free")
    )
    return update(chargers).where(chargers.c.id == free.c.id).values(last_seen_at=free.c.at)


async def set_presence_seqs(tx: Tx, seqs: Mapping[str, int]) -> None:
    if seqs:
        await tx.execute(_set_presence_seqs(tx, list(seqs.items())))


@query
def _set_presence_seqs(on: On, rows: Any) -> Executable:
    place = given_rows(on, rows, id=String(), seq=BigInteger())
    return update(chargers).where(chargers.c.id == place.c.id).values(presence_seq=place.c.seq)


async def touch_node(tx: Tx, node_id: str) -> bool:
    """Note that a node lives; tell whether it was known."""
    statement = update(nodes).where(nodes.c.id == node_id).values(seen_at=tx.now)
    if await tx.execute(statement):
        return True
    new = upsert(tx, nodes).values(id=node_id, started_at=tx.now, seen_at=tx.now)
    await tx.execute(new.on_conflict_do_nothing())
    return False


async def dead_nodes(tx: Tx, *, before: datetime) -> Sequence[str]:
    """Return silent nodes, and names that hold chargers but are no nodes (any more)."""
    silent = select(nodes.c.id).where(nodes.c.seen_at < before)
    unknown = select(chargers.c.node_id).where(
        chargers.c.node_id.is_not(None), chargers.c.node_id.not_in(select(nodes.c.id))
    )
    return sorted({*await tx.scalars(silent), *await tx.scalars(unknown.distinct())})


async def lock_node(tx: Tx, node_id: str) -> None:
    """Let only one transaction at a time release a node."""
    await tx.execute(update(nodes).where(nodes.c.id == node_id).values(seen_at=nodes.c.seen_at))


async def remove_node(tx: Tx, node_id: str) -> None:
    await tx.execute(delete(nodes).where(nodes.c.id == node_id))
