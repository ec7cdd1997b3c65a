"""The request log as it grows: server-sent events."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec
from fastapi import Depends, Header, Query
from fastapi.sse import ServerSentEvent

from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.request_log import service
from core.request_log.models import LoggedRequest
from core.request_log.service import Wanted
from partner_api.request_logs.asking import Filters, of_caller, visible_to
from partner_api.security.access import ANY_SCOPE, Watcher, needs_to_follow
from partner_api.services import PartnerServices

LOOK_EVERY_S: Final = 1.0
LOOK_BACK: Final = timedelta(seconds=5)
"""What a node began to write so long ago is committed by now."""

RECONNECT_MS: Final = 2000
BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Following:
    """Who follows which entries, and from when on."""

    watcher: Watcher
    wanted: Wanted
    since: datetime
    skipped: frozenset[str]


async def _following(
    watcher: Annotated[Watcher, needs_to_follow(*ANY_SCOPE)],
    filters: Filters,
    after: Annotated[
        str | None,
        Query(max_length=64, description="Begin behind this entry (`req_...`), not now."),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=64, description="The same, as browsers send it."),
    ] = None,
) -> Following:
    wanted = of_caller(filters, watcher.caller)
    last_id = last_event_id or after
    watcher.refuse_banned()
    async with watcher.look() as tx:
        if last_id is None:
            return Following(watcher, wanted, tx.now, frozenset())
        last = await service.get(tx, last_id, visible_to(watcher.caller))
    return Following(watcher, wanted, last.updated_at - LOOK_BACK, frozenset({last.id}))


Stream = Annotated[Following, Depends(_following)]


async def follow(stream: Following) -> AsyncIterator[ServerSentEvent]:
    """Yield entries until the key is revoked, the server stops or the client is gone."""
    watcher, since = stream.watcher, stream.since
    services = PartnerServices.of(watcher.request.scope)
    told: dict[str, datetime] = dict.fromkeys(stream.skipped, since)
    yield ServerSentEvent(comment="connected", retry=RECONNECT_MS)
    while not services.closing.is_set():
        try:
            found = await _since(watcher, stream.wanted, since)
        except DatabaseUnavailable:
            return  # the client reconnects and goes on where it was
        except PlatformError as exc:
            yield ServerSentEvent(comment=exc.code)
            return
        for entry in found:
            if entry.id not in told:
                told[entry.id] = entry.updated_at
                text = msgspec.json.encode(service.view(entry)).decode()
                yield ServerSentEvent(raw_data=text, event="request_log", id=entry.id)
        if len(found) == BATCH:
            since = found[-1].updated_at  # more than fits is there: late ones are given up
            continue
        since = max(since, services.db.now() - LOOK_BACK)
        told = {id_: at for id_, at in told.items() if at >= since}
        await services.wait_closing(LOOK_EVERY_S)


async def _since(watcher: Watcher, wanted: Wanted, since: datetime) -> list[LoggedRequest]:
    async with watcher.look() as tx:
        watcher.refuse_banned()
        return list(await service.after(tx, wanted, at=since, limit=BATCH))
