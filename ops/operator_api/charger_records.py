"""What is known of one charger: connection, configuration, sessions, frames."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from core.chargers import frame_log, login, registry
from core.kernel.db import Tx
from core.kernel.page import Page
from core.sessions import queries
from ops.operator_api.deps import Newest, NewestFirst, newest_page, resource
from ops.operator_api.sessions import sessions_page
from ops.operator_api.views import (
    connection_view,
    frame_view,
)
from partner_api.deps import Paging, Transaction
from partner_api.fields import Instant

routes = resource("", tag="chargers", reads_only=True)

_REFUSALS_SHOWN = 20

Action = Annotated[str | None, Query(max_length=64, examples=["StatusNotification"])]
OperationId = Annotated[str | None, Query(max_length=64)]
From = Annotated[Instant | None, Query(alias="from", description="Inclusive.")]
To = Annotated[Instant | None, Query(description="Exclusive.")]


@routes.get("/chargers/{charger_id}/connection", summary="Where and since when it is connected")
async def connection(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """With the handshakes of its identity that were refused, and what would fix each."""
    charger = await registry.get(tx, charger_id)
    refused = await login.refusals(tx, identity=charger.identity, limit=_REFUSALS_SHOWN)
    return connection_view(charger, refused)


@routes.get("/chargers/{charger_id}/sessions", summary="Its sessions")
async def sessions(
    charger_id: str, page: Paging, tx: Transaction, *, active: bool | None = None
) -> dict[str, Any]:
    """Every transaction it ever reported; `active`: those without an end."""
    await registry.get(tx, charger_id)
    return await _sessions(tx, page, charger_id, active=active)


async def _sessions(tx: Tx, page: Page, charger_id: str, *, active: bool | None) -> dict[str, Any]:
    found = await queries.list_sessions(tx, page, owner=None, charger_id=charger_id, active=active)
    return await sessions_page(tx, found)


@routes.get("/chargers/{charger_id}/messages", summary="Its frames, the newest first")
async def messages(
    charger_id: str,
    page: NewestFirst,
    tx: Transaction,
    action: Action = None,
    operation_id: OperationId = None,
    from_: From = None,
    to: To = None,
) -> dict[str, Any]:
    """The frame log: every frame in and out, secrets masked."""
    await registry.get(tx, charger_id)
    return await frames(
        tx,
        page,
        charger_id=charger_id,
        action=action,
        operation_id=operation_id,
        at_from=from_,
        at_to=to,
    )


@routes.get("/messages", tags=["records"], summary="Frames of all chargers, the newest first")
async def all_messages(
    page: NewestFirst,
    tx: Transaction,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    action: Action = None,
    operation_id: OperationId = None,
    from_: From = None,
    to: To = None,
) -> dict[str, Any]:
    """Every filter narrows it."""
    return await frames(
        tx,
        page,
        charger_id=charger_id,
        action=action,
        operation_id=operation_id,
        at_from=from_,
        at_to=to,
    )


async def frames(
    tx: Tx,
    page: Newest,
    *,
    charger_id: str | None,
    action: str | None,
    operation_id: str | None,
    at_from: datetime | None,
    at_to: datetime | None,
) -> dict[str, Any]:
    """Return one page of the frame log."""
    found = await frame_log.search(
        tx,
        charger_id=charger_id,
        action=action,
        operation_id=operation_id,
        at_from=at_from,
        at_to=at_to,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, frame_view)
