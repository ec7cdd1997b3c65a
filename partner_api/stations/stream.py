"""Statuses as they change: server-sent events, the latest state of each connector alone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Query
from fastapi.responses import StreamingResponse

from core.chargers import stations, status
from core.chargers.board import Board, event_of
from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.partners.scopes import Scope
from partner_api.fields import ObjectId, Seq
from partner_api.security.access import Watcher, needs_to_follow
from partner_api.services import PartnerServices

LOOK_EVERY_S: Final = 2.0
"""A revoked key lives on, and a grant taken back is believed, at most this long."""

QUIET_S: Final = 15.0
"""After so long without a change a comment keeps the connection alive."""

RECONNECT_MS: Final = 2000
AT_ONCE: Final = 500
"""Statuses of one write: what a client that is slow has waiting for it at most."""


class StatusStream(StreamingResponse):
    """An answer that goes on."""

    media_type = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Following:
    """Who follows what, and after which number the stream begins."""

    watcher: Watcher
    after_seq: int
    station_id: str | None


async def _following(
    watcher: Annotated[Watcher, needs_to_follow(Scope.STATUS_READ)],
    station_id: Annotated[
        ObjectId | None, Query(description="Only the connectors of this station.")
    ] = None,
    after_seq: Annotated[
        Seq, Query(description="Begin after this `seq`; 0: with every connector as it is.")
    ] = 0,
    last_event_id: Annotated[
        Seq | None, Header(alias="Last-Event-ID", description="The same, as browsers send it.")
    ] = None,
) -> Following:
    caller = watcher.caller
    if station_id is not None:
        async with watcher.look() as tx:
            await stations.get_station(
                tx, station_id, partner_id=caller.partner_id, livemode=caller.livemode
            )
    begin = after_seq if last_event_id is None else last_event_id
    return Following(watcher, begin, station_id)


Stream = Annotated[Following, Depends(_following)]


def answer(stream: Following) -> StatusStream:
    """Return the endless answer."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StatusStream(_follow(stream), headers=headers)


async def _follow(stream: Following) -> AsyncIterator[bytes]:
    """Yield statuses until the key is revoked, the server stops or the client is gone."""
    services = PartnerServices.of(stream.watcher.request.scope)
    yield b": connected\nretry: %d\n\n" % RECONNECT_MS
    async with services.board.following():
        try:
            async for part in _Reading(services, stream).parts():
                yield part
        except DatabaseUnavailable:
            return  # the client reconnects and goes on where it was
        except PlatformError as exc:
            yield b": %s\n\n" % exc.code.encode()


class _Reading:
    """One client's place in the feed; it has no queue, only the number it was sent last."""

    def __init__(self, services: PartnerServices, stream: Following) -> None:
        self._board: Board = services.board
        self._closing = services.closing
        self._now = services.clock.monotonic
        self._stream = stream
        self._after = stream.after_seq
        self._visible: frozenset[str] = frozenset()

    async def parts(self) -> AsyncIterator[bytes]:
        looked = sent = self._now()
        await self._look()
        while not self._closing.is_set():
            if self._now() - looked >= LOOK_EVERY_S:
                looked = self._now()
                await self._look()
            part, is_all = await self._next()
            if part:
                sent = self._now()
                yield part
            elif self._now() - sent >= QUIET_S:
                sent = self._now()
                yield b":\n\n"
            if is_all:
                left_s = LOOK_EVERY_S - (self._now() - looked)
                await self._board.turned(within_s=max(left_s, 0))

    async def _look(self) -> None:
        """See whether the key is good still, and what it may see."""
        caller = self._stream.watcher.caller
        async with self._stream.watcher.look() as tx:
            self._visible = await self._board.visible(
                tx, caller.partner_id, livemode=caller.livemode
            )

    async def _next(self) -> tuple[bytes, bool]:
        """Return what the client has not seen, and whether nothing else is left."""
        notes = self._board.since(self._after)
        if notes is None:
            return await self._from_database()
        livemode = self._stream.watcher.caller.livemode
        found = [
            note for note in notes if note.livemode is livemode and self._shows(note.station_id)
        ]
        is_all = len(found) <= AT_ONCE
        found = found[:AT_ONCE]
        if not is_all:
            self._after = found[-1].seq
        elif notes:
            self._after = notes[-1].seq
        return b"".join([note.event for note in found]), is_all

    async def _from_database(self) -> tuple[bytes, bool]:
        """Catch up with what is older than the board."""
        caller = self._stream.watcher.caller
        async with self._stream.watcher.look() as tx:
            part = await status.part(
                tx,
                partner_id=caller.partner_id,
                livemode=caller.livemode,
                station_id=self._stream.station_id,
                after_seq=self._after,
                limit=AT_ONCE,
            )
            found = [event_of(live, now=tx.now) for live in part.statuses]
        self._after = part.next_seq
        return b"".join(found), len(found) < AT_ONCE

    def _shows(self, station_id: str) -> bool:
        only = self._stream.station_id
        return station_id in self._visible and (only is None or only == station_id)
