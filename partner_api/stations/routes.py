"""``/v1/stations``, ``/v1/connectors`` and ``/v1/statuses``."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from core.chargers import stations, status
from core.chargers.views import connector_and_status_view, station_view, status_view
from core.partners.scopes import Scope
from core.partners.service import Caller
from partner_api.answers import listed, page_of, tagged
from partner_api.bodies import StrictRoute
from partner_api.deps import Paging, Transaction
from partner_api.documented import answers, list_of
from partner_api.fields import ObjectId, Seq
from partner_api.security.access import needs
from partner_api.stations.schemas import Connector, Station, Status
from partner_api.stations.stream import StatusStream, Stream, answer

_NEXT_SEQ: Final = (int, Field(description="For `?after_seq=`."))
_TAG: Final = {
    "ETag": "Send it as `If-None-Match` to hear 304 while nothing has changed.",
    "Cache-Control": "Stations may be kept for a minute; statuses are asked for anew.",
}
_STATIONS_KEPT: Final = "private, max-age=60"

StationReader = Annotated[Caller, needs(Scope.STATIONS_READ)]
StatusReader = Annotated[Caller, needs(Scope.STATUS_READ)]

router = APIRouter(tags=["stations"], route_class=StrictRoute)


@router.get("/v1/stations", **answers(200, list_of(Station), "invalid_cursor", headers=_TAG))
async def list_stations(
    request: Request, caller: StationReader, tx: Transaction, page: Paging
) -> Response:
    """List the stations granted to you."""
    found = await stations.list_stations(
        tx, partner_id=caller.partner_id, livemode=caller.livemode, page=page
    )
    chargers, connectors = await stations.tree_of(tx, [station.id for station in found.rows])
    content = page_of(found, lambda station: station_view(station, chargers, connectors))
    return tagged(request, content, cache_control=_STATIONS_KEPT)


@router.get("/v1/stations/{station_id}", **answers(200, Station, "not_found", headers=_TAG))
async def get_station(
    request: Request, station_id: str, caller: StationReader, tx: Transaction
) -> Response:
    """Return a station with its chargers and connectors."""
    station = await stations.get_station(
        tx, station_id, partner_id=caller.partner_id, livemode=caller.livemode
    )
    chargers, connectors = await stations.tree_of(tx, [station.id])
    content = station_view(station, chargers, connectors)
    return tagged(request, content, cache_control=_STATIONS_KEPT)


@router.get("/v1/connectors/{connector_id}", **answers(200, Connector, "not_found", headers=_TAG))
async def get_connector(
    request: Request,
    connector_id: str,
    caller: Annotated[Caller, needs(Scope.STATIONS_READ, Scope.STATUS_READ)],
    tx: Transaction,
) -> Response:
    """Return a connector and its status."""
    live = await status.live(
        tx, connector_id, partner_id=caller.partner_id, livemode=caller.livemode
    )
    return tagged(request, connector_and_status_view(live, now=tx.now))


@router.get(
    "/v1/statuses",
    **answers(200, list_of(Status, next_seq=_NEXT_SEQ), "not_found", headers=_TAG),
)
async def list_statuses(
    request: Request,
    caller: StatusReader,
    tx: Transaction,
    station_id: Annotated[ObjectId | None, Query()] = None,
    after_seq: Annotated[Seq, Query(description="`next_seq` of the previous poll.")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
) -> Response:
    """List statuses, the oldest change first; go on after `next_seq` for what changed since."""
    feed = await status.feed(
        tx,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        station_id=station_id,
        after_seq=after_seq,
        limit=limit + 1,
    )
    shown = feed.statuses[:limit]
    content = listed(
        [status_view(live, now=tx.now) for live in shown],
        has_more=len(feed.statuses) > limit,
        next_cursor=None,
        next_seq=shown[-1].connector.seq if shown else after_seq,
    )
    return tagged(request, content)


@router.get(
    "/v1/statuses/stream",
    response_class=StatusStream,
    **answers(200, None, "not_found"),
)
async def stream_statuses(stream: Stream) -> Response:
    """Follow statuses as server-sent events: `id` is the `seq`, `data` the status.

    Begins with every connector as it is; with `Last-Event-ID` or `after_seq` with what changed
    since. About once a second, the latest state of what changed: who reads slowly misses states in
    between and never the last. A comment every 15 s keeps the connection alive. Ends when the key
    is revoked.
    """
    return answer(stream)
