"""Sessions, orders and reservations of all partners and of none."""

from typing import Annotated, Any

from fastapi import Query

from core.chargers import key_codes
from core.kernel.db import Tx
from core.kernel.page import Slice
from core.kernel.times import rfc3339
from core.operations import queries as operation_queries
from core.operations.states import ReservationStatus
from core.sessions import queries
from core.sessions.models import Session
from core.sessions.views import meter_value_view
from ops.operator_api.deps import resource
from ops.operator_api.views import (
    operator_order_view,
    operator_reservation_view,
    operator_session_view,
)
from partner_api.answers import listed, page_of
from partner_api.deps import Paging, Secrets, Transaction
from partner_api.fields import Count

routes = resource("", tag="sessions", reads_only=True)

Id = Annotated[str | None, Query(max_length=64)]


async def sessions_page(tx: Tx, found: Slice[Session]) -> dict[str, Any]:
    """Return the envelope of one page of sessions."""
    request_ids = await queries.request_ids(tx, found.rows)
    return page_of(
        found,
        lambda session: operator_session_view(
            session, request_id=request_ids.get(session.operation_id or "")
        ),
    )


@routes.get("/sessions", summary="Sessions")
async def list_sessions(
    page: Paging,
    tx: Transaction,
    vault: Secrets,
    charger_id: Id = None,
    connector_id: Id = None,
    id_token: Id = None,
    active: Annotated[bool | None, Query(description="Without an end so far.")] = None,
) -> dict[str, Any]:
    """Every transaction that a charger reported, whoever started it."""
    found = await queries.list_sessions(
        tx,
        page,
        owner=None,
        charger_id=charger_id,
        connector_id=connector_id,
        token=None if id_token is None else await key_codes.known_as(tx, vault, id_token),
        active=active,
    )
    return await sessions_page(tx, found)


@routes.get("/sessions/{session_id}", summary="One session")
async def show_session(session_id: str, tx: Transaction) -> dict[str, Any]:
    """With its flags: what is odd about its figures."""
    session = await queries.get_session(tx, session_id, owner=None)
    request_ids = await queries.request_ids(tx, [session])
    request_id = request_ids.get(session.operation_id or "")
    return operator_session_view(session, request_id=request_id)


@routes.get("/sessions/{session_id}/meter_values", summary="Its readings, in order of arrival")
async def meter_values(
    session_id: str,
    tx: Transaction,
    limit: Annotated[Count, Query(ge=1, le=200)] = 200,
    after: Annotated[Count, Query(ge=0, description="`next_cursor` of the previous page.")] = 0,
) -> dict[str, Any]:
    """Also those that were not accepted, and why.

    `samples` is what the charger sent, signed values with their signatures included.
    """
    await queries.get_session(tx, session_id, owner=None)
    found = await queries.meter_values_of(tx, session_id, after_number=after, limit=limit + 1)
    shown, has_more = found[:limit], len(found) > limit
    return listed(
        [{**meter_value_view(value), "samples": value.samples} for value in shown],
        has_more=has_more,
        next_cursor=str(shown[-1].number) if has_more else None,
    )


@routes.get("/orders", summary="Orders")
async def list_orders(
    page: Paging, tx: Transaction, session_id: Id = None, charger_id: Id = None
) -> dict[str, Any]:
    """One for every transaction of a charger that is over."""
    found = await queries.list_orders(
        tx, page, owner=None, session_id=session_id, charger_id=charger_id
    )
    return page_of(found, operator_order_view)


@routes.get("/orders/{order_id}", summary="One order and its versions")
async def show_order(order_id: str, tx: Transaction) -> dict[str, Any]:
    """`versions`: when and why it was corrected."""
    order = await queries.get_order(tx, order_id, owner=None)
    versions = [
        {"version": version, "at": rfc3339(at), "reason": reason}
        for version, at, reason in await queries.order_history(tx, order_id)
    ]
    return {**operator_order_view(order), "versions": versions}


@routes.get("/reservations", summary="Reservations")
async def list_reservations(
    page: Paging, tx: Transaction, charger_id: Id = None, status: ReservationStatus | None = None
) -> dict[str, Any]:
    """Of all partners."""
    found = await operation_queries.list_reservations(
        tx, page, partner_id=None, livemode=None, charger_id=charger_id, status=status
    )
    return page_of(found, operator_reservation_view)
