"""OCPP 1.6: diagnostics, and logs with the security extension, as conversations."""

import pytest

from core.upkeep.logs import LogKind, Method
from core.upkeep.states import TransferStatus
from tests.conformance.support import booted, charger_of
from tests.conformance.upkeep import (
    all_transfers,
    ask_log,
    sweep_unanswered,
    transfer_is,
    words_of,
)
from tests.csms.live import Running

T = TransferStatus


@pytest.mark.ocpp("1.6", "GetDiagnostics")
@pytest.mark.ocpp("1.6", "DiagnosticsStatusNotification")
async def test_diagnostics_are_uploaded(server: Running) -> None:
    replies = {"GetDiagnostics": {"fileName": "diag.zip"}}
    async with booted(server, replies=replies) as cp:
        await ask_log(server)
        _, _, _, payload = await cp.called("GetDiagnostics")
        assert payload == {"location": "ftp://files.example.org/logs/"}
        await transfer_is(server, T.ACCEPTED, "Accepted")
        for word in ("Uploading", "Uploaded"):
            assert await cp.result("DiagnosticsStatusNotification", {"status": word}) == {}
        found = await transfer_is(server, T.SUCCEEDED, "Uploaded")
        await cp.result("DiagnosticsStatusNotification", {"status": "Idle"})
    assert found.file_name == "diag.zip"
    assert await words_of(server, found) == ["Uploading", "Uploaded"]


@pytest.mark.ocpp("1.6", "DiagnosticsStatusNotification")
async def test_diagnostics_that_are_not_uploaded_have_failed(server: Running) -> None:
    replies = {"GetDiagnostics": {"fileName": "diag.zip"}}
    async with booted(server, replies=replies) as cp:
        await ask_log(server)
        await cp.called("GetDiagnostics")
        await transfer_is(server, T.ACCEPTED, "Accepted")
        for word in ("Uploading", "UploadFailed"):
            await cp.result("DiagnosticsStatusNotification", {"status": word})
        await transfer_is(server, T.FAILED, "UploadFailed")


@pytest.mark.ocpp("1.6", "GetDiagnostics")
async def test_no_file_name_means_no_diagnostics(server: Running) -> None:
    async with booted(server, replies={"GetDiagnostics": {}}):
        await ask_log(server)
        await transfer_is(server, T.FAILED, "no file")


@pytest.mark.ocpp("1.6", "GetDiagnostics")
async def test_credentials_reach_the_charger_and_no_row(server: Running) -> None:
    replies = {"GetDiagnostics": {"fileName": "diag.zip"}}
    async with booted(server, replies=replies) as cp:
        await ask_log(server, location="ftp://joe:s3cret@files.example.org/logs/")
        _, _, _, payload = await cp.called("GetDiagnostics")
        assert payload["location"] == "ftp://joe:s3cret@files.example.org/logs/"
        (transfer,) = await all_transfers(server)
    assert transfer.address == "ftp://***@files.example.org/logs/"


@pytest.mark.ocpp("1.6", "GetLog")
@pytest.mark.ocpp("1.6", "LogStatusNotification")
@pytest.mark.parametrize(
    ("kind", "log_type"), [("security", "SecurityLog"), ("diagnostics", "DiagnosticsLog")]
)
async def test_a_log_of_the_security_extension(server: Running, kind: str, log_type: str) -> None:

    replies = {"GetLog": {"status": "Accepted", "filename": "sec.log"}}
    async with booted(server, replies=replies) as cp:
        await ask_log(server, kind=LogKind(kind), method=Method.GET_LOG)
        _, _, _, payload = await cp.called("GetLog")
        assert payload["logType"] == log_type
        request = payload["requestId"]
        for word in ("Uploading", "Uploaded"):
            await cp.result("LogStatusNotification", {"status": word, "requestId": request})
        found = await transfer_is(server, T.SUCCEEDED, "Uploaded")
    assert found.request == request


@pytest.mark.ocpp("1.6", "LogStatusNotification")
@pytest.mark.parametrize(
    "word", ["BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure"]
)
async def test_a_log_that_is_not_uploaded_has_failed(server: Running, word: str) -> None:

    async with booted(server, replies={"GetLog": {"status": "Accepted"}}) as cp:
        await ask_log(server, kind=LogKind.SECURITY)
        _, _, _, payload = await cp.called("GetLog")
        request = payload["requestId"]
        await cp.result("LogStatusNotification", {"status": word, "requestId": request})
        await transfer_is(server, T.FAILED, word)


async def test_a_charger_without_the_extension_is_told_apart(server: Running) -> None:
    """A CALLERROR ends the transfer; the sweep of workers says so."""

    async with booted(server) as cp:
        await ask_log(server, kind=LogKind.SECURITY)
        _, message_id, _, _ = await cp.called("GetLog")
        await cp.send([4, message_id, "NotImplemented", "", {}])
        await cp.result("Heartbeat", {})
        await sweep_unanswered(server)
        await transfer_is(server, T.FAILED, "answered with an error")
    assert (await charger_of(server)).id
