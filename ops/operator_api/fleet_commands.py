"""Fleet commands: one command for many chargers, a few at a time, each outcome kept."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Query, Response

from core.fleet import service as fleet
from core.fleet.models import FleetCommand
from core.fleet.states import TargetStatus
from core.kernel.db import Tx
from ops.operator_api.deps import (
    ADMIN,
    READS,
    SUPPORT,
    Acting,
    NewestFirst,
    newest_page,
    resource,
)
from ops.operator_api.desired_views import fleet_view, target_view
from ops.operator_api.fleet_orders import FleetIn, order_of
from partner_api.answers import listed
from partner_api.deps import Transaction
from partner_api.fields import Count

routes = resource("/fleet_commands", tag="fleet commands")

DEFAULT_WITHIN: Final = timedelta(hours=1)


@routes.post("", status_code=202, dependencies=[ADMIN], summary="Ask many chargers")
async def begin(
    body: FleetIn, response: Response, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Repeating a `request_id` returns the same fleet command.

    Secrets are refused: one that many chargers share is none; set it charger by charger.
    """
    order = order_of(body, deadline_at=body.deadline_at or tx.now + DEFAULT_WITHIN)
    begun, replayed = await fleet.begin(tx, actor, order)
    response.headers["Location"] = f"/operator/v1/fleet_commands/{begun.id}"
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return await _view(tx, begun)


@routes.get("", dependencies=[READS], summary="Fleet commands, the newest first")
async def list_all(page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """Each with the progress it has made."""
    found = await fleet.newest(tx, before_number=page.before_number, limit=page.limit + 1)
    counts = {row.id: await fleet.counts(tx, row.id) for row in found[: page.limit]}
    return newest_page(found, page, lambda row: fleet_view(row, counts[row.id]))


@routes.get("/{fleet_command_id}", dependencies=[READS], summary="One fleet command")
async def show(fleet_command_id: str, tx: Transaction) -> dict[str, Any]:
    """`progress` counts its chargers by what became of them."""
    return await _view(tx, await fleet.get(tx, fleet_command_id))


@routes.get("/{fleet_command_id}/targets", dependencies=[READS], summary="Its chargers")
async def targets(
    fleet_command_id: str,
    tx: Transaction,
    *,
    status: TargetStatus | None = None,
    limit: Annotated[Count, Query(ge=1, le=1000)] = 200,
    cursor: Annotated[str | None, Query(max_length=200, pattern=r"^[1-9]\d{0,17}$")] = None,
) -> dict[str, Any]:
    """In the order in which they are asked; `reason` is the charger's own word if it gave one."""
    await fleet.get(tx, fleet_command_id)
    found = await fleet.targets(
        tx,
        fleet_command_id,
        status=status,
        after_number=None if cursor is None else int(cursor),
        limit=limit + 1,
    )
    shown, has_more = found[:limit], len(found) > limit
    next_cursor = str(shown[-1].number) if has_more else None
    return listed([target_view(row) for row in shown], has_more=has_more, next_cursor=next_cursor)


@routes.post("/{fleet_command_id}/pause", dependencies=[SUPPORT], summary="Ask no further charger")
async def pause(fleet_command_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Those under way get their outcome."""
    return await _view(tx, await fleet.pause(tx, actor, fleet_command_id))


@routes.post("/{fleet_command_id}/resume", dependencies=[SUPPORT], summary="Go on")
async def resume(fleet_command_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """After a pause, or in spite of failures: they are counted anew from here."""
    return await _view(tx, await fleet.resume(tx, actor, fleet_command_id))


@routes.post("/{fleet_command_id}/cancel", dependencies=[SUPPORT], summary="End it for good")
async def cancel(fleet_command_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """What was not sent is withdrawn; wishes that were made stay wanted."""
    return await _view(tx, await fleet.cancel(tx, actor, fleet_command_id))


async def _view(tx: Tx, row: FleetCommand) -> dict[str, Any]:
    return fleet_view(row, await fleet.counts(tx, row.id))
