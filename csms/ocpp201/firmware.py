"""OCPP 2.0.1 firmware: updates (L01, L02), publishing on a local network (L03, L04)."""

from typing import Final

from core.commands.commands import Verdict
from core.commands.firmware import PublishFirmware, UnpublishFirmware, UpdateFirmware
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.upkeep import publishing, transfers
from core.upkeep.states import Stage, TransferKind
from csms.adapter import Block, Context, Route
from csms.protocol import Payload
from csms.raw_transfers import learn_of_update
from csms.upkeep import (
    StatusNotified,
    answered,
    firmware_of,
    firmware_status,
    named,
    news_of,
    replaced_or_refused,
)

PUBLISH_STAGES: Final = {
    "ChecksumVerified": Stage.UNDER_WAY,
    "Downloaded": Stage.UNDER_WAY,
    "DownloadFailed": Stage.FAILED,
    "Downloading": Stage.UNDER_WAY,
    "DownloadPaused": Stage.UNDER_WAY,
    "DownloadScheduled": Stage.UNDER_WAY,
    "Idle": Stage.IDLE,
    "InvalidChecksum": Stage.FAILED,
    "Published": Stage.DONE,
    "PublishFailed": Stage.FAILED,
}
"""OCPP 2.0.1 PublishFirmwareStatusEnumType."""


class PublishStatusNotified(StatusNotified, frozen=True, rename="camel"):
    """OCPP 2.0.1 PublishFirmwareStatusNotificationRequest; *location*: where it is offered."""

    location: tuple[str, ...] = ()


async def publish_firmware_status(ctx: Context, msg: PublishStatusNotified) -> Payload:
    """Answer PublishFirmwareStatusNotification (OCPP 2.0.1 L03)."""
    stage = PUBLISH_STAGES[msg.status]
    news = news_of(ctx, msg, (TransferKind.PUBLICATION,), stage, addresses=msg.location)
    if not ctx.doubts:
        await transfers.told(ctx.tx, news)
    return {}


def update_firmware(wanted: UpdateFirmware) -> tuple[str, Payload]:
    payload = {
        "retries": wanted.retries,
        "retryInterval": wanted.retry_s,
        "requestId": wanted.request,
        "firmware": firmware_of(wanted),
    }
    return "UpdateFirmware", named(payload)


def publish_firmware(wanted: PublishFirmware) -> tuple[str, Payload]:
    payload = {
        "location": wanted.location,
        "retries": wanted.retries,
        "checksum": wanted.checksum,
        "requestId": wanted.request,
        "retryInterval": wanted.retry_s,
    }
    return "PublishFirmware", named(payload)


def unpublish_firmware(wanted: UnpublishFirmware) -> tuple[str, Payload]:
    return "UnpublishFirmware", {"checksum": wanted.checksum}


def judge_unpublish(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge the answer to UnpublishFirmware (OCPP 2.0.1 L04)."""
    verdicts = {
        "Unpublished": Verdict.ACCEPTED,
        "NoFirmware": Verdict.UNKNOWN,
        "DownloadOngoing": Verdict.OCCUPIED,
    }
    status = str(answer.get("status"))
    return verdicts.get(status, Verdict.FAILED), status


async def learn_of_publication(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from the answer whether the firmware will be fetched."""
    await answered(tx, command, answer)


async def learn_of_unpublishing(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from the answer whether the firmware is still offered."""
    await publishing.unpublished(tx, command, str(answer.get("status")))


FIRMWARE: Final = Block(
    routes={
        "FirmwareStatusNotification": Route(message=StatusNotified, handle=firmware_status),
        "PublishFirmwareStatusNotification": Route(
            message=PublishStatusNotified, handle=publish_firmware_status
        ),
    },
    encoders={
        UpdateFirmware: update_firmware,
        PublishFirmware: publish_firmware,
        UnpublishFirmware: unpublish_firmware,
    },
    learners={
        "PublishFirmware": learn_of_publication,
        "UnpublishFirmware": learn_of_unpublishing,
        "UpdateFirmware": learn_of_update,
    },
    judges={
        "UpdateFirmware": replaced_or_refused,
        "UnpublishFirmware": judge_unpublish,
    },
)
