"""A status may overtake the answer to the request that it is about, in either version."""

import pytest

from core.desired.states import DesiredStatus
from core.upkeep.states import TransferStatus
from tests.conformance.support import booted
from tests.conformance.upkeep import all_transfers, transfer_is, want_firmware, wish_is
from tests.csms.live import Running


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Locks matter on PostgreSQL alone, so this runs on both."""
    return str(request.param)


@pytest.mark.ocpp("1.6", "UpdateFirmware")
@pytest.mark.ocpp("2.0.1", "UpdateFirmware")
@pytest.mark.ocpp("1.6", "FirmwareStatusNotification")
@pytest.mark.ocpp("2.0.1", "FirmwareStatusNotification")
@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (["Downloading"], DesiredStatus.PENDING, "Downloading"),
        (["Downloading", "DownloadFailed"], DesiredStatus.REJECTED, "DownloadFailed"),
        (["Downloading", "Installed"], DesiredStatus.ACCEPTED, None),
    ],
)
async def test_news_before_the_answer_count(
    server: Running, version: str, words: list[str], status: DesiredStatus, reason: str | None
) -> None:
    async with booted(server, version) as cp:
        await want_firmware(server)
        _, message_id, _, payload = await cp.called("UpdateFirmware")
        named = {"requestId": payload["requestId"]} if version == "2.0.1" else {}
        for word in words:
            await cp.result("FirmwareStatusNotification", {"status": word, **named})
        answer = {"status": "Accepted"} if version == "2.0.1" else {}
        await cp.send([3, message_id, answer])
        await wish_is(server, status, reason)


@pytest.mark.ocpp("1.6", "FirmwareStatusNotification")
@pytest.mark.ocpp("2.0.1", "FirmwareStatusNotification")
async def test_an_answer_and_a_status_at_once_do_not_lock_each_other_out(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp:
        for number in range(5):
            await want_firmware(server, location=f"https://files.example.org/{number}.bin")
            _, message_id, _, payload = await cp.called("UpdateFirmware", number + 1)
            named = {"requestId": payload["requestId"]} if version == "2.0.1" else {}
            answer = {"status": "Accepted"} if version == "2.0.1" else {}
            await cp.send([3, message_id, answer])
            await cp.result("FirmwareStatusNotification", {"status": "Installed", **named})
            await wish_is(server, DesiredStatus.ACCEPTED, None)
        await transfer_is(server, TransferStatus.SUCCEEDED, "Installed")
        assert len(await all_transfers(server)) == 5
