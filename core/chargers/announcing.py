"""What partners are to hear of stations, chargers and connectors: noted before the commit.

A change of status or presence only gets the next number of the feed, in the charger's transaction;
``telling`` makes events of it. Rows are changed, and so locked, before their numbers are taken;
numbers are taken last and in one order. So transactions wait for each other, never in a ring, and
no reader of the feed meets a number before a lower one.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from core.chargers import connector_store, store, telling_store
from core.chargers.models import Charger, Station
from core.chargers.views import station_view, station_views
from core.kernel.db import Tx
from core.partners import service as partners
from core.webhooks import bodies
from core.webhooks import service as webhooks

FEED: Final = "connector_status"
AT_ONCE: Final = 500
"""Stations that are read together."""

_FEED_AT_END: Final = "1-status-feed"
_PRESENCE: Final = "1-presence"


def connectors_changed(tx: Tx, connector_ids: Iterable[str]) -> None:
    """Give connectors a new place in the feed; their rows are locked by now."""
    gathered: set[str] = tx.at_last.setdefault(_FEED_AT_END, set())
    gathered.update(connector_ids)
    if gathered:
        tx.at_end(_FEED_AT_END, _number)


async def station_changed(tx: Tx, station_id: str | None) -> None:
    """Note that what partners see of a station is another; ``telling`` tells them.

    A row that is only added waits for nobody: chargers of one station do not queue here.
    """
    if station_id is not None:
        await telling_store.add_station_change(tx, station_id)


async def presence_changed(tx: Tx, chargers: Sequence[Charger]) -> None:
    """Give chargers that came or went, and their connectors, a new place in the feed."""
    locked = await connector_store.lock_connectors(tx, [charger.id for charger in chargers])
    gathered: set[str] = tx.at_last.setdefault(_PRESENCE, set())
    gathered.update(charger.id for charger in chargers if charger.station_id is not None)
    if gathered:
        tx.at_end(_FEED_AT_END, _number)
    connectors_changed(tx, locked)


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
    view = bodies.freeze(station_view(station, chargers, connectors))
    for partner_id in partner_ids:
        await webhooks.emit(
            tx,
            partner_id=partner_id,
            livemode=station.livemode,
            type=type_,
            object_id=station.id,
            object_sequence=None,
            related={},
            obj=view,
            station_id=station.id,
        )


async def tell_stations(tx: Tx, station_ids: Sequence[str], type_: str, *, partner_id: str) -> None:
    """Tell one partner about many stations as they are now, read set-wise."""
    for start in range(0, len(station_ids), AT_ONCE):
        found = await store.stations_by_id(tx, station_ids[start : start + AT_ONCE])
        chargers = await store.chargers_of_stations(tx, [station.id for station in found])
        connectors = await connector_store.connectors_of(tx, [charger.id for charger in chargers])
        views = station_views(found, chargers, connectors)
        for station in sorted(found, key=lambda one: one.id):
            await webhooks.emit(
                tx,
                partner_id=partner_id,
                livemode=station.livemode,
                type=type_,
                object_id=station.id,
                object_sequence=None,
                related={},
                obj=views[station.id],
            )


async def _number(tx: Tx) -> None:
    """Number what changed: chargers first, so that one is online before its connectors are free."""
    chargers = sorted(tx.at_last.pop(_PRESENCE, ()))
    connectors = sorted(tx.at_last.pop(_FEED_AT_END, ()))
    if not chargers:
        await connector_store.number(tx, FEED, connectors)
        return
    last = await connector_store.next_numbers(tx, FEED, len(chargers) + len(connectors))
    first = last - len(chargers) - len(connectors) + 1
    seqs = dict(zip([*chargers, *connectors], range(first, last + 1), strict=True))
    await store.set_presence_seqs(tx, {id_: seqs[id_] for id_ in chargers})
    await connector_store.set_seqs(tx, {id_: seqs[id_] for id_ in connectors})
