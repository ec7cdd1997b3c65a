"""SQL of connectors, their live status and its numbers. Every change of them is in this file."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Executable,
    FromClause,
    Integer,
    Select,
    String,
    Update,
    func,
    or_,
    select,
    update,
)

from core.chargers import store
from core.chargers.facts import StatusReported
from core.chargers.models import (
    Connector,
    LiveConnector,
    chargers,
    connectors,
    counters,
    stations,
)
from core.kernel.db import Tx, UtcDateTime, upsert
from core.kernel.given import given_rows, is_among
from core.kernel.queries import On, bound, query
from core.kernel.rows import insert_once
from core.partners.models import grants

Place = tuple[str, int, int]
"""Charger, EVSE and connector."""


async def add_connector(
    tx: Tx, *, id_: str, charger_id: str, evse: int, connector: int, **values: Any
) -> Connector | None:
    """Insert; ``None`` if the charger has it already."""
    times = {"since": tx.now, "as_of": tx.now, "created_at": tx.now, "updated_at": tx.now}
    return await insert_once(
        tx,
        connectors,
        Connector,
        id=id_,
        charger_id=charger_id,
        evse=evse,
        connector=connector,
        seq=0,
        **{**times, **values},
    )


async def change_connector(
    tx: Tx, charger_id: str, evse: int, connector: int, **values: Any
) -> Connector | None:
    statement = (
        update(connectors)
        .where(
            connectors.c.charger_id == charger_id,
            connectors.c.evse == evse,
            connectors.c.connector == connector,
        )
        .values(updated_at=tx.now, **values)
        .returning(connectors)
    )
    return await tx.one_or_none(statement, Connector)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed(Connector):
    """A connector, and its charger's station; ``None`` without one."""

    station_id: str | None
    livemode: bool | None


async def connectors_at(
    tx: Tx, charger_id: str, evse: int, connector: int | None
) -> Sequence[Connector]:
    """Return connectors of an EVSE; from then on the transaction knows where the charger is."""
    found = await tx.all(_connectors_at(charger_id, evse, connector=connector), _Placed)
    for one in found[:1]:
        store.home_known(tx, charger_id, one.station_id, livemode=one.livemode)
    return found


@query
def _connectors_at(charger_id: str, evse: int, *, connector: int | None = None) -> Executable:
    statement = (
        select(*connectors.c, chargers.c.station_id, stations.c.livemode)
        .join(chargers, chargers.c.id == connectors.c.charger_id)
        .outerjoin(stations, stations.c.id == chargers.c.station_id)
        .where(connectors.c.charger_id == charger_id, connectors.c.evse == evse)
        .order_by(connectors.c.connector)
    )
    if connector is not None:
        statement = statement.where(connectors.c.connector == connector)
    return statement


async def connector_by_id(tx: Tx, connector_id: str) -> Connector | None:
    statement = select(connectors).where(connectors.c.id == connector_id)
    return await tx.one_or_none(statement, Connector)


async def connectors_of(tx: Tx, charger_ids: Collection[str]) -> Sequence[Connector]:
    return await tx.all(_connectors_of(tx, sorted(charger_ids)), Connector)


@query
def _connectors_of(on: On, charger_ids: list[str]) -> Executable:
    columns = (connectors.c.charger_id, connectors.c.evse, connectors.c.connector)
    statement = select(connectors).where(is_among(on, connectors.c.charger_id, charger_ids))
    return statement.order_by(*columns)


async def statuses_of(tx: Tx, charger_id: str) -> Sequence[tuple[int, int, str]]:
    """Return EVSE, connector and status of each connector of a charger."""
    return await tx.all(_statuses_of(charger_id))


@query
def _statuses_of(charger_id: str) -> Executable:
    columns = (connectors.c.evse, connectors.c.connector)
    statement = select(*columns, connectors.c.status).where(connectors.c.charger_id == charger_id)
    return statement.order_by(*columns)


async def connector_count(tx: Tx, charger_id: str) -> int:
    statement = select(func.count()).where(connectors.c.charger_id == charger_id)
    return int(await tx.scalar(statement))


