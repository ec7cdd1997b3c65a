"""What a session was made of: the transaction messages of its charger, word for word."""

from typing import Annotated, Any

from fastapi import Query

from core.kernel.times import rfc3339
from core.sessions import queries
from core.sessions.transcript import TransactionMessage, told
from ops.operator_api.deps import resource
from partner_api.answers import listed
from partner_api.deps import Transaction
from partner_api.fields import Count

routes = resource("", tag="sessions", reads_only=True)


@routes.get("/sessions/{session_id}/transaction_messages", summary="What its charger told of it")
async def transaction_messages(
    session_id: str,
    tx: Transaction,
    limit: Annotated[Count, Query(ge=1, le=200)] = 50,
    after: Annotated[Count, Query(ge=0, description="`next_cursor` of the previous page.")] = 0,
) -> dict[str, Any]:
    """StartTransaction, TransactionEvent, MeterValues and their like, in order of arrival.

    `payload` is as the charger sent it, signed meter values, phases, cable and offline marks
    included; nothing in it was parsed or rounded.
    """
    await queries.get_session(tx, session_id, owner=None)
    found = await told(tx, session_id, after=after, limit=limit + 1)
    shown, has_more = found[:limit], len(found) > limit
    data = [_view(message) for message in shown]
    return listed(data, has_more=has_more, next_cursor=str(after + limit) if has_more else None)


def _view(message: TransactionMessage) -> dict[str, Any]:
    return {
        "object": "transaction_message",
        "action": message.action,
        "seq": message.seq,
        "received_at": rfc3339(message.received_at),
        "payload": message.raw,
    }
