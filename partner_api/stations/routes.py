"""``/v1/stations``, ``/v1/connectors`` and ``/v1/statuses``."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from core.chargers import pictures, pricing, stations, status
from core.chargers.views import (
    connector_and_status_view,
    station_view,
    station_views,
    status_view,
)
from core.partners.scopes import Scope
from core.partners.service import Caller
from partner_api.answers import listed, page_of, tagged, tagged_file, unchanged
from partner_api.bodies import StrictRoute
from partner_api.deps import Config, Paging, Transaction
from partner_api.documented import answers, list_of
from partner_api.fields import Count, ObjectId, Seq
from partner_api.security.access import needs
from partner_api.stations.schemas import Connector, Station, Status, Tariff
from partner_api.stations.stream import StatusStream, Stream, answer

_NEXT_SEQ: Final = (int, Field(description="For `?after_seq=`."))
_TAG: Final = {
    "ETag": "Send it as `If-None-Match` to hear 304 while nothing has changed.",
    "Cache-Control": "Stations may be kept for a minute; statuses are asked for anew.",
}
_STATIONS_KEPT: Final = "private, max-age=60"
_PICTURES_KEPT: Final = "private, max-age=604800"
"""A picture never changes: another one has another id."""

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
    tree = await stations.tree_of(tx, [station.id for station in found.rows])
    views = station_views(found.rows, *tree)
    content = page_of(found, lambda station: views[station.id])
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


@router.get(
    "/v1/stations/{station_id}/pictures/{picture_id}",
    response_class=Response,
    **answers(200, None, "not_found", headers=_TAG, files=sorted(pictures.IMAGES)),
)
async def get_picture(
    request: Request,
    station_id: str,
    picture_id: str,
    caller: StationReader,
    tx: Transaction,
    settings: Config,
) -> Response:
    """Return a picture of a station: PNG or JPEG, good for a week without asking."""
    station = await stations.get_station(
        tx, station_id, partner_id=caller.partner_id, livemode=caller.livemode
    )
    picture = pictures.find(station, picture_id)
    known = unchanged(request, picture["sha256"], cache_control=_PICTURES_KEPT)
    if known is not None:
        return known
    content = await pictures.content_of(settings, picture)
    return tagged_file(
        content, picture["media_type"], picture["sha256"], cache_control=_PICTURES_KEPT
    )


@router.get("/v1/tariffs", **answers(200, list_of(Tariff), "invalid_cursor", headers=_TAG))
async def list_tariffs(
    request: Request, caller: StationReader, tx: Transaction, page: Paging
) -> Response:
    """List what charging costs at the stations granted to you, past and future versions too.

    A version never changes. `tariff_id` of a connector names the one that holds there now.
    """
    found = await pricing.list_tariffs(
        tx, partner_id=caller.partner_id, livemode=caller.livemode, page=page
    )
    content = page_of(found, pricing.tariff_view)
    return tagged(request, content, cache_control=_STATIONS_KEPT)


@router.get("/v1/tariffs/{tariff_id}", **answers(200, Tariff, "not_found", headers=_TAG))
async def get_tariff(
    request: Request, tariff_id: str, caller: StationReader, tx: Transaction
) -> Response:
    """Return a version of a tariff."""
    tariff = await pricing.get_tariff(
        tx, tariff_id, partner_id=caller.partner_id, livemode=caller.livemode
    )
    return tagged(request, pricing.tariff_view(tariff), cache_control=_STATIONS_KEPT)


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
    limit: Annotated[Count, Query(ge=1, le=200)] = 200,
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
