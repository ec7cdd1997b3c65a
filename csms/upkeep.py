"""What both versions share of firmware and logs: their words, their trains, GetLog."""

from typing import Any, Final

import msgspec

from core.commands.commands import Answer, Verdict
from core.commands.firmware import UpdateFirmware
from core.commands.logs import GetLog
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.upkeep import firmware, logs, transfers
from core.upkeep.facts import TransferNews
from core.upkeep.states import LOGS, Stage, TransferKind
from csms.adapter import Context, by_status
from csms.evidence import number
from csms.protocol import Payload

FIRMWARE_STAGES: Final = {
    "Downloaded": Stage.UNDER_WAY,
    "DownloadFailed": Stage.FAILED,
    "Downloading": Stage.UNDER_WAY,
    "DownloadScheduled": Stage.UNDER_WAY,
    "DownloadPaused": Stage.UNDER_WAY,
    "Idle": Stage.IDLE,
    "InstallationFailed": Stage.FAILED,
    "Installing": Stage.UNDER_WAY,
    "Installed": Stage.DONE,
    "InstallRebooting": Stage.UNDER_WAY,
    "InstallScheduled": Stage.UNDER_WAY,
    "InstallVerificationFailed": Stage.FAILED,
    "InvalidSignature": Stage.FAILED,
    "SignatureVerified": Stage.UNDER_WAY,
}
"""OCPP 1.6 7.25 and the security extension 5.5; OCPP 2.0.1 FirmwareStatusEnumType."""

LOG_STAGES: Final = {
    "AcceptedCanceled": Stage.CANCELED,
    "BadMessage": Stage.FAILED,
    "Idle": Stage.IDLE,
    "NotSupportedOperation": Stage.FAILED,
    "PermissionDenied": Stage.FAILED,
    "Uploaded": Stage.DONE,
    "UploadFailed": Stage.FAILED,
    "UploadFailure": Stage.FAILED,
    "Uploading": Stage.UNDER_WAY,
}
"""OCPP 1.6 7.24 and the security extension 5.6; OCPP 2.0.1 UploadLogStatusEnumType."""


class StatusNotified(msgspec.Struct, frozen=True, rename="camel"):
    """A step of a train; the messages of plain OCPP 1.6 name no request."""

    status: str
    request_id: Any = None


async def firmware_status(ctx: Context, msg: StatusNotified) -> Payload:
    """Answer (Signed)FirmwareStatusNotification (OCPP 1.6 4.5; 2.0.1 L01, L02)."""
    news = news_of(ctx, msg, (TransferKind.FIRMWARE,), FIRMWARE_STAGES[msg.status])
    if not ctx.doubts:
        await firmware.told(ctx.tx, news)
    return {}


async def log_status(ctx: Context, msg: StatusNotified) -> Payload:
    """Answer LogStatusNotification (security extension 4.4; OCPP 2.0.1 N01)."""
    return await _log_told(ctx, msg, LOGS)


async def diagnostics_status(ctx: Context, msg: StatusNotified) -> Payload:
    """Answer DiagnosticsStatusNotification (OCPP 1.6 4.4)."""
    return await _log_told(ctx, msg, (TransferKind.DIAGNOSTICS_LOG,))


async def _log_told(ctx: Context, msg: StatusNotified, kinds: tuple[TransferKind, ...]) -> Payload:
    news = news_of(ctx, msg, kinds, LOG_STAGES[msg.status])
    if not ctx.doubts:
        await transfers.told(ctx.tx, news)
    return {}


def news_of(
    ctx: Context,
    msg: StatusNotified,
    kinds: tuple[TransferKind, ...],
    stage: Stage,
    addresses: tuple[str, ...] = (),
) -> TransferNews:
    """Return a step of a train as a fact; a request id that cannot be is a doubt."""
    return TransferNews(
        charger_id=ctx.charger.id,
        kinds=kinds,
        request=None if msg.request_id is None else number(ctx, msg.request_id),
        stage=stage,
        word=msg.status,
        addresses=addresses,
    )


def named(members: Payload) -> Payload:
    """Return the members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def firmware_of(wanted: UpdateFirmware) -> Payload:
    """Return the FirmwareType of both versions."""
    return named(
        {
            "location": wanted.location,
            "retrieveDateTime": wanted.retrieve_at,
            "installDateTime": wanted.install_at,
            "signingCertificate": wanted.certificate,
            "signature": wanted.signature,
        }
    )


def get_log(wanted: GetLog) -> tuple[str, Payload]:
    """Return GetLog (security extension 6.7; OCPP 2.0.1 N01)."""
    log = {
        "remoteLocation": wanted.location,
        "oldestTimestamp": wanted.oldest_at,
        "latestTimestamp": wanted.latest_at,
    }
    payload = {
        "log": named(log),
        "logType": "SecurityLog" if wanted.security else "DiagnosticsLog",
        "requestId": wanted.request,
        "retries": wanted.retries,
        "retryInterval": wanted.retry_s,
    }
    return "GetLog", named(payload)


def replaced_or_refused(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge the answer to an update or a log: its status is the word that says it all.

    AcceptedCanceled accepts, and ends what ran before; InvalidCertificate and RevokedCertificate
    refuse (OCPP 2.0.1 L01, N01; UpdateFirmwareStatusEnumType, LogStatusEnumType).
    """
    status = answer.get("status")
    match status:
        case "AcceptedCanceled":
            return Verdict.ACCEPTED, "AcceptedCanceled"
        case "InvalidCertificate" | "RevokedCertificate" | "Rejected":
            return Verdict.REJECTED, str(status)
        case _:
            return by_status(answer)


async def learn_of_log(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from the answer to GetLog whether a file comes, and its name."""
    await answered(tx, command, answer, file_name=answer.get("filename"))


async def answered(
    tx: Tx, command: CommandRow, answer: Payload, *, file_name: str | None = None
) -> None:
    """Take an answer to the request behind a transfer."""
    verdict, word = replaced_or_refused(answer)
    said = Answer(verdict=verdict, reason=word, response=answer, at=tx.now)
    await logs.answered(tx, command, said, file_name=file_name)
