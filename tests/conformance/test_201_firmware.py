"""OCPP 2.0.1 L01 to L04: updates, secure updates, publishing on a local network."""

from typing import Any

import pytest

from core.commands.firmware import UnpublishFirmware
from core.desired.states import DesiredStatus
from core.upkeep import publishing
from core.upkeep.publishing import PublicationSpec
from core.upkeep.states import TransferKind, TransferStatus
from tests.conformance.support import ask, asked_and_answered, booted, charger_of
from tests.conformance.upkeep import (
    LOCATION,
    SIGNATURE,
    all_transfers,
    boot_with,
    certificate,
    transfer_is,
    want_firmware,
    wish_is,
    words_of,
)
from tests.csms.live import RawCharger, Running
from tests.eventually import eventually

T = TransferStatus
ACCEPTED, PENDING, REJECTED = (
    DesiredStatus.ACCEPTED,
    DesiredStatus.PENDING,
    DesiredStatus.REJECTED,
)
MD5 = "0123456789abcdef0123456789abcdef"


async def say(cp: RawCharger, request: int | None, *words: str) -> None:
    named: dict[str, Any] = {} if request is None else {"requestId": request}
    for word in words:
        answer = await cp.result("FirmwareStatusNotification", {"status": word, **named})
        assert answer == {}


async def begun(cp: RawCharger) -> int:
    _, _, _, payload = await cp.called("UpdateFirmware")
    request: int = payload["requestId"]
    return request


@pytest.mark.ocpp("2.0.1", "UpdateFirmware")
@pytest.mark.ocpp("2.0.1", "FirmwareStatusNotification")
async def test_l01_secure_update(server: Running) -> None:
    pem = certificate()
    async with booted(server, "2.0.1", replies={"UpdateFirmware": {"status": "Accepted"}}) as cp:
        await want_firmware(server, version="2.1", certificate=pem, signature=SIGNATURE)
        request = await begun(cp)
        _, _, _, payload = await cp.called("UpdateFirmware")
        assert payload["firmware"]["signingCertificate"] == pem
        await say(cp, request, "Downloading", "Downloaded", "SignatureVerified", "Installing")
        await wish_is(server, PENDING, "Installing")
        await say(cp, request, "InstallRebooting")
        await boot_with(cp, "2.1")
        await wish_is(server, ACCEPTED, None)
        await say(cp, request, "Installed")
        await transfer_is(server, T.SUCCEEDED, "Installed")
        await say(cp, None, "Idle")
        await wish_is(server, ACCEPTED, None)


@pytest.mark.ocpp("2.0.1", "UpdateFirmware")
@pytest.mark.ocpp("2.0.1", "FirmwareStatusNotification")
async def test_l02_update_without_a_signature(server: Running) -> None:
    async with booted(server, "2.0.1", replies={"UpdateFirmware": {"status": "Accepted"}}) as cp:
        await want_firmware(server)
        request = await begun(cp)
        _, _, _, payload = await cp.called("UpdateFirmware")
        assert set(payload["firmware"]) == {"location", "retrieveDateTime"}
        await say(cp, request, "DownloadScheduled", "Downloading", "Downloaded", "Installed")
        await wish_is(server, ACCEPTED, None)


@pytest.mark.ocpp("2.0.1", "FirmwareStatusNotification")
@pytest.mark.parametrize(
    "word",
    [
        "DownloadFailed",
        "InvalidSignature",
        "InstallVerificationFailed",
        "InstallationFailed",
    ],
)
async def test_a_failure_rejects_with_its_word(server: Running, word: str) -> None:
    async with booted(server, "2.0.1", replies={"UpdateFirmware": {"status": "Accepted"}}) as cp:
        await want_firmware(server, version="2.1")
        await say(cp, await begun(cp), "Downloading", word, word)
        await wish_is(server, REJECTED, word)
        transfer = await transfer_is(server, T.FAILED, word)
    assert await words_of(server, transfer) == ["Downloading", word, word]


@pytest.mark.ocpp("2.0.1", "UpdateFirmware")
@pytest.mark.parametrize("word", ["Rejected", "InvalidCertificate", "RevokedCertificate"])
async def test_a_refusal_rejects_with_its_word(server: Running, word: str) -> None:
    async with booted(server, "2.0.1", replies={"UpdateFirmware": {"status": word}}):
        await want_firmware(server)
        await wish_is(server, REJECTED, word)