async def lock_connectors(tx: Tx, charger_ids: Collection[str]) -> Sequence[str]:
    """Lock all connectors of chargers, ahead of the counter of the feed; return their ids."""
    return await tx.scalars(_lock_connectors(tx, sorted(charger_ids)))


@query
def _lock_connectors(on: On, charger_ids: list[str]) -> Executable:
    return (
        select(connectors.c.id)
        .where(is_among(on, connectors.c.charger_id, charger_ids))
        .order_by(connectors.c.id)
        .with_for_update(key_share=True)
    )


async def enter_statuses(tx: Tx, facts: Sequence[StatusReported]) -> Mapping[Place, str]:
    """Store statuses that differ from the last ones; return the ids of those connectors.

    What is older than the last report, or the same, or of an unknown connector, is left out.
    """
    if not facts:
        return {}
    rows = await tx.all(_enter_statuses(tx, now=tx.now, rows=_rows(facts)))
    return {(row.charger_id, row.evse, row.connector): row.id for row in rows}


async def confirm_statuses(tx: Tx, facts: Sequence[StatusReported]) -> Collection[Place]:
    """Note that statuses are still the same; return the places where they are.

    Left out is what is older than the last report, not the same, or of an unknown connector.
    """
    if not facts:
        return ()
    rows = await tx.all(_confirm_statuses(tx, now=tx.now, rows=_rows(facts)))
    return {(row.charger_id, row.evse, row.connector) for row in rows}


def _rows(facts: Sequence[StatusReported]) -> list[tuple[Any, ...]]:
    return [
        (
            fact.charger_id,
            fact.evse,
            fact.connector,
            fact.status,
            fact.error_code,
            fact.error_info,
            fact.at,
        )
        for fact in facts
    ]


def _reported(on: On, rows: Any) -> FromClause:
    return given_rows(
        on,
        rows,
        charger_id=String(),
        evse=Integer(),
        connector=Integer(),
        status=String(),
        error_code=String(),
        error_info=String(),
        at=UtcDateTime(),
    )


def _newer(fact: FromClause) -> Update:
    """Return an update of the connectors that *fact* tells news of."""
    last = connectors.c.reported_at
    return (
        update(connectors)
        .where(
            connectors.c.charger_id == fact.c.charger_id,
            connectors.c.evse == fact.c.evse,
            connectors.c.connector == fact.c.connector,
            or_(fact.c.at.is_(None), last.is_(None), last <= fact.c.at),
        )
        .values(
            error_code=fact.c.error_code,
            error_info=fact.c.error_info,
            reported_at=fact.c.at,
        )
    )


_PLACE = (connectors.c.charger_id, connectors.c.evse, connectors.c.connector)


@query
def _enter_statuses(on: On, *, now: datetime, rows: Any) -> Executable:
    fact = _reported(on, rows)
    return (
        _newer(fact)
        .where(connectors.c.status != fact.c.status)
        .values(
            status=fact.c.status,
            since=func.coalesce(fact.c.at, bound(now, UtcDateTime())),
            as_of=now,
            updated_at=now,
        )
        .returning(connectors.c.id, *_PLACE)
    )


@query
def _confirm_statuses(on: On, *, now: datetime, rows: Any) -> Executable:
    fact = _reported(on, rows)
    statement = _newer(fact).where(connectors.c.status == fact.c.status).values(as_of=now)
    return statement.returning(*_PLACE)


async def next_numbers(tx: Tx, name: str, count: int) -> int:
    """Take *count* numbers of a counter; return the last. Holds the counter until the commit."""
    return int(await tx.scalar(_next_numbers(tx, name, count)))


@query
def _next_numbers(on: On, name: str, count: int) -> Executable:
    return _taking(on, name, count)  # type: ignore[no-any-return]


def _taking(on: On, name: str, count: int) -> Any:
    statement: Any = upsert(on, counters).values(name=name, value=count)
    return statement.on_conflict_do_update(
        index_elements=[counters.c.name],
        set_={"value": counters.c.value + statement.excluded.value},
    ).returning(counters.c.value)


