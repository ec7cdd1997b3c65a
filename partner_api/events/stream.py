"""Events as they happen: server-sent events."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Query
from fastapi.sse import ServerSentEvent

from core.kernel.doorbell import rung
from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.partners import service as partners
from core.partners.scopes import Scope
from core.webhooks import events
from core.webhooks.models import Event
from core.webhooks.service import events_topic
from partner_api.fields import Seq
from partner_api.security.access import Watcher, needs_to_follow
from partner_api.services import PartnerServices

LOOK_EVERY_S: Final = 2.0
"""A lost ring delays an event, and a revoked key lives on, at most this long."""

RECONNECT_MS: Final = 2000
BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Following:
    """Who follows, and after which number the stream begins."""

    watcher: Watcher
    after_seq: int


async def _following(
    watcher: Annotated[Watcher, needs_to_follow(Scope.EVENTS_READ)],
    after_seq: Annotated[Seq | None, Query(description="Begin after this `seq`.")] = None,
    last_event_id: Annotated[
        Seq | None, Header(alias="Last-Event-ID", description="The same, as browsers send it.")
    ] = None,
) -> Following:
    watcher.refuse_banned()
    begin = after_seq if last_event_id is None else last_event_id
    caller = watcher.caller
    async with watcher.look() as tx:
        if begin is None:
            partner = await partners.get(tx, caller.partner_id)
            return Following(watcher, partner.event_seq)
        await events.require_kept(
            tx, partner_id=caller.partner_id, livemode=caller.livemode, after=begin
        )
    return Following(watcher, begin)


Stream = Annotated[Following, Depends(_following)]


async def follow(stream: Following) -> AsyncIterator[ServerSentEvent]:
    """Yield events until the key is revoked, the server stops or the client is gone."""
    watcher, after_seq = stream.watcher, stream.after_seq
    services = PartnerServices.of(watcher.request.scope)
    # with its id, so that who is cut off before the first event knows where to go on
    yield ServerSentEvent(comment="connected", id=str(after_seq), retry=RECONNECT_MS)
    async with services.db.doorbell.subscribe(events_topic(watcher.caller.partner_id)) as rings:
        while not services.closing.is_set():
            try:
                found = await _after(watcher, after_seq)
            except DatabaseUnavailable:
                return  # the client reconnects and goes on where it was
            except PlatformError as exc:
                yield ServerSentEvent(comment=exc.code)
                return
            for event in found:
                after_seq = event.seq
                yield ServerSentEvent(raw_data=event.body, event=event.type, id=str(event.seq))
            if len(found) < BATCH:
                await rung(rings, within_s=LOOK_EVERY_S)


async def _after(watcher: Watcher, after_seq: int) -> list[Event]:
    async with watcher.look() as tx:
        watcher.refuse_banned()
        return await events.follow(
            tx,
            partner_id=watcher.caller.partner_id,
            livemode=watcher.caller.livemode,
            after=after_seq,
            limit=BATCH,
        )
