"""Use cases of live status: what chargers report of their connectors, and who reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from core.chargers import announcing, connector_store, store
from core.chargers.facts import StatusReported
from core.chargers.models import Connector, LiveConnector
from core.chargers.states import IN_USE, ConnectorStatus
from core.chargers.text import storable_or_none
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.ids import new_id

MAX_NUMBER: Final = 1000
"""No charger numbers its EVSEs or connectors higher."""
MAX_CONNECTORS: Final = 200
"""Of one charger; a report of yet another one is dropped."""
CLOCK_AHEAD: Final = timedelta(minutes=5)
CLOCK_BEHIND: Final = timedelta(days=400)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A part of the change feed; *next_seq* is the ``after_seq`` of the next part."""

    statuses: Sequence[LiveConnector]
    next_seq: int


async def report(tx: Tx, facts: Sequence[StatusReported]) -> None:
    """Store reported statuses; an unknown connector is learned.

    Only another status gets a new number in the feed and an event. A report that is older than
    the last one by the charger's own clock (a replay after time offline) changes nothing. EVSE 0
    is the charger as a whole: noted at the charger.
    """
    rounds: list[dict[connector_store.Place, StatusReported]] = []
    for fact in [_storable(one, now=tx.now) for one in facts]:
        if fact.evse == 0:
            await store.enter_own_status(tx, fact)
        elif _possible(fact.evse, _number(fact.connector)):
            place = _place(fact)
            free = next((one for one in rounds if place not in one), None)
            if free is None:
                rounds.append(free := {})
            free[place] = fact
    for one in rounds:  # of the same connector the first is told before the second
        await _enter(tx, [one[place] for place in sorted(one)])


async def _enter(tx: Tx, facts: Sequence[StatusReported]) -> None:
    entered = await connector_store.enter_statuses(tx, facts)
    same = [fact for fact in facts if _place(fact) not in entered]
    confirmed = await connector_store.confirm_statuses(tx, same)
    announcing.connectors_changed(tx, entered.values())
    for fact in same:
        place = _place(fact)
        if place in confirmed or await connector_store.connectors_at(tx, *place):
            continue
        if await _learn(tx, *place) is not None:
            await _enter(tx, [fact])


def _storable(fact: StatusReported, *, now: datetime) -> StatusReported:
    return replace(
        fact,
        connector=_number(fact.connector),
        error_code=storable_or_none(fact.error_code, max_chars=60),
        error_info=storable_or_none(fact.error_info, max_chars=300),
        at=_plausible(fact.at, now=now),
    )


def _place(fact: StatusReported) -> connector_store.Place:
    return fact.charger_id, fact.evse, _number(fact.connector)


async def connector_at(
    tx: Tx, charger_id: str, evse: int, connector: int | None
) -> Connector | None:
    """Return the connector that a charger means; an unknown one is learned.

    If the charger names no connector, it is the one of the EVSE where a vehicle is, else the
    first. ``None`` for numbers that no connector can have.
    """
    if not _possible(evse, _number(connector)):
        return None
    found = await connector_store.connectors_at(tx, charger_id, evse, connector)
    if found:
        return min(found, key=lambda one: (one.status not in IN_USE, one.connector))
    return await _learn(tx, charger_id, evse, _number(connector))


async def silent_places(tx: Tx, charger_id: str) -> Sequence[tuple[int, int]] | None:
    """Return EVSE and connector of those that never said how they are; ``None``: none is known."""
    known = await connector_store.statuses_of(tx, charger_id)
    if not known:
        return None
    return [(evse, connector) for evse, connector, said in known if said == ConnectorStatus.UNKNOWN]


async def livemode_of(tx: Tx, charger_id: str) -> bool | None:
    """Return whether a charger's station is live; ``None`` if the charger has no station."""
    return await store.livemode_of(tx, charger_id)


async def feed(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool,
    station_id: str | None = None,
    after_seq: int = 0,
    limit: int = 200,
) -> Feed:
    """Return statuses that changed after *after_seq*, oldest change first; polls never go back.

    Raises:
        PlatformError: ``not_found``: the partner may not see *station_id*, or it does not exist.
    """
    if station_id is not None:
        station = await store.station(tx, station_id, partner_id=partner_id, livemode=livemode)
        if station is None:
            raise not_found("station")
    statuses = await connector_store.live_of_partner(
        tx,
        partner_id=partner_id,
        livemode=livemode,
        station_id=station_id,
        after_seq=after_seq,
        limit=limit,
    )
    return Feed(statuses=statuses, next_seq=statuses[-1].connector.seq if statuses else after_seq)


async def part(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool,
    station_id: str | None,
    after_seq: int,
    limit: int,
) -> Feed:
    """Return a part of the feed like ``feed``; the last part leads to the end of the feed.

    That is further than the last status where others cannot be seen by the partner.
    """
    head = await connector_store.last_number(tx, announcing.FEED)
    statuses = await connector_store.live_of_partner(
        tx,
        partner_id=partner_id,
        livemode=livemode,
        station_id=station_id,
        after_seq=after_seq,
        limit=limit,
    )
    last = statuses[-1].connector.seq if statuses else after_seq
    return Feed(statuses=statuses, next_seq=last if len(statuses) == limit else max(last, head))


async def live(tx: Tx, connector_id: str, *, partner_id: str, livemode: bool) -> LiveConnector:
    """Return a connector with its status.

    Raises:
        PlatformError: ``not_found``, also for what the partner may not see.
    """
    found = await connector_store.live_of_partner(
        tx, partner_id=partner_id, livemode=livemode, connector_id=connector_id
    )
    if not found:
        raise not_found("connector")
    return found[0]


async def _learn(tx: Tx, charger_id: str, evse: int, connector: int) -> Connector | None:
    if await connector_store.connector_count(tx, charger_id) >= MAX_CONNECTORS:
        _log.warning("connector_refused", evse=evse, connector=connector)
        return None
    learned = await connector_store.add_connector(
        tx,
        id_=new_id("con"),
        charger_id=charger_id,
        evse=evse,
        connector=connector,
        learned=True,
        status=ConnectorStatus.UNKNOWN,
    )
    if learned is None:
        return (await connector_store.connectors_at(tx, charger_id, evse, connector))[0]
    announcing.connectors_changed(tx, [learned.id])
    await announcing.station_changed(tx, await store.station_of(tx, charger_id))
    return learned


def _possible(evse: int, connector: int) -> bool:
    return 1 <= evse <= MAX_NUMBER and 1 <= connector <= MAX_NUMBER


def _number(connector: int | None) -> int:
    """OCPP 1.6 numbers connectors alone: each is the first of its EVSE."""
    return 1 if connector is None else connector


def _plausible(at: datetime | None, *, now: datetime) -> datetime | None:
    """Return the charger's time, not later than now; ``None`` if its clock cannot be right.

    A clock that runs ahead a little and is then set right must not make later reports older.
    """
    if at is None or not now - CLOCK_BEHIND <= at <= now + CLOCK_AHEAD:
        return None
    return min(at, now)
