"""Telling partners how connectors and chargers are: the latest state wins.

Rows with their numbers in the feed are the outbox: a change costs its charger one number, whoever
may see it. A worker brings each partner from its cursor to the end of the feed, part by part: one
transaction moves the cursor and writes the events, for what is still as it was read. So a worker
may die anywhere and several may work at once: nothing is lost, and nothing told twice. What
changed again meanwhile has a later number and is told with that: states in between are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from core.chargers import announcing, connector_store, store, telling_store
from core.chargers.models import Charger, LiveConnector
from core.chargers.views import presence_view, status_view
from core.kernel import failpoints
from core.kernel.db import Database, Tx
from core.webhooks import bodies, outbox
from core.webhooks import service as webhooks

AT_ONCE: Final = 200
"""Changes of one transaction."""

REST: Final = 2.0
"""How long to rest between two transactions, in times of what the last took: chargers go first."""

HELD_FOR: Final = timedelta(minutes=1)
"""A partner whose receivers are behind is not told for this long, so that the queue drains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One event to be, rendered once for all partners."""

    id: str
    seq: int
    type: str
    object_sequence: int
    livemode: bool
    station_id: str | None
    obj: msgspec.Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The feed from *after* to *until*, by id and number."""

    after: int
    until: int
    changes: Mapping[tuple[str, int], _Change]


async def grants_changed(tx: Tx, partner_id: str) -> None:
    """Note that a partner may see other stations than before.

    With its first it begins to be told what changes from now on; what is, it reads.
    """
    head = await connector_store.last_number(tx, announcing.FEED)
    await telling_store.add_cursor(tx, partner_id, seq=head)
    await telling_store.note_other_grants(tx, partner_id)


async def tell_changes(db: Database, *, backlog: int) -> int:
    """Bring every partner to the end of the feed as it is now; return how many events that made.

    Args:
        backlog: A partner one of whose working endpoints has more than so many unsent deliveries
            of this kind is left out, for a minute at most: it then hears later of a later state.
    """
    async with db.transaction() as tx:
        head = await connector_store.last_number(tx, announcing.FEED)
        behind = await telling_store.behind(tx, head=head)
        now = tx.now
    places = {cursor.partner_id: cursor.seq for cursor in behind}
    patient = {one.partner_id for one in behind if now - one.moved_at < HELD_FOR}
    told = 0
    while places:
        after = min(places.values())
        began_s = db.clock.monotonic()
        async with db.transaction() as tx:
            part = await _read(tx, after=after, head=head)
            skipped = set(await telling_store.skip(tx, after=after, until=part.until))
        for partner_id in [one for one, place in places.items() if place == after]:
            count: int | None = 0
            if partner_id not in skipped:
                limit = backlog if partner_id in patient else None
                count = await _tell(db, partner_id, part, backlog=limit)
            if count is None or part.until >= head:
                del places[partner_id]
            else:
                places[partner_id] = part.until
            told += count or 0
            if count:
                await db.clock.sleep(REST * (db.clock.monotonic() - began_s))
                began_s = db.clock.monotonic()
    return told


async def tell_station_changes(db: Database) -> int:
    """Tell partners of stations that changed, each once as it is now; return how many did.

    What changes again meanwhile is told the next time.
    """
    async with db.transaction() as tx:
        changed = await telling_store.changed_stations(tx, limit=AT_ONCE)
    told = 0
    for station_id in changed:
        async with db.transaction() as tx:
            if not await telling_store.take_station_changes(tx, station_id):
                continue  # another worker tells it
            station = await store.change_station(tx, station_id)
            if station is not None:
                await announcing.tell_station(tx, station, "station.updated")
                told += 1
            failpoints.hit("stations.telling")
    return told


async def _read(tx: Tx, *, after: int, head: int) -> _Part:
    connectors = await connector_store.live_between(
        tx, after_seq=after, until_seq=head, limit=AT_ONCE
    )
    chargers = await telling_store.came_or_went(tx, after=after, until=head, limit=AT_ONCE)
    until = head
    if len(connectors) == AT_ONCE:
        until = min(until, connectors[-1].connector.seq)
    if len(chargers) == AT_ONCE:
        until = min(until, chargers[-1][0].presence_seq)
    changes = [*_presences(chargers), *_statuses(tx, connectors)]
    known = {(change.id, change.seq): change for change in changes if change.seq <= until}
    return _Part(after=after, until=until, changes=known)


async def _tell(db: Database, partner_id: str, part: _Part, *, backlog: int | None) -> int | None:
    """Tell one partner a part; ``None`` if not now, or if another worker did."""
    async with db.transaction() as tx:
        if backlog is not None and await outbox.is_behind(tx, partner_id, more_than=backlog):
            return None
        if not await telling_store.move(tx, partner_id, after=part.after, until=part.until):
            return None
        found = await telling_store.concerning(tx, partner_id, after=part.after, until=part.until)
        changes = [part.changes[key] for key in found if key in part.changes]
        for change in sorted(changes, key=lambda one: one.seq):
            await webhooks.emit(
                tx,
                partner_id=partner_id,
                livemode=change.livemode,
                type=change.type,
                object_id=change.id,
                object_sequence=change.object_sequence,
                related={},
                obj=change.obj,
                station_id=change.station_id,
                latest_of=change.id,
            )
        failpoints.hit("statuses.telling")
    return len(changes)


def _statuses(tx: Tx, found: Sequence[LiveConnector]) -> Iterator[_Change]:
    for live in found:
        if live.station_id is not None and live.livemode is not None:
            yield _Change(
                id=live.connector.id,
                seq=live.connector.seq,
                type="connector.status_changed",
                object_sequence=live.connector.seq,
                livemode=live.livemode,
                station_id=live.station_id,
                obj=bodies.freeze(status_view(live, now=tx.now)),
            )


def _presences(found: Sequence[tuple[Charger, bool]]) -> Iterator[_Change]:
    for charger, livemode in found:
        at = charger.connected_at if charger.online else charger.disconnected_at
        yield _Change(
            id=charger.id,
            seq=charger.presence_seq,
            type="charger.online" if charger.online else "charger.offline",
            object_sequence=2 * charger.epoch + (0 if charger.online else 1),
            livemode=livemode,
            station_id=charger.station_id,
            obj=bodies.freeze(presence_view(charger, at=at or charger.updated_at)),
        )
