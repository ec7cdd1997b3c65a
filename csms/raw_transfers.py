"""Raw requests of operators that make a charger fetch or bring a file, as facts of both versions.

What the platform asks by itself has its transfer before it is queued; an operator's own request
gets one when it is sent, so that the charger's news find it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from core.commands.commands import Answer, Raw
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.upkeep import raw_requests, transfers
from core.upkeep.facts import FileRequested
from core.upkeep.states import TransferKind
from csms import sanity
from csms.protocol import Payload
from csms.readings import instant
from csms.upkeep import replaced_or_refused


async def sent(tx: Tx, command: CommandRow, action: str, payload: Payload) -> None:
    """Note the transfer that a command about to be sent begins, if it is a raw one for a file."""
    asked = _ASKED.get(action)
    if command.kind == Raw.kind and asked is not None:
        await raw_requests.sent(tx, command, asked(payload))


async def learn_of_update(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from the answer to a raw update whether the firmware will be fetched."""
    if command.kind != Raw.kind:
        return
    verdict, word = replaced_or_refused(answer)
    said = Answer(verdict=verdict, reason=word, response=answer, at=tx.now)
    await raw_requests.firmware_answered(tx, command, said)


def _update(payload: Payload) -> FileRequested:
    """Read UpdateFirmware (OCPP 1.6 6.19; 2.0.1 L01) and SignedUpdateFirmware."""
    image = payload.get("firmware", payload)
    planned = ("retrieveDate", "retrieveDateTime", "installDateTime")
    instants = [at for at in (_at(image.get(name)) for name in planned) if at is not None]
    return FileRequested(
        kind=TransferKind.FIRMWARE,
        request=_request(payload),
        location=image["location"],
        planned_at=max(instants, default=None),
    )


def _log(payload: Payload) -> FileRequested:
    """Read GetLog (security extension 6.7; OCPP 2.0.1 N01)."""
    log = payload["log"]
    is_security = payload["logType"] == "SecurityLog"
    return FileRequested(
        kind=TransferKind.SECURITY_LOG if is_security else TransferKind.DIAGNOSTICS_LOG,
        request=_request(payload),
        location=log["remoteLocation"],
        detail={"oldest_at": log.get("oldestTimestamp"), "latest_at": log.get("latestTimestamp")},
    )


def _diagnostics(payload: Payload) -> FileRequested:
    """Read GetDiagnostics (OCPP 1.6 5.8), whose news name no request."""
    times = {"oldest_at": payload.get("startTime"), "latest_at": payload.get("stopTime")}
    return FileRequested(
        kind=TransferKind.DIAGNOSTICS_LOG,
        request=None,
        location=payload["location"],
        detail={**times, "unnamed": True},
    )


def _publication(payload: Payload) -> FileRequested:
    """Read PublishFirmware (OCPP 2.0.1 L03)."""
    return FileRequested(
        kind=TransferKind.PUBLICATION,
        request=_request(payload),
        location=payload["location"],
        detail={"checksum": payload["checksum"]},
    )


def _request(payload: Payload) -> int | None:
    """Return the id that the charger will name; ``None`` for none, and for one it cannot name."""
    named = sanity.whole(payload.get("requestId"), lowest=1, highest=transfers.MAX_REQUEST)
    return named.value


def _at(text: Any) -> datetime | None:
    return instant(text)[0] if isinstance(text, str) else None


_ASKED: Final[Mapping[str, Callable[[Payload], FileRequested]]] = {
    "GetDiagnostics": _diagnostics,
    "GetLog": _log,
    "PublishFirmware": _publication,
    "SignedUpdateFirmware": _update,
    "UpdateFirmware": _update,
}
