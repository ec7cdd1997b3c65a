"""What partners hear of stations, chargers and connectors: gathered, written before the commit.

Rows are changed, and so locked, before their numbers are taken; numbers are taken last and in one
order. So transactions wait for each other, never in a ring, and no reader of the feed meets a
number before a lower one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from core.chargers import connector_store, store
from core.chargers.models import Charger, Station
from core.chargers.views import presence_view, station_view, status_view
from core.kernel.db import Tx
from core.partners import service as partners
from core.webhooks import service as webhooks

FEED: Final = "connector_status"
_STATIONS_AT_END: Final = "0-stations"
_FEED_AT_END: Final = "1-status-feed"


def connectors_changed(tx: Tx, connector_ids: Iterable[str]) -> None:
    """Give connectors a new place in the feed and tell partners; their rows are locked by now."""
    gathered: set[str] = tx.info.setdefault(_FEED_AT_END, set())
    gathered.update(connector_ids)
    if gathered:
        tx.at_end(_FEED_AT_END, _number_and_tell)


def station_changed(tx: Tx, station_id: str | None) -> None:
    """Tell partners that what they see of a station is another."""
    if station_id is not None:
        tx.info.setdefault(_STATIONS_AT_END, set()).add(station_id)
        tx.at_end(_STATIONS_AT_END, _tell_stations)


async def presence_changed(tx: Tx, chargers: Sequence[Charger]) -> None:
    """Tell partners that chargers came or went, and what that makes of their connectors."""
    touched = await connector_store.touch_connectors(tx, [charger.id for charger in chargers])
    connectors_changed(tx, touched)
    known = {charger.station_id for charger in chargers if charger.station_id is not None}
    found = {station.id: station for station in await store.stations_by_id(tx, known)}
    audience = await _audience(tx, found)
    for charger in chargers:
        station = found.get(charger.station_id or "")
        if station is None:
            continue
        for partner_id in audience[station.id]:
            await webhooks.emit(
                tx,
                partner_id=partner_id,
                livemode=station.livemode,
                type="charger.online" if charger.online else "charger.offline",
                object_id=charger.id,
                object_sequence=2 * charger.epoch + (0 if charger.online else 1),
                related={},
                obj=presence_view(charger, at=tx.now),
            )


async def tell_station(
    tx: Tx, station: Station, type_: str, *, partner_ids: Sequence[str] | None = None
) -> None:
    """Tell *partner_ids* (all that may see it, if not given) about a station as it is now."""
    if partner_ids is None:
        partner_ids = await partners.partners_of_station(tx, station.id)
    if not partner_ids:
        return
    chargers = await store.chargers_of_stations(tx, [station.id])
    connectors = await connector_store.connectors_of(tx, [charger.id for charger in chargers])
    for partner_id in partner_ids:
        await webhooks.emit(
            tx,
            partner_id=partner_id,
            livemode=station.livemode,
            type=type_,
            object_id=station.id,
            object_sequence=None,
            related={},
            obj=station_view(station, chargers, connectors),
        )


async def _tell_stations(tx: Tx) -> None:
    for station_id in sorted(tx.info.pop(_STATIONS_AT_END)):
        station = await store.change_station(tx, station_id)
        if station is not None:
            await tell_station(tx, station, "station.updated")


async def _number_and_tell(tx: Tx) -> None:
    ids = sorted(tx.info.pop(_FEED_AT_END))
    last = await connector_store.next_numbers(tx, FEED, len(ids))
    first = last - len(ids) + 1
    await connector_store.set_seqs(tx, {id_: first + place for place, id_ in enumerate(ids)})
    found = await connector_store.live(tx, ids)
    audience = await _audience(tx, {live.station_id for live in found if live.station_id})
    for live in found:
        if live.station_id is None or live.livemode is None:
            continue
        for partner_id in audience[live.station_id]:
            await webhooks.emit(
                tx,
                partner_id=partner_id,
                livemode=live.livemode,
                type="connector.status_changed",
                object_id=live.connector.id,
                object_sequence=live.connector.seq,
                related={},
                obj=status_view(live, now=tx.now),
            )


async def _audience(tx: Tx, station_ids: Iterable[str]) -> dict[str, Sequence[str]]:
    audience: defaultdict[str, Sequence[str]] = defaultdict(tuple)
    for station_id in station_ids:
        audience[station_id] = await partners.partners_of_station(tx, station_id)
    return audience
