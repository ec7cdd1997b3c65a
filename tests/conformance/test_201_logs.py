"""OCPP 2.0.1 N01: logs, uploaded, refused, failed, replaced."""

import pytest

from core.upkeep.logs import LogKind
from core.upkeep.states import TransferStatus
from tests.conformance.support import booted
from tests.conformance.upkeep import all_transfers, ask_log, transfer_is
from tests.csms.live import Running

T = TransferStatus


@pytest.mark.ocpp("2.0.1", "GetLog")
@pytest.mark.ocpp("2.0.1", "LogStatusNotification")
@pytest.mark.parametrize(
    ("kind", "log_type"),
    [(LogKind.DIAGNOSTICS, "DiagnosticsLog"), (LogKind.SECURITY, "SecurityLog")],
)
async def test_n01_a_log_is_uploaded(server: Running, kind: LogKind, log_type: str) -> None:
    replies = {"GetLog": {"status": "Accepted", "filename": "cp.log"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        await ask_log(server, kind=kind)
        _, _, _, payload = await cp.called("GetLog")
        assert payload["logType"] == log_type
        request = payload["requestId"]
        for word in ("Uploading", "Uploading", "Uploaded"):
            await cp.result("LogStatusNotification", {"status": word, "requestId": request})
        found = await transfer_is(server, T.SUCCEEDED, "Uploaded")
        assert found.news == 3
        await cp.result("LogStatusNotification", {"status": "Idle"})
        await transfer_is(server, T.SUCCEEDED, "Uploaded")
        assert (await all_transfers(server))[0].file_name == "cp.log"


@pytest.mark.ocpp("2.0.1", "GetLog")
async def test_n01_a_refused_log_has_failed(server: Running) -> None:
    async with booted(server, "2.0.1", replies={"GetLog": {"status": "Rejected"}}):
        await ask_log(server)
        await transfer_is(server, T.FAILED, "Rejected")


@pytest.mark.ocpp("2.0.1", "LogStatusNotification")
@pytest.mark.parametrize(
    "word", ["BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure"]
)
async def test_n01_a_log_that_is_not_uploaded_has_failed(server: Running, word: str) -> None:
    async with booted(server, "2.0.1", replies={"GetLog": {"status": "Accepted"}}) as cp:
        await ask_log(server)
        _, _, _, payload = await cp.called("GetLog")
        named = {"status": word, "requestId": payload["requestId"]}
        await cp.result("LogStatusNotification", named)
        await transfer_is(server, T.FAILED, word)


@pytest.mark.ocpp("2.0.1", "GetLog")
@pytest.mark.ocpp("2.0.1", "LogStatusNotification")
async def test_n01_a_second_request_cancels_the_first(server: Running) -> None:
    async with booted(server, "2.0.1", replies={"GetLog": {"status": "Accepted"}}) as cp:
        await ask_log(server)
        _, _, _, first = await cp.called("GetLog")
        uploading = {"status": "Uploading", "requestId": first["requestId"]}
        await cp.result("LogStatusNotification", uploading)
        cp.replies["GetLog"] = {"status": "AcceptedCanceled"}
        await ask_log(server)
        canceled = {"status": "AcceptedCanceled", "requestId": first["requestId"]}
        await cp.result("LogStatusNotification", canceled)
        await transfer_is(server, T.CANCELED, "AcceptedCanceled", index=0)
        await transfer_is(server, T.ACCEPTED, "AcceptedCanceled", index=1)
