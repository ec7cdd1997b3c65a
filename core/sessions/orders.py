"""Use cases of orders: one for every transaction, a new version for every correction."""

from typing import Final

from sqlalchemy import Executable, select, update

from core.chargers.store import station_of
from core.kernel.db import Tx
from core.kernel.ids import new_id
from core.kernel.queries import query
from core.kernel.rows import insert_once, insert_row
from core.operations.models import operations
from core.sessions.models import Order, Session, order_versions, orders
from core.sessions.views import order_body, order_view
from core.webhooks import service as webhooks

_REQUEST_IDS: Final = "request-ids"


async def settle(tx: Tx, session: Session, *, reason: str) -> Order:
    """Write the order of an ended session, or a new version if the figures changed since."""
    request_id = await request_id_of(tx, session)
    body = order_body(session, request_id=request_id)
    order = await insert_once(
        tx,
        orders,
        Order,
        id=new_id("ord"),
        session_id=session.id,
        partner_id=session.partner_id,
        livemode=session.livemode,
        charger_id=session.charger_id,
        version=1,
        body=body,
        billable=session.billable,
        created_at=tx.now,
        updated_at=tx.now,
    )
    if order is None:
        return await _correct(tx, session, body, reason)
    await _keep_version(tx, order, reason)
    await _emit(tx, order, "order.finalized", request_id)
    return order


async def _correct(tx: Tx, session: Session, body: dict[str, object], reason: str) -> Order:
    statement = select(orders).where(orders.c.session_id == session.id)
    before = await tx.one(statement, Order)
    if before.body == body:
        return before
    corrected = await tx.one(
        update(orders)
        .where(orders.c.id == before.id)
        .values(
            version=orders.c.version + 1,
            partner_id=session.partner_id,
            body=body,
            billable=session.billable,
            updated_at=tx.now,
        )
        .returning(orders),
        Order,
    )
    await _keep_version(tx, corrected, reason)
    await _emit(tx, corrected, "order.corrected", await request_id_of(tx, session))
    return corrected


async def request_id_of(tx: Tx, session: Session) -> str | None:
    """Return the request_id of the operation that started *session*, if one did."""
    if session.operation_id is None:
        return None
    known: dict[str, str | None] = tx.info.setdefault(_REQUEST_IDS, {})
    if session.operation_id not in known:
        known[session.operation_id] = await tx.scalar(_request_id_of(session.operation_id))
    return known[session.operation_id]


@query
def _request_id_of(operation_id: str) -> Executable:
    return select(operations.c.request_id).where(operations.c.id == operation_id)


async def _keep_version(tx: Tx, order: Order, reason: str) -> None:
    await insert_row(
        tx,
        order_versions,
        order_id=order.id,
        version=order.version,
        at=tx.now,
        reason=reason,
        body=order.body,
    )


async def _emit(tx: Tx, order: Order, type_: str, request_id: str | None) -> None:
    if order.partner_id is None:
        return
    await webhooks.emit(
        tx,
        partner_id=order.partner_id,
        livemode=order.livemode,
        type=type_,
        object_id=order.id,
        object_sequence=order.version,
        related={
            "operation_id": order.body["operation_id"],
            "request_id": request_id,
            "session_id": order.session_id,
            "order_id": order.id,
        },
        obj=order_view(order),
        station_id=await station_of(tx, order.charger_id),
    )