@pytest.mark.ocpp("2.0.1", "UpdateFirmware")
async def test_a_running_update_is_replaced_and_its_news_change_nothing(server: Running) -> None:
    async with booted(server, "2.0.1", replies={"UpdateFirmware": {"status": "Accepted"}}) as cp:
        await want_firmware(server, version="2.1")
        first = await begun(cp)
        await wish_is(server, PENDING, "Accepted")
        await say(cp, first, "Downloading")
        cp.replies["UpdateFirmware"] = {"status": "AcceptedCanceled"}
        await want_firmware(server, version="2.2")
        await wish_is(server, PENDING, "AcceptedCanceled")
        await say(cp, first, "DownloadFailed", "Installed")
        await wish_is(server, PENDING, "AcceptedCanceled")
        older, _ = await all_transfers(server)
    assert (older.status, older.word) == (T.CANCELED, "AcceptedCanceled")


@pytest.mark.ocpp("2.0.1", "FirmwareStatusNotification")
async def test_a_request_id_of_another_charger_changes_nothing(server: Running) -> None:
    """S8: a request id is looked up within the charger that says it."""
    replies = {"UpdateFirmware": {"status": "Accepted"}}
    async with (
        booted(server, "2.0.1", replies=replies) as cp,
        booted(server, "2.0.1", "CP-2") as other,
    ):
        await want_firmware(server)
        request = await begun(cp)
        await wish_is(server, PENDING, "Accepted")
        await say(other, request, "InstallationFailed")
        await say(other, None, "InstallationFailed")
        await wish_is(server, PENDING, "Accepted")


async def publish(server: Running) -> None:
    row = await charger_of(server)
    spec = PublicationSpec(location=LOCATION, checksum=MD5)
    command = publishing.command(server.vault, row, spec)
    queued = await ask(server, command)
    async with server.db.transaction() as tx:
        await publishing.begun(tx, command, queued)


@pytest.mark.ocpp("2.0.1", "PublishFirmware")
@pytest.mark.ocpp("2.0.1", "PublishFirmwareStatusNotification")
@pytest.mark.ocpp("2.0.1", "UnpublishFirmware")
async def test_l03_l04_firmware_is_published_and_withdrawn(server: Running) -> None:
    async with booted(server, "2.0.1", replies={"PublishFirmware": {"status": "Accepted"}}) as cp:
        await publish(server)
        _, _, _, payload = await cp.called("PublishFirmware")
        assert (payload["location"], payload["checksum"]) == (LOCATION, MD5)
        request = payload["requestId"]
        await transfer_is(server, T.ACCEPTED, "Accepted")
        action = "PublishFirmwareStatusNotification"
        for word in ("DownloadScheduled", "Downloading", "Downloaded", "ChecksumVerified"):
            await cp.result(action, {"status": word, "requestId": request})
        at = ["http://10.0.0.1/fw.bin", "ftp://10.0.0.1/fw.bin"]
        await cp.result(action, {"status": "Published", "requestId": request, "location": at})
        found = await transfer_is(server, T.SUCCEEDED, "Published")
        assert found.detail == {"checksum": MD5, "at": at}
        for status, verdict in (("DownloadOngoing", None), ("Unpublished", "Unpublished")):
            _, row = await asked_and_answered(
                server,
                cp,
                UnpublishFirmware(checksum=MD5),
                "UnpublishFirmware",
                {"status": status},
            )
            assert row.response == {"status": status}

            async def gone(expected: str | None = verdict) -> bool:
                (one,) = await all_transfers(server, TransferKind.PUBLICATION)
                return one.detail.get("gone") == expected

            await eventually(gone)


@pytest.mark.ocpp("2.0.1", "PublishFirmwareStatusNotification")
@pytest.mark.parametrize("word", ["DownloadFailed", "InvalidChecksum", "PublishFailed"])
async def test_l03_what_is_not_published_has_failed(server: Running, word: str) -> None:
    async with booted(server, "2.0.1", replies={"PublishFirmware": {"status": "Accepted"}}) as cp:
        await publish(server)
        _, _, _, payload = await cp.called("PublishFirmware")
        named = {"status": word, "requestId": payload["requestId"]}
        await cp.result("PublishFirmwareStatusNotification", named)
        await transfer_is(server, T.FAILED, word)


@pytest.mark.ocpp("2.0.1", "PublishFirmware")
async def test_l03_a_refused_publication_has_failed(server: Running) -> None:
    async with booted(server, "2.0.1", replies={"PublishFirmware": {"status": "Rejected"}}):
        await publish(server)
        await transfer_is(server, T.FAILED, "Rejected")
