"""``/v1/sessions`` and ``/v1/orders``."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import Field

from core.partners.scopes import Scope
from core.partners.service import Caller
from core.sessions import queries
from core.sessions.queries import Owner
from core.sessions.views import meter_value_view, order_view, session_view
from partner_api.answers import Json, listed, page_of
from partner_api.bodies import StrictRoute
from partner_api.deps import Paging, Transaction
from partner_api.documented import answers, list_of
from partner_api.fields import Count, ObjectId, Seq
from partner_api.security.access import needs
from partner_api.sessions.schemas import MeterValue, Order, Session

_NEXT_SEQ: Final = (int, Field(description="For `?after_seq=`."))

SessionReader = Annotated[Caller, needs(Scope.SESSIONS_READ)]
OrderReader = Annotated[Caller, needs(Scope.ORDERS_READ)]

router = APIRouter(tags=["sessions"], route_class=StrictRoute)


@router.get("/v1/sessions", **answers(200, list_of(Session), "invalid_cursor"))
async def list_sessions(
    caller: SessionReader,
    tx: Transaction,
    page: Paging,
    connector_id: Annotated[ObjectId | None, Query()] = None,
    active: Annotated[
        bool | None, Query(description="`true`: the charger has not reported the end.")
    ] = None,
) -> Response:
    """List sessions."""
    found = await queries.list_sessions(
        tx, page, owner=_owner(caller), connector_id=connector_id, active=active
    )
    names = await queries.request_ids(tx, found.rows)
    return Json(
        page_of(
            found,
            lambda session: session_view(session, request_id=names.get(session.operation_id or "")),
        )
    )


@router.get("/v1/sessions/{session_id}", **answers(200, Session, "not_found"))
async def get_session(session_id: str, caller: SessionReader, tx: Transaction) -> Response:
    """Return a session."""
    session = await queries.get_session(tx, session_id, owner=_owner(caller))
    names = await queries.request_ids(tx, [session])
    return Json(session_view(session, request_id=names.get(session.operation_id or "")))


@router.get(
    "/v1/sessions/{session_id}/meter_values",
    **answers(200, list_of(MeterValue, next_seq=_NEXT_SEQ), "not_found"),
)
async def list_meter_values(
    session_id: str,
    caller: SessionReader,
    tx: Transaction,
    after_seq: Annotated[Seq, Query(description="`next_seq` of the previous page.")] = 0,
    limit: Annotated[Count, Query(ge=1, le=200)] = 50,
) -> Response:
    """List the readings of a session in the order in which they came."""
    session = await queries.get_session(tx, session_id, owner=_owner(caller))
    found = await queries.meter_values_of(tx, session.id, after_number=after_seq, limit=limit + 1)
    shown = found[:limit]
    return Json(
        listed(
            [meter_value_view(value) for value in shown],
            has_more=len(found) > limit,
            next_cursor=None,
            next_seq=shown[-1].number if shown else after_seq,
        )
    )


@router.get("/v1/orders", **answers(200, list_of(Order), "invalid_cursor"))
async def list_orders(
    caller: OrderReader,
    tx: Transaction,
    page: Paging,
    session_id: Annotated[ObjectId | None, Query()] = None,
) -> Response:
    """List orders: one for each session that has ended."""
    found = await queries.list_orders(tx, page, owner=_owner(caller), session_id=session_id)
    return Json(page_of(found, order_view))


@router.get("/v1/orders/{order_id}", **answers(200, Order, "not_found"))
async def get_order(order_id: str, caller: OrderReader, tx: Transaction) -> Response:
    """Return an order."""
    return Json(order_view(await queries.get_order(tx, order_id, owner=_owner(caller))))


def _owner(caller: Caller) -> Owner:
    return Owner(partner_id=caller.partner_id, livemode=caller.livemode)
