"""Raw requests for files: they have a transfer and a train like what the platform asks itself."""

from typing import Any

from core.desired.states import DesiredStatus
from core.upkeep.states import TransferKind, TransferStatus
from tests.conformance.support import ask_raw, booted, done
from tests.conformance.upkeep import (
    LOCATION,
    SIGNATURE,
    all_transfers,
    certificate,
    sweep_unanswered,
    transfer_is,
    want_firmware,
    wish_is,
    words_of,
)
from tests.csms.live import Running

T = TransferStatus
AT = "2026-11-21T10:00:00Z"


def firmware_of(version: str, request: int) -> tuple[str, dict[str, Any]]:
    """Return (action, payload) of a raw update; 1.6 without the extension names no request."""
    if version == "1.6":
        return "UpdateFirmware", {"location": LOCATION, "retrieveDate": AT}
    image = {"location": LOCATION, "retrieveDateTime": AT}
    return "UpdateFirmware", {"requestId": request, "firmware": image}


def status_of(version: str, word: str, request: int) -> dict[str, Any]:
    return {"status": word} if version == "1.6" else {"status": word, "requestId": request}


ANSWER: dict[str, dict[str, Any]] = {"1.6": {}, "2.0.1": {"status": "Accepted"}}


async def test_a_raw_update_has_a_transfer_with_its_train(server: Running, version: str) -> None:
    action, payload = firmware_of(version, 77)
    async with booted(server, version, replies={action: ANSWER[version]}) as cp:
        row = await ask_raw(server, action, payload)
        await transfer_is(server, T.ACCEPTED, "Accepted")
        for word in ("Downloading", "Downloaded", "Installing", "Installed"):
            await cp.result("FirmwareStatusNotification", status_of(version, word, 77))
        found = await transfer_is(server, T.SUCCEEDED, "Installed")
    assert (found.kind, found.address, found.command_id) == (
        TransferKind.FIRMWARE,
        LOCATION,
        row.id,
    )
    assert found.requested_by == "operator"
    assert version == "1.6" or found.request == 77
    assert await words_of(server, found) == ["Downloading", "Downloaded", "Installing", "Installed"]


async def test_a_raw_signed_update_is_told_apart_by_its_request(server: Running) -> None:
    image = {
        "location": LOCATION,
        "retrieveDateTime": AT,
        "signingCertificate": certificate(),
        "signature": SIGNATURE,
    }
    replies = {"SignedUpdateFirmware": {"status": "Accepted"}}
    async with booted(server, replies=replies) as cp:
        await ask_raw(server, "SignedUpdateFirmware", {"requestId": 5, "firmware": image})
        await transfer_is(server, T.ACCEPTED, "Accepted")
        await cp.result(
            "SignedFirmwareStatusNotification", {"status": "InvalidSignature", "requestId": 5}
        )
        await transfer_is(server, T.FAILED, "InvalidSignature")


async def test_a_raw_log_has_a_transfer_without_credentials(server: Running, version: str) -> None:
    payload = {
        "logType": "SecurityLog",
        "requestId": 9,
        "log": {"remoteLocation": "ftp://joe:s3cret@files.example.org/logs/"},
    }
    replies = {"GetLog": {"status": "Accepted", "filename": "sec.log"}}
    async with booted(server, version, replies=replies) as cp:
        await ask_raw(server, "GetLog", payload)
        await transfer_is(server, T.ACCEPTED, "Accepted")
        await cp.result("LogStatusNotification", {"status": "Uploaded", "requestId": 9})
        found = await transfer_is(server, T.SUCCEEDED, "Uploaded")
    assert found.address == "ftp://***@files.example.org/logs/"
    assert (found.kind, found.file_name, found.request) == (
        TransferKind.SECURITY_LOG,
        "sec.log",
        9,
    )


async def test_raw_diagnostics_get_the_news_that_name_no_request(server: Running) -> None:
    replies = {"GetDiagnostics": {"fileName": "diag.zip"}}
    async with booted(server, replies=replies) as cp:
        await ask_raw(server, "GetDiagnostics", {"location": "ftp://files.example.org/logs/"})
        await transfer_is(server, T.ACCEPTED, "Accepted")
        await cp.result("DiagnosticsStatusNotification", {"status": "Uploaded"})
        found = await transfer_is(server, T.SUCCEEDED, "Uploaded")
    assert found.file_name == "diag.zip"


async def test_a_request_id_used_again_means_the_newer_transfer(server: Running) -> None:
    log = {"remoteLocation": "ftp://files.example.org/logs/"}
    payload = {"logType": "DiagnosticsLog", "requestId": 1, "log": log}
    replies = {"GetLog": {"status": "Accepted"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        await done(server, await ask_raw(server, "GetLog", payload))
        await transfer_is(server, T.ACCEPTED, "Accepted")
        # While it is under way the news are its own, whoever asks again under its id.
        await done(server, await ask_raw(server, "GetLog", payload))
        assert len(await all_transfers(server)) == 1
        await cp.result("LogStatusNotification", {"status": "Uploaded", "requestId": 1})
        await transfer_is(server, T.SUCCEEDED, "Uploaded")
        await done(server, await ask_raw(server, "GetLog", payload))
        await cp.result("LogStatusNotification", {"status": "UploadFailure", "requestId": 1})
        await transfer_is(server, T.FAILED, "UploadFailure")
        first, second = await all_transfers(server)
    assert (first.status, second.request) == (T.SUCCEEDED, 1)


async def test_a_raw_update_that_replaces_a_wish_tells_it(server: Running) -> None:
    action, payload = firmware_of("2.0.1", 4)
    async with booted(server, "2.0.1", replies={action: {"status": "Accepted"}}) as cp:
        await want_firmware(server)
        await transfer_is(server, T.ACCEPTED, "Accepted")
        cp.replies[action] = {"status": "AcceptedCanceled"}
        await ask_raw(server, action, payload)
        await transfer_is(server, T.ACCEPTED, "AcceptedCanceled")
        await transfer_is(server, T.CANCELED, "AcceptedCanceled", index=0)
        await wish_is(server, DesiredStatus.REJECTED, "AcceptedCanceled")


async def test_a_refused_raw_request_has_failed(server: Running, version: str) -> None:
    log = {"remoteLocation": "not an address"}
    payload = {"logType": "DiagnosticsLog", "requestId": 2, "log": log}
    async with booted(server, version, replies={"GetLog": {"status": "Rejected"}}) as cp:
        await ask_raw(server, "GetLog", payload)
        found = await transfer_is(server, T.FAILED, "Rejected")
        assert found.address == "***"
        del cp.replies["GetLog"]
        await ask_raw(server, "GetLog", payload | {"requestId": 3})
        _, message_id, _, _ = await cp.called("GetLog", 2)
        await cp.send([4, message_id, "NotSupported", "", {}])
        await cp.result("Heartbeat", {})
        await sweep_unanswered(server)
        await transfer_is(server, T.FAILED, "answered with an error")
