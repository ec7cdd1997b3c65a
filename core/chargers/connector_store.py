"""SQL of connectors, their live status and its numbers. Every change of them is in this file."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Update, bindparam, func, select, update

from core.chargers.facts import StatusReported
from core.chargers.models import (
    Connector,
    LiveConnector,
    chargers,
    connectors,
    counters,
    stations,
)
from core.kernel.db import Tx, insert_once, upsert
from core.partners.models import grants


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


async def connectors_at(
    tx: Tx, charger_id: str, evse: int, connector: int | None
) -> Sequence[Connector]:
    statement = select(connectors).where(
        connectors.c.charger_id == charger_id, connectors.c.evse == evse
    )
    if connector is not None:
        statement = statement.where(connectors.c.connector == connector)
    return await tx.all(statement.order_by(connectors.c.connector), Connector)


async def connector_by_id(tx: Tx, connector_id: str) -> Connector | None:
    statement = select(connectors).where(connectors.c.id == connector_id)
    return await tx.one_or_none(statement, Connector)


async def connectors_of(tx: Tx, charger_ids: Collection[str]) -> Sequence[Connector]:
    statement = select(connectors).where(connectors.c.charger_id.in_(sorted(charger_ids)))
    columns = (connectors.c.charger_id, connectors.c.evse, connectors.c.connector)
    return await tx.all(statement.order_by(*columns), Connector)


async def connector_count(tx: Tx, charger_id: str) -> int:
    statement = select(func.count()).where(connectors.c.charger_id == charger_id)
    return int(await tx.scalar(statement))


async def touch_connectors(tx: Tx, charger_ids: Collection[str]) -> Sequence[str]:
    """Lock all connectors of chargers, ahead of the counter of the feed; return their ids."""
    statement = (
        update(connectors)
        .where(connectors.c.charger_id.in_(sorted(charger_ids)))
        .values(updated_at=tx.now)
        .returning(connectors.c.id)
    )
    return await tx.scalars(statement)


async def enter_status(tx: Tx, fact: StatusReported) -> str | None:
    """Store a status that differs from the last one; ``None`` if it does not, or is older."""
    statement = (
        _newer(fact)
        .where(connectors.c.status != fact.status)
        .values(
            status=fact.status,
            error_code=fact.error_code,
            error_info=fact.error_info,
            since=fact.at or tx.now,
            as_of=tx.now,
            reported_at=fact.at,
            updated_at=tx.now,
        )
        .returning(connectors.c.id)
    )
    result: str | None = await tx.scalar(statement)
    return result


async def confirm_status(tx: Tx, fact: StatusReported) -> bool:
    """Note that the status is still the same; false if it is not, or the report is older."""
    statement = (
        _newer(fact)
        .where(connectors.c.status == fact.status)
        .values(
            error_code=fact.error_code,
            error_info=fact.error_info,
            as_of=tx.now,
            reported_at=fact.at,
        )
    )
    return await tx.execute(statement) > 0


def _newer(fact: StatusReported) -> Update:
    statement = update(connectors).where(
        connectors.c.charger_id == fact.charger_id,
        connectors.c.evse == fact.evse,
        connectors.c.connector == fact.connector,
    )
    if fact.at is None:
        return statement
    last = connectors.c.reported_at
    return statement.where(last.is_(None) | (last <= fact.at))


async def next_numbers(tx: Tx, name: str, count: int) -> int:
    """Take *count* numbers of a counter; return the last. Holds the counter until the commit."""
    statement = upsert(tx, counters).values(name=name, value=count)
    statement = statement.on_conflict_do_update(
        index_elements=[counters.c.name], set_={"value": counters.c.value + count}
    )
    return int(await tx.scalar(statement.returning(counters.c.value)))


async def last_number(tx: Tx, name: str) -> int:
    """Return the last number that was taken and committed; all before it are visible, too."""
    statement = select(counters.c.value).where(counters.c.name == name)
    return int(await tx.scalar(statement) or 0)


async def set_seqs(tx: Tx, seqs: Mapping[str, int]) -> None:
    statement = (
        update(connectors)
        .where(connectors.c.id == bindparam("b_id"))
        .values(seq=bindparam("b_seq"))
    )
    await tx.execute(statement, [{"b_id": id_, "b_seq": seq} for id_, seq in seqs.items()])


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
