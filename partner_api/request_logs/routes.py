"""``/v1/request_logs``."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from core.partners.service import Caller
from core.request_log import service
from partner_api.answers import Json, page_of
from partner_api.bodies import StrictRoute
from partner_api.deps import Paging, Transaction
from partner_api.documented import answers, list_of
from partner_api.request_logs.asking import Filters, of_caller, visible_to
from partner_api.request_logs.schemas import RequestLog, RequestLogWithBodies
from partner_api.request_logs.stream import Stream, follow
from partner_api.security.access import ANY_SCOPE, needs

Anyone = Annotated[Caller, needs(*ANY_SCOPE)]

router = APIRouter(tags=["request log"], route_class=StrictRoute)


@router.get("/v1/request_logs", **answers(200, list_of(RequestLog), "invalid_cursor"))
async def list_request_logs(
    caller: Anyone, tx: Transaction, page: Paging, filters: Filters
) -> Response:
    """List calls of this mode, the newest first: of this key; with `keys:manage`, of all keys.

    A call is there about a second after its answer, and for 30 days unless your operator chose
    otherwise. A page looks at 10,000 calls: with filters it may be short and have a `next_cursor`.
    """
    found = await service.newest(tx, of_caller(filters, caller), page)
    return Json(page_of(found, service.view))


@router.get(
    "/v1/request_logs/stream",
    response_class=EventSourceResponse,
    **answers(200, None, "not_found"),
)
async def stream_request_logs(stream: Stream) -> AsyncIterator[ServerSentEvent]:
    """Follow the request log as server-sent events: `id` is the entry's id, `data` the entry.

    Begins with what is written from now on, or behind `Last-Event-ID` or `after`; then an entry
    may come twice. A comment every 15 s keeps the connection alive.
    """
    async for event in follow(stream):
        yield event


@router.get("/v1/request_logs/{request_log_id}", **answers(200, RequestLogWithBodies, "not_found"))
async def get_request_log(request_log_id: str, caller: Anyone, tx: Transaction) -> Response:
    """Return a call with its bodies; `log_url` of a problem leads here.

    Bodies are JSON, with secrets hidden. Bodies of more than 4 kB and answers to successful reads
    are not kept.
    """
    entry = await service.get(tx, request_log_id, visible_to(caller))
    return Json(service.body_view(entry))
