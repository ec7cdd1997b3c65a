"""Logs that chargers bring to an address (OCPP 1.6 5.8 and security extension; 2.0.1 N01)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from core.chargers.checks import invalid
from core.chargers.models import Charger
from core.chargers.text import storable_or_none
from core.commands.commands import Answer
from core.commands.logs import GetDiagnostics, GetLog
from core.commands.models import CommandRow
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339_or_none
from core.upkeep import store, transfers
from core.upkeep.addresses import check_address
from core.upkeep.firmware import check_retries, seal
from core.upkeep.models import Transfer
from core.upkeep.states import TransferKind

MAX_FILE_NAME_CHARS: Final = 255
NO_FILE: Final = "no file"


class LogKind(StrEnum):
    DIAGNOSTICS = "diagnostics"
    SECURITY = "security"


class Method(StrEnum):
    """How to ask a charger of OCPP 1.6, which may know the security extension or not."""

    AUTO = "auto"
    GET_LOG = "get_log"
    GET_DIAGNOSTICS = "get_diagnostics"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSpec:
    """Which log to bring where."""

    location: str
    kind: LogKind = LogKind.DIAGNOSTICS
    method: Method = Method.AUTO
    oldest_at: datetime | None = None
    latest_at: datetime | None = None
    retries: int | None = None
    retry_s: int | None = None


def command(vault: Vault, charger: Charger, spec: LogSpec) -> GetLog | GetDiagnostics:
    """Return the request for a log: GetDiagnostics for diagnostics of 1.6, else GetLog.

    Raises:
        PlatformError: ``invalid_parameter``; ``conflict``: the charger's version has it not.
    """
    address = check_address(spec.location, name="location")
    check_retries(spec.retries, spec.retry_s)
    if spec.oldest_at and spec.latest_at and spec.latest_at < spec.oldest_at:
        raise invalid("latest_at", "is not before oldest_at")
    sealed = seal(vault, charger.id, address.full) if address.is_secret else None
    oldest_at, latest_at = rfc3339_or_none(spec.oldest_at), rfc3339_or_none(spec.latest_at)
    if _by_diagnostics(charger, spec):
        return GetDiagnostics(
            location=address.shown,
            oldest_at=oldest_at,
            latest_at=latest_at,
            retries=spec.retries,
            retry_s=spec.retry_s,
            sealed=sealed,
        )
    return GetLog(
        request=transfers.new_request(),
        location=address.shown,
        security=spec.kind is LogKind.SECURITY,
        oldest_at=oldest_at,
        latest_at=latest_at,
        retries=spec.retries,
        retry_s=spec.retry_s,
        sealed=sealed,
    )


def _by_diagnostics(charger: Charger, spec: LogSpec) -> bool:
    if spec.method is Method.GET_LOG:
        return False
    is_16 = charger.ocpp_version == "1.6"
    if spec.method is Method.AUTO:
        return is_16 and spec.kind is LogKind.DIAGNOSTICS
    if not is_16:
        raise PlatformError("conflict", "GetDiagnostics is OCPP 1.6; leave method out here.")
    if spec.kind is LogKind.SECURITY:
        raise invalid("method", "is get_log for a security log: GetDiagnostics has none")
    return True


async def begun(tx: Tx, asked: GetLog | GetDiagnostics, row: CommandRow) -> Transfer:
    """Note the transfer of a queued request."""
    security = isinstance(asked, GetLog) and asked.security
    return await transfers.begin(
        tx,
        charger_id=row.charger_id,
        kind=TransferKind.SECURITY_LOG if security else TransferKind.DIAGNOSTICS_LOG,
        request=asked.request if isinstance(asked, GetLog) else transfers.new_request(),
        address=asked.location,
        requested_by=row.requested_by,
        detail={"oldest_at": asked.oldest_at, "latest_at": asked.latest_at}
        | ({"unnamed": True} if isinstance(asked, GetDiagnostics) else {}),
        command_id=row.id,
    )


async def answered(
    tx: Tx, row: CommandRow, answer: Answer, *, file_name: str | None = None
) -> Transfer | None:
    """Take the answer to the request of a log (or publication)."""
    transfer = await store.by_command(tx, row.id)
    if transfer is None:
        return None
    name = storable_or_none(file_name, max_chars=MAX_FILE_NAME_CHARS)
    if name is not None:
        await store.change(tx, transfer.id, file_name=name)
    return await transfers.answered(tx, transfer, answer)


async def nothing_to_bring(tx: Tx, row: CommandRow) -> None:
    """Note an accepted GetDiagnostics without a file name: there are none (OCPP 1.6 5.8).

    A charger that brings a file all the same is running again with its first news.
    """
    transfer = await store.by_command(tx, row.id)
    if transfer is not None:
        await transfers.refuse(tx, transfer.id, NO_FILE)
