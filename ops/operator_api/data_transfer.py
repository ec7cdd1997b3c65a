"""Vendors' own messages: what chargers said, and what we say to them."""

import json
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request, Response
from pydantic import Field

from core.chargers import registry, transfers
from core.commands.commands import seal_context
from core.commands.data_transfer import SendData
from core.kernel.errors import PlatformError
from csms.redact import redact
from ops.operator_api.asking import Wait, ask, connected_charger, settled
from ops.operator_api.deps import READS, NewestFirst, WaitingSupport, newest_page, resource
from ops.operator_api.record_views import data_transfer_view
from ops.operator_api.views import command_view
from partner_api.deps import Transaction
from partner_api.fields import In
from partner_api.services import Services

routes = resource("", tag="data transfers")

ChargerId = Annotated[str, Path(max_length=64)]


class Sent(In):
    """A vendor's message to a charger."""

    vendor_id: str = Field(min_length=1, max_length=255, examples=["com.example"])
    message_id: str | None = Field(None, min_length=1, max_length=50)
    data: Any = Field(None, description="A text in OCPP 1.6, any JSON in 2.0.1.")


@routes.post(
    "/chargers/{charger_id}/data_transfers",
    status_code=202,
    summary="Send a charger a vendor's message",
)
async def send(
    charger_id: ChargerId,
    body: Sent,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Answers with the command; with `wait`, when the charger has answered. The answer is kept."""
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
        if charger.ocpp_version == "1.6" and not isinstance(body.data, str | None):
            raise PlatformError(
                "payload_invalid",
                "The data of an OCPP 1.6 DataTransfer is a text; encode it as one.",
                errors=[{"pointer": "/data", "detail": "is not a text"}],
            )
        shown, sealed = redact(body.data), None
        if shown != body.data:
            text = json.dumps({"data": body.data})
            vault = Services.of(request.scope).vault
            sealed = vault.ring.encrypt(text, context=seal_context(charger_id))
        command = SendData(
            vendor_id=body.vendor_id, message_id=body.message_id, data=shown, sealed=sealed
        )
        row = await ask(tx, request, waiter, charger, command)
    response.headers["Location"] = f"/operator/v1/chargers/{charger_id}/commands/{row.id}"
    return command_view(await settled(waiter, row, wait_s=wait))


@routes.get("/data_transfers", dependencies=[READS], summary="Vendors' messages, the newest first")
async def list_transfers(
    page: NewestFirst,
    tx: Transaction,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    vendor_id: Annotated[str | None, Query(max_length=255)] = None,
    direction: Annotated[
        Literal["in", "out"] | None, Query(description="`in`: what chargers said.")
    ] = None,
) -> dict[str, Any]:
    """Of each charger the newest 1,000, with the answer that was given; secrets are masked."""
    if charger_id is not None:
        await registry.get(tx, charger_id)
    found = await transfers.search(
        tx,
        charger_id=charger_id,
        vendor_id=vendor_id,
        direction=direction,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, data_transfer_view)
