"""OCPP 1.6: firmware updates, plain and signed, as conversations."""

from typing import Any

import pytest

from core.desired.states import DesiredStatus
from core.upkeep.states import TransferStatus
from tests.conformance.support import booted
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

FAILED, SUCCEEDED = TransferStatus.FAILED, TransferStatus.SUCCEEDED
ACCEPTED, PENDING, REJECTED = (
    DesiredStatus.ACCEPTED,
    DesiredStatus.PENDING,
    DesiredStatus.REJECTED,
)


async def say(cp: RawCharger, *words: str) -> None:
    for word in words:
        assert await cp.result("FirmwareStatusNotification", {"status": word}) == {}


async def say_signed(cp: RawCharger, *words: str, request: int | None = None) -> None:
    named: dict[str, Any] = {} if request is None else {"requestId": request}
    for word in words:
        answer = await cp.result("SignedFirmwareStatusNotification", {"status": word, **named})
        assert answer == {}


@pytest.mark.ocpp("1.6", "UpdateFirmware")
@pytest.mark.ocpp("1.6", "FirmwareStatusNotification")
async def test_an_update_is_accepted_when_the_charger_boots_with_the_version(
    server: Running,
) -> None:
    async with booted(server, replies={"UpdateFirmware": {}}) as cp:
        await want_firmware(server, version="2.1", retries=3, retry_s=60)
        _, _, _, payload = await cp.called("UpdateFirmware")
        assert payload["location"] == LOCATION
        assert (payload["retries"], payload["retryInterval"]) == (3, 60)
        await wish_is(server, PENDING, "Accepted")
        await say(cp, "Downloading")
        await wish_is(server, PENDING, "Downloading")
        await say(cp, "Downloaded", "Installing", "Installed")
        await wish_is(server, PENDING, "Installed")
        await boot_with(cp, "2.1")
        await wish_is(server, ACCEPTED, None)
        transfer = await transfer_is(server, SUCCEEDED, "Installed")
    assert await words_of(server, transfer) == [
        "Downloading",
        "Downloaded",
        "Installing",
        "Installed",
    ]


@pytest.mark.ocpp("1.6", "FirmwareStatusNotification")
async def test_without_a_version_installed_is_the_end(server: Running) -> None:
    async with booted(server, replies={"UpdateFirmware": {}}) as cp:
        await want_firmware(server)
        await cp.called("UpdateFirmware")
        await say(cp, "Downloading", "Downloaded", "Installing", "Installed")
        await wish_is(server, ACCEPTED, None)


@pytest.mark.ocpp("1.6", "FirmwareStatusNotification")
@pytest.mark.parametrize(
    "words",
    [["Downloading", "DownloadFailed"], ["Downloaded", "Installing", "InstallationFailed"]],
)
async def test_a_failed_update_is_rejected_with_the_word(server: Running, words: list[str]) -> None:
    async with booted(server, replies={"UpdateFirmware": {}}) as cp:
        await want_firmware(server, version="2.1")
        await cp.called("UpdateFirmware")
        await say(cp, *words, words[-1])
        await wish_is(server, REJECTED, words[-1])
        await transfer_is(server, FAILED, words[-1])


@pytest.mark.ocpp("1.6", "FirmwareStatusNotification")
async def test_a_charger_that_tries_again_by_itself_is_running_again(server: Running) -> None:
    async with booted(server, replies={"UpdateFirmware": {}}) as cp:
        await want_firmware(server)
        await cp.called("UpdateFirmware")
        await say(cp, "Downloading", "DownloadFailed", "Downloading")
        await wish_is(server, PENDING, "Downloading")
        await say(cp, "Downloaded", "Installing", "Installed", "Installing")
        await wish_is(server, ACCEPTED, None)


@pytest.mark.ocpp("1.6", "BootNotification")
async def test_a_boot_in_the_middle_of_an_update_does_not_ask_twice(server: Running) -> None:
    async with booted(server, replies={"UpdateFirmware": {}}) as cp:
        await want_firmware(server, version="2.1")
        await cp.called("UpdateFirmware")
        await say(cp, "Downloading")
        await boot_with(cp, "2.0")
        await say(cp, "Installing")
        await wish_is(server, PENDING, "Installing")
        assert len(cp.calls_of("UpdateFirmware")) == 1