async def number(tx: Tx, name: str, connector_ids: Sequence[str]) -> None:
    """Give connectors the next numbers of a counter as their places in the feed, in this order.

    The counter is held until the commit, as by ``next_numbers``; PostgreSQL does both at once.
    """
    count = len(connector_ids)
    if tx.dialect == "postgresql":
        back = [(id_, count - n) for n, id_ in enumerate(connector_ids, 1)]
        await tx.execute(_number(tx, name, count, now=tx.now, rows=back))
        return
    last = await next_numbers(tx, name, count)
    await set_seqs(tx, dict(zip(connector_ids, range(last - count + 1, last + 1), strict=True)))


@query
def _number(on: On, name: str, count: int, *, now: datetime, rows: Any) -> Executable:
    taken = _taking(on, name, count).cte("taken")
    place = given_rows(on, rows, id=String(), back=BigInteger())
    return (
        update(connectors)
        .where(connectors.c.id == place.c.id)
        .values(seq=taken.c.value - place.c.back, updated_at=now)
    )


async def last_number(tx: Tx, name: str) -> int:
    """Return the last number that was taken and committed; all before it are visible, too."""
    return int(await tx.scalar(_last_number(name)) or 0)


@query
def _last_number(name: str) -> Executable:
    return select(counters.c.value).where(counters.c.name == name)


async def number_of_newest(tx: Tx, count: int) -> int:
    """Return the number after which not more than *count* connectors have theirs."""
    statement = select(connectors.c.seq).order_by(connectors.c.seq.desc()).offset(count).limit(1)
    return int(await tx.scalar(statement) or 0)


async def set_seqs(tx: Tx, seqs: Mapping[str, int]) -> None:
    """Give connectors that changed their places in the feed."""
    if seqs:
        await tx.execute(_set_seqs(tx, now=tx.now, rows=list(seqs.items())))


@query
def _set_seqs(on: On, *, now: datetime, rows: Any) -> Executable:
    place = given_rows(on, rows, id=String(), seq=BigInteger())
    return (
        update(connectors)
        .where(connectors.c.id == place.c.id)
        .values(seq=place.c.seq, updated_at=now)
    )


_LIVE = (
    select(
        *connectors.c,
        chargers.c.station_id.label("live_station_id"),
        chargers.c.node_id.label("live_node_id"),
        chargers.c.disconnected_at.label("live_disconnected_at"),
        stations.c.livemode.label("live_livemode"),
        stations.c.tariff_id.label("live_tariff_id"),
    )
    .join(chargers, chargers.c.id == connectors.c.charger_id)
    .outerjoin(stations, stations.c.id == chargers.c.station_id)
)


async def live_between(
    tx: Tx, *, after_seq: int, until_seq: int, limit: int
) -> Sequence[LiveConnector]:
    """Return connectors by their place in the feed, whoever may see them."""
    statement = _LIVE.where(connectors.c.seq > after_seq, connectors.c.seq <= until_seq)
    return await _live(tx, statement.limit(limit))


async def live_of_partner(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool,
    connector_id: str | None = None,
    station_id: str | None = None,
    after_seq: int | None = None,
    limit: int | None = None,
) -> Sequence[LiveConnector]:
    statement = _LIVE.join(grants, grants.c.station_id == stations.c.id).where(
        grants.c.partner_id == partner_id,
        stations.c.livemode == livemode,
        stations.c.removed_at.is_(None),
        chargers.c.removed_at.is_(None),
    )
    if connector_id is not None:
        statement = statement.where(connectors.c.id == connector_id)
    if station_id is not None:
        statement = statement.where(stations.c.id == station_id)
    if after_seq is not None:
        statement = statement.where(connectors.c.seq > after_seq)
    return await _live(tx, statement.limit(limit))


async def _live(tx: Tx, statement: Select[Any]) -> Sequence[LiveConnector]:
    found = []
    for row in await tx.all(statement.order_by(connectors.c.seq)):
        values = row._asdict()
        node_id, since = values.pop("live_node_id"), values.pop("live_disconnected_at")
        station_id, livemode = values.pop("live_station_id"), values.pop("live_livemode")
        tariff_id = values.pop("live_tariff_id")
        connector = Connector(**values)
        found.append(
            LiveConnector(
                connector=connector,
                charger_id=connector.charger_id,
                station_id=station_id,
                livemode=livemode,
                tariff_id=tariff_id,
                online=node_id is not None,
                offline_since=since if node_id is None else None,
            )
        )
    return found
