"""Holds: what operators have a charger keep free, also any connector, and for a whole group."""

from typing import Annotated, Any

from fastapi import Path, Request, Response
from pydantic import Field

from core.chargers import registry
from core.commands.commands import CancelReservation
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339
from core.operations import holds
from core.operations.hold_models import MACHINE, Hold
from ops.operator_api.asking import Wait, ask, connected_charger, settled
from ops.operator_api.deps import READS, NewestFirst, WaitingSupport, newest_page, resource
from ops.operator_api.views import command_view
from partner_api.deps import Transaction
from partner_api.fields import In, Instant, Whole

routes = resource("/chargers/{charger_id}/holds", tag="holds")

ChargerId = Annotated[str, Path(max_length=64)]
Token = Annotated[str, Field(min_length=1, max_length=36)]
Kind = Annotated[str, Field(min_length=1, max_length=20)]


class Wanted(In):
    """What to keep free, for whom, until when."""

    id_token: Token
    id_token_kind: Kind = Field("Central", description="Its type in 2.0.1.")
    group_token: Token | None = Field(None, description="Any token of this group may use it.")
    group_token_kind: Kind = Field("Central", description="The type of the group in 2.0.1.")
    evse: Whole | None = Field(
        None, ge=0, le=255, description="EVSE (1.6: connector); left out or 0: any."
    )
    connector_type: str | None = Field(
        None, max_length=20, description="Any of this type (2.0.1).", examples=["cCCS2"]
    )
    expires_at: Instant


@routes.post("", status_code=202, summary="Have a charger keep a connector free")
async def create(
    charger_id: ChargerId,
    body: Wanted,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Answers with the hold and its command; it is `active` when the charger has accepted it."""
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
        hold, command = await holds.ask(
            tx,
            waiter.actor,
            charger,
            evse=body.evse or None,
            connector_type=body.connector_type,
            token=body.id_token,
            token_kind=body.id_token_kind,
            group_token=body.group_token,
            group_kind=body.group_token_kind,
            expires_at=body.expires_at,
        )
        row = await ask(tx, request, waiter, charger, command)
    response.headers["Location"] = f"/operator/v1/chargers/{charger_id}/holds/{hold.id}"
    row = await settled(waiter, row, wait_s=wait)
    async with waiter.look() as tx:
        await holds.settle(tx, row)  # what learns from answers may be a moment behind
        hold = await holds.get(tx, charger_id, hold.id)
    return hold_view(hold) | {"command": command_view(row)}


@routes.get("", dependencies=[READS], summary="Holds of a charger, the newest first")
async def list_holds(charger_id: ChargerId, page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """Those that are over, too."""
    await registry.get(tx, charger_id)
    found = await holds.of_charger(
        tx, charger_id, before_number=page.before_number, limit=page.limit + 1
    )
    return newest_page(found, page, hold_view)


@routes.get("/{hold_id}", dependencies=[READS], summary="One hold")
async def show(charger_id: ChargerId, hold_id: str, tx: Transaction) -> dict[str, Any]:
    """`refused` has the charger's word as its reason."""
    return hold_view(await holds.get(tx, charger_id, hold_id))


@routes.post("/{hold_id}/cancel", status_code=202, summary="Release a hold")
async def cancel(
    charger_id: ChargerId,
    hold_id: str,
    request: Request,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """It is `cancelled` when the charger has released it."""
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
        hold = await holds.get(tx, charger_id, hold_id)
        if hold.status in MACHINE.final:
            raise PlatformError("conflict", f"The hold is {hold.status}.")
        command = CancelReservation(reservation=hold.reservation)
        row = await ask(tx, request, waiter, charger, command)
    row = await settled(waiter, row, wait_s=wait)
    async with waiter.look() as tx:
        if row.response is not None:
            accepted = row.response.get("status") == "Accepted"
            await holds.released(tx, charger_id, hold.reservation, accepted=accepted)
        hold = await holds.get(tx, charger_id, hold_id)
    return hold_view(hold) | {"command": command_view(row)}


def hold_view(hold: Hold) -> dict[str, Any]:
    """Return a hold; *reservation* is the number that the charger knows."""
    return {
        "id": hold.id,
        "object": "hold",
        "charger_id": hold.charger_id,
        "reservation": hold.reservation,
        "evse": hold.evse,
        "connector_type": hold.connector_type,
        "id_token": hold.token,
        "id_token_kind": hold.token_kind,
        "group_token": hold.group_token,
        "group_token_kind": hold.group_kind,
        "status": hold.status,
        "reason": hold.reason,
        "expires_at": rfc3339(hold.expires_at),
        "requested_by": hold.requested_by,
        "created_at": rfc3339(hold.created_at),
        "updated_at": rfc3339(hold.updated_at),
    }