@pytest.mark.ocpp("1.6", "BootNotification")
async def test_installed_and_booted_with_another_version_has_failed(server: Running) -> None:
    async with booted(server, replies={"UpdateFirmware": {}}) as cp:
        await want_firmware(server, version="2.1")
        await cp.called("UpdateFirmware")
        await say(cp, "Installed")
        await boot_with(cp, "2.0")
        await wish_is(server, REJECTED, "booted with version 2.0")


@pytest.mark.ocpp("1.6", "BootNotification")
async def test_a_charger_that_runs_the_version_already_is_not_asked(server: Running) -> None:
    async with booted(server) as cp:
        await boot_with(cp, "2.1")
        wish = await want_firmware(server, version="2.1")
        assert wish.status is ACCEPTED
        assert await all_transfers(server) == []


async def test_a_status_that_nobody_asked_for_is_acknowledged(server: Running) -> None:
    async with booted(server) as cp:
        await say(cp, "Idle", "Downloading", "Installed")
        await say_signed(cp, "InvalidSignature", request=7)
        await say_signed(cp, "InvalidSignature", request=2**70)
        assert await all_transfers(server) == []


@pytest.mark.ocpp("1.6", "SignedUpdateFirmware")
@pytest.mark.ocpp("1.6", "SignedFirmwareStatusNotification")
async def test_a_signed_update(server: Running) -> None:
    pem = certificate()
    replies = {"SignedUpdateFirmware": {"status": "Accepted"}}
    async with booted(server, replies=replies) as cp:
        await want_firmware(server, certificate=pem, signature=SIGNATURE)
        _, _, _, payload = await cp.called("SignedUpdateFirmware")
        assert payload["firmware"]["signingCertificate"] == pem
        assert payload["firmware"]["signature"] == SIGNATURE
        request = payload["requestId"]
        words = ("DownloadScheduled", "Downloading", "DownloadPaused", "Downloaded")
        await say_signed(cp, *words, "SignatureVerified", "InstallScheduled", request=request)
        await wish_is(server, PENDING, "InstallScheduled")
        await say_signed(cp, "Installing", "InstallRebooting", "Installed", request=request)
        await wish_is(server, ACCEPTED, None)


@pytest.mark.ocpp("1.6", "SignedFirmwareStatusNotification")
@pytest.mark.parametrize("word", ["InvalidSignature", "InstallVerificationFailed"])
async def test_a_signed_update_that_is_not_believed(server: Running, word: str) -> None:
    replies = {"SignedUpdateFirmware": {"status": "Accepted"}}
    async with booted(server, replies=replies) as cp:
        await want_firmware(server, certificate=certificate(), signature=SIGNATURE)
        _, _, _, payload = await cp.called("SignedUpdateFirmware")
        await say_signed(cp, "Downloaded", word, request=payload["requestId"])
        await wish_is(server, REJECTED, word)


@pytest.mark.ocpp("1.6", "SignedUpdateFirmware")
@pytest.mark.parametrize("word", ["InvalidCertificate", "RevokedCertificate", "Rejected"])
async def test_a_signed_update_that_is_refused(server: Running, word: str) -> None:
    replies = {"SignedUpdateFirmware": {"status": word}}
    async with booted(server, replies=replies):
        await want_firmware(server, certificate=certificate(), signature=SIGNATURE)
        await wish_is(server, REJECTED, word)
        await transfer_is(server, FAILED, word)


@pytest.mark.ocpp("1.6", "SignedUpdateFirmware")
async def test_a_signed_update_replaces_the_running_one(server: Running) -> None:
    replies = {"SignedUpdateFirmware": {"status": "Accepted"}}
    async with booted(server, replies=replies) as cp:
        pem = certificate()
        await want_firmware(server, certificate=pem, signature=SIGNATURE, version="2.1")
        await cp.called("SignedUpdateFirmware")
        await wish_is(server, PENDING, "Accepted")
        cp.replies["SignedUpdateFirmware"] = {"status": "AcceptedCanceled"}
        await want_firmware(server, certificate=pem, signature=SIGNATURE, version="2.2")
        await wish_is(server, PENDING, "AcceptedCanceled")
        older, newer = await all_transfers(server)
    assert (older.status, older.word) == (TransferStatus.CANCELED, "AcceptedCanceled")
    assert newer.status is TransferStatus.ACCEPTED
