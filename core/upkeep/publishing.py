"""Firmware published on a local network (OCPP 2.0.1 L03, L04): acts of an operator."""

import re
from dataclasses import dataclass
from typing import Any, Final

from core.chargers.checks import invalid
from core.chargers.models import Charger
from core.commands.firmware import PublishFirmware, UnpublishFirmware
from core.commands.models import CommandRow
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.upkeep import store, transfers
from core.upkeep.addresses import check_address
from core.upkeep.firmware import check_retries, seal
from core.upkeep.models import Transfer
from core.upkeep.states import TransferKind, TransferStatus

_MD5: Final = re.compile(r"[0-9A-Fa-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationSpec:
    """What to publish; *checksum* is the MD5 of the file in hex (OCPP 2.0.1 L03.FR.01)."""

    location: str
    checksum: str
    retries: int | None = None
    retry_s: int | None = None


def command(vault: Vault, charger: Charger, spec: PublicationSpec) -> PublishFirmware:
    """Return the request to publish.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    address = check_address(spec.location, name="location")
    check_retries(spec.retries, spec.retry_s)
    return PublishFirmware(
        request=transfers.new_request(),
        location=address.shown,
        checksum=check_checksum(spec.checksum),
        retries=spec.retries,
        retry_s=spec.retry_s,
        sealed=seal(vault, charger.id, address.full) if address.is_secret else None,
    )


def check_checksum(checksum: str) -> str:
    """Return an MD5 in hex.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    if not _MD5.fullmatch(checksum):
        raise invalid("checksum", "is the MD5 of the file: 32 hexadecimal digits")
    return checksum


async def begun(tx: Tx, asked: PublishFirmware, row: CommandRow) -> Transfer:
    """Note the transfer of a queued request."""
    return await transfers.begin(
        tx,
        charger_id=row.charger_id,
        kind=TransferKind.PUBLICATION,
        request=asked.request,
        address=asked.location,
        requested_by=row.requested_by,
        detail={"checksum": asked.checksum},
        command_id=row.id,
    )


async def unpublished(tx: Tx, row: CommandRow, status: str) -> None:
    """Note that what was published is offered no more (``Unpublished``, ``NoFirmware``)."""
    if row.kind != UnpublishFirmware.kind or status not in ("Unpublished", "NoFirmware"):
        return
    checksum = row.arguments["checksum"]
    for one in await store.latest(tx, row.charger_id, (TransferKind.PUBLICATION,)):
        published = one.status is TransferStatus.SUCCEEDED and "gone" not in one.detail
        if published and one.detail.get("checksum") == checksum:
            detail: dict[str, Any] = {**one.detail, "gone": status}
            await store.change(tx, one.id, detail=detail)
