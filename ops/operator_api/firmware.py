"""Firmware: what a charger should run, how far it is, publishing on a local network."""

from typing import Any

from fastapi import Request, Response
from pydantic import Field

from core.chargers import registry
from core.commands.firmware import UnpublishFirmware
from core.desired import service as desired
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.upkeep import firmware, publishing, transfers
from core.upkeep.firmware import KEY, KIND, FirmwareSpec
from core.upkeep.publishing import PublicationSpec
from core.upkeep.states import TransferKind
from ops.operator_api.asking import Wait, ask, connected_charger, settled
from ops.operator_api.deps import (
    READS,
    SUPPORT,
    Acting,
    NewestFirst,
    WaitingSupport,
    newest_page,
    resource,
)
from ops.operator_api.desired_views import desired_view
from ops.operator_api.upkeep_views import transfer_view
from ops.operator_api.views import command_view
from partner_api.deps import Secrets, Transaction
from partner_api.fields import In, Instant, Whole
from partner_api.services import Services

routes = resource("/chargers/{charger_id}/firmware", tag="firmware")

_SHOWN = (TransferKind.FIRMWARE, TransferKind.PUBLICATION)


class Location(In):
    """Where a charger fetches a file."""

    location: str = Field(
        max_length=512,
        description="http(s), ftp(s) or sftp. Credentials and query are stored encrypted and "
        "never shown.",
        examples=["https://files.example.org/cp-2.1.bin"],
    )
    retries: Whole | None = Field(None, ge=0, le=100, description="Of the charger itself.")
    retry_s: Whole | None = Field(None, ge=0, le=86_400, description="Pause between its retries.")


class Firmware(Location):
    """The firmware that a charger should run."""

    version: str | None = Field(
        None,
        min_length=1,
        max_length=50,
        description="What the charger then boots with, letter by letter. Left out: `Installed` "
        "ends the update, and a later rollback is not noticed.",
        examples=["2.1.0"],
    )
    retrieve_at: Instant | None = Field(None, description="Left out: at once.")
    install_at: Instant | None = Field(None, description="OCPP 2.0.1, or a signed update.")
    certificate: str | None = Field(None, max_length=5500, description="PEM; with `signature`.")
    signature: str | None = Field(None, max_length=800, description="Base64; with `certificate`.")


class Publication(Location):
    """Firmware that a local controller offers to the chargers behind it."""

    checksum: str = Field(description="MD5 of the file in hex.", examples=["0" * 32])


class Unpublication(In):
    checksum: str = Field(description="MD5 of the file in hex.", examples=["0" * 32])


async def _state(tx: Tx, charger_id: str) -> dict[str, Any]:
    charger = await registry.get(tx, charger_id)
    wish = await desired.find(tx, charger_id, KIND, KEY)
    latest = await transfers.list_transfers(
        tx, charger_id=charger_id, kinds=(TransferKind.FIRMWARE,), limit=1
    )
    return {
        "object": "firmware",
        "charger_id": charger_id,
        "version": charger.firmware_version,
        "wish": None if wish is None else desired_view(wish),
        "transfer": transfer_view(latest[0], await transfers.news_of(tx, latest[0].id))
        if latest
        else None,
    }


@routes.get("", dependencies=[READS], summary="What it runs, what it should run, how far it is")
async def show(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """`wish` is what was asked for, `transfer` the latest update with all that was reported."""
    return await _state(tx, charger_id)


@routes.put("", status_code=202, dependencies=[SUPPORT], summary="Wish for a firmware")
async def want(
    charger_id: str, body: Firmware, tx: Transaction, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """Asked for when the charger is there.

    `wish.status` becomes `accepted` when it boots with the version, `rejected` with the charger's
    word when the update fails; meanwhile it is `pending`, with the charger's last word.
    """
    charger = await registry.get(tx, charger_id)
    await firmware.want(tx, vault, actor, charger, FirmwareSpec(**body.model_dump()))
    return await _state(tx, charger_id)


@routes.post("/retry", status_code=202, dependencies=[SUPPORT], summary="Ask for it again")
async def retry(charger_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """After a failure, or a stall: whatever came of it before, the charger is asked anew."""
    wish = await desired.find(tx, charger_id, KIND, KEY)
    if wish is None:
        raise not_found("firmware wish")
    await desired.retry(tx, actor, wish.id)
    return await _state(tx, charger_id)


@routes.delete("", status_code=204, dependencies=[SUPPORT], summary="Stop wishing for it")
async def forget(charger_id: str, tx: Transaction, actor: Acting) -> Response:
    """The charger is left as it is; an update under way goes on."""
    wish = await desired.find(tx, charger_id, KIND, KEY)
    if wish is None:
        raise not_found("firmware wish")
    await desired.forget(tx, actor, wish.id)
    return Response(status_code=204)


@routes.get("/transfers", dependencies=[READS], summary="Its updates, the newest first")
async def list_transfers(charger_id: str, page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """Updates and publications: `word` is the last thing that the charger said."""
    await registry.get(tx, charger_id)
    found = await transfers.list_transfers(
        tx,
        charger_id=charger_id,
        kinds=_SHOWN,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, transfer_view)


@routes.get("/transfers/{transfer_id}", dependencies=[READS], summary="One update")
async def show_transfer(charger_id: str, transfer_id: str, tx: Transaction) -> dict[str, Any]:
    """With every status that the charger reported."""
    found = await transfers.get(tx, transfer_id)
    if found.charger_id != charger_id or found.kind not in _SHOWN:
        raise not_found("transfer")
    return transfer_view(found, await transfers.news_of(tx, transfer_id))


@routes.post("/publish", status_code=202, summary="Publish firmware on a local network (2.0.1)")
async def publish(
    charger_id: str,
    body: Publication,
    request: Request,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """For a local controller. `detail.at` are the addresses where it is offered, once it is."""
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id, version="2.0.1")
        spec = PublicationSpec(**body.model_dump())
        command = publishing.command(Services.of(request.scope).vault, charger, spec)
        row = await ask(tx, request, waiter, charger, command)
        transfer = await publishing.begun(tx, command, row)
    row = await settled(waiter, row, wait_s=wait)
    async with waiter.look() as tx:
        return {**transfer_view(await transfers.get(tx, transfer.id)), "command": command_view(row)}


@routes.post("/unpublish", status_code=202, summary="Offer published firmware no more (2.0.1)")
async def unpublish(
    charger_id: str,
    body: Unpublication,
    request: Request,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Answers with the command; `response.status` says whether it is gone."""
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id, version="2.0.1")
        checksum = publishing.check_checksum(body.checksum)
        command = UnpublishFirmware(checksum=checksum)
        row = await ask(tx, request, waiter, charger, command)
    return command_view(await settled(waiter, row, wait_s=wait))
