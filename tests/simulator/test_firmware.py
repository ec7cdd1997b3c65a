"""Firmware updates with their whole trains of statuses, and uploads of logs."""

import hashlib
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from simulator import SimulatedCharger, Version
from simulator.clock import timestamp
from simulator.switches import FirmwareOutcome, LogOutcome, Switches, TransferMode
from tests.simulator.central import Central, Payload
from tests.simulator.files import file_server
from tests.simulator.keys import authority, new_key, pem_of
from tests.simulator.making import MakeCharger

LOCATION = "https://firmware.example/voltgate-2.3.1.bin"
TRAIN = ["Downloading", "Downloaded", "Installing", "Installed"]
SIGNED = [
    "Downloading",
    "Downloaded",
    "SignatureVerified",
    "Installing",
    "InstallRebooting",
    "Installed",
]


def statuses(central: Central) -> list[str]:
    names = ("FirmwareStatusNotification", "SignedFirmwareStatusNotification")
    return [call.payload["status"] for call in central.of(*names)]


def signing_certificate() -> tuple[str, ec.EllipticCurvePrivateKey]:
    key = new_key()
    return pem_of(authority().sign("Manufacturer", key.public_key())), key


async def update(
    central: Central,
    charger: SimulatedCharger,
    *,
    signed: bool,
    location: str = LOCATION,
    **more: Any,
) -> Payload:
    at = timestamp(charger.station.clock.now() + timedelta(seconds=more.pop("delay_s", 0)))
    common: Payload = {
        name: more.pop(name) for name in ("retries", "retryInterval") if name in more
    }
    if charger.station.config.version == "1.6" and not signed:
        wish: Payload = {"location": location, "retrieveDate": at, **common}
        return await central.ask("CP-1", "UpdateFirmware", wish)
    firmware: Payload = {"location": location, "retrieveDateTime": at, **more}
    if signed:
        firmware.setdefault("signingCertificate", signing_certificate()[0])
        firmware.setdefault("signature", "AAAA")
    action = "UpdateFirmware"
    if charger.station.config.version == "1.6":
        action = "SignedUpdateFirmware"
    return await central.ask("CP-1", action, {"requestId": 7, "firmware": firmware, **common})


@pytest.mark.parametrize("signed", [False, True])
async def test_update_tells_every_step_reboots_and_boots_with_the_new_version(
    central: Central, make: MakeCharger, version: Version, *, signed: bool
) -> None:
    async with make() as charger:
        answer = await update(central, charger, signed=signed)
        assert answer == ({} if version == "1.6" and not signed else {"status": "Accepted"})
        await central.until(lambda: "Installed" in statuses(central))
        assert charger.station.firmware == "2.3.1"
    expected = SIGNED if signed else TRAIN
    if version == "2.0.1" and not signed:
        expected = [*TRAIN[:3], "InstallRebooting", "Installed"]
    assert statuses(central) == expected
    first, second = (call.payload for call in central.of("BootNotification"))
    if version == "1.6":
        assert (first["firmwareVersion"], second["firmwareVersion"]) == ("1.0.0", "2.3.1")
    else:
        assert second["chargingStation"]["firmwareVersion"] == "2.3.1"
        assert second["reason"] == "FirmwareUpdate"


async def test_update_that_lies_ahead_is_scheduled(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        later = timestamp(charger.station.clock.now() + timedelta(seconds=400))
        await update(central, charger, signed=True, delay_s=200, installDateTime=later)
        await central.until(lambda: "Installed" in statuses(central))
    assert statuses(central) == [
        "DownloadScheduled",
        *SIGNED[:3],
        "InstallScheduled",
        *SIGNED[3:],
    ]


async def test_update_waits_for_the_end_of_a_transaction(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        transaction = await charger.start_local(1, "LOCAL")
        await update(central, charger, signed=True)
        await central.until(lambda: "SignatureVerified" in statuses(central))
        charger.stop_local(1)
        await charger.wait_ended(transaction)
        await central.until(lambda: "Installed" in statuses(central))
    assert transaction.stop_reason == "Local"


@pytest.mark.parametrize(
    ("outcome", "train"),
    [
        (FirmwareOutcome.DOWNLOAD_FAILED, ["Downloading", "Downloading", "DownloadFailed"]),
        (FirmwareOutcome.INVALID_SIGNATURE, ["Downloading", "Downloaded", "InvalidSignature"]),
        (FirmwareOutcome.INSTALLATION_FAILED, [*SIGNED[:4], "InstallationFailed"]),
    ],
)
async def test_update_fails_where_it_is_told_to(
    central: Central, make: MakeCharger, outcome: FirmwareOutcome, train: list[str]
) -> None:
    async with make(switches=Switches(firmware=outcome)) as charger:
        await update(central, charger, signed=True, retries=1, retryInterval=5)
        await central.until(lambda: statuses(central) == train)
        assert charger.station.firmware == "1.0.0"
        if outcome is FirmwareOutcome.INVALID_SIGNATURE:
            await central.until(lambda: central.of("SecurityEventNotification"))


@pytest.mark.parametrize("outcome", [FirmwareOutcome.OK, FirmwareOutcome.INVALID_CERTIFICATE])
async def test_unusable_signing_certificate_is_refused_and_reported(
    central: Central, make: MakeCharger, outcome: FirmwareOutcome
) -> None:
    more = {"signingCertificate": "nonsense"} if outcome is FirmwareOutcome.OK else {}
    async with make(switches=Switches(firmware=outcome)) as charger:
        answer = await update(central, charger, signed=True, **more)
        assert answer == {"status": "InvalidCertificate"}
        await central.until(lambda: central.of("SecurityEventNotification"))
    (event,) = central.of("SecurityEventNotification")
    assert event.payload["type"] == "InvalidFirmwareSigningCertificate"


async def test_second_update_cancels_the_first(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        await update(central, charger, signed=True, delay_s=10_000)
        await central.until(lambda: statuses(central) == ["DownloadScheduled"])
        assert await update(central, charger, signed=True) == {"status": "AcceptedCanceled"}
        await central.until(lambda: "Installed" in statuses(central))


@pytest.mark.parametrize("genuine", [True, False])
async def test_real_firmware_is_downloaded_and_its_signature_verified(
    central: Central, make: MakeCharger, *, genuine: bool
) -> None:
    certificate, key = signing_certificate()
    async with file_server() as files:
        files.content["/fw-3.0.0.bin"] = b"firmware" if genuine else b"malware"
        signature = b64encode(key.sign(b"firmware", ec.ECDSA(hashes.SHA256()))).decode()
        async with make(switches=Switches(transfers=TransferMode.REAL)) as charger:
            await update(
                central,
                charger,
                signed=True,
                location=f"{files.url}/fw-3.0.0.bin",
                signingCertificate=certificate,
                signature=signature,
            )
            last = "Installed" if genuine else "InvalidSignature"
            await central.until(lambda: last in statuses(central))


async def test_file_that_is_not_there_fails_the_download(
    central: Central, make: MakeCharger
) -> None:
    async with file_server() as files, make(switches=Switches(transfers=TransferMode.REAL)) as one:
        await update(central, one, signed=False, location=f"{files.url}/missing")
        await central.until(lambda: "DownloadFailed" in statuses(central))


async def ask_for_log(
    central: Central, charger: SimulatedCharger, action: str, location: str, *, number: int = 3
) -> Payload:
    if action == "GetDiagnostics":
        return await central.ask("CP-1", action, {"location": location, "retries": 1})
    wish = {
        "log": {"remoteLocation": location},
        "logType": "DiagnosticsLog",
        "requestId": number,
        "retries": 1,
    }
    return await central.ask("CP-1", action, wish)


LOGS = [
    ("1.6", "GetDiagnostics", "DiagnosticsStatusNotification"),
    ("1.6", "GetLog", "LogStatusNotification"),
    ("2.0.1", "GetLog", "LogStatusNotification"),
]


@pytest.mark.parametrize(("version", "action", "told"), LOGS)
async def test_log_is_really_uploaded(
    central: Central, make: MakeCharger, action: str, told: str
) -> None:
    async with file_server() as files, make(switches=Switches(transfers=TransferMode.REAL)) as one:
        answer = await ask_for_log(central, one, action, f"{files.url}/logs/")
        name = answer.get("fileName") or answer["filename"]
        await central.until(lambda: len(central.of(told)) == 2)
        assert b"received" in files.uploaded[f"/logs/{name}"]
    assert [call.payload["status"] for call in central.of(told)] == ["Uploading", "Uploaded"]


@pytest.mark.parametrize(("version", "action", "told"), LOGS)
async def test_upload_fails_after_its_retries(
    central: Central, make: MakeCharger, action: str, told: str
) -> None:
    async with make(switches=Switches(logs=LogOutcome.UPLOAD_FAILED)) as charger:
        await ask_for_log(central, charger, action, "ftp://nowhere.example/")
        await central.until(lambda: len(central.of(told)) == 2)
    last = central.of(told)[-1].payload["status"]
    assert last == ("UploadFailed" if action == "GetDiagnostics" else "UploadFailure")


async def test_second_log_request_cancels_the_first(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make(switches=Switches(transfer_s=2000.0)) as charger:
        await ask_for_log(central, charger, "GetLog", "https://a.example/", number=1)
        await central.until(lambda: central.of("LogStatusNotification"))
        answer = await ask_for_log(central, charger, "GetLog", "https://a.example/", number=2)
        assert answer["status"] == "AcceptedCanceled"
        expected = 3 if version == "2.0.1" else 2
        await central.until(lambda: len(central.of("LogStatusNotification")) == expected)
    told = [c.payload["status"] for c in central.of("LogStatusNotification")]
    assert sorted(told)[-2:] == ["Uploading", "Uploading"]


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_2_0_1_firmware_is_published_and_withdrawn(
    central: Central, make: MakeCharger
) -> None:
    async with file_server() as files:
        files.content["/fw"] = b"firmware"
        checksum = hashlib.md5(b"firmware", usedforsecurity=False).hexdigest()
        switches = Switches(transfers=TransferMode.REAL, local_controller=True)
        async with make(switches=switches):
            wish = {"location": f"{files.url}/fw", "checksum": checksum, "requestId": 4}
            assert await central.ask("CP-1", "PublishFirmware", wish) == {"status": "Accepted"}
            told = "PublishFirmwareStatusNotification"
            await central.until(lambda: len(central.of(told)) == 4)
            for status in ("Unpublished", "NoFirmware"):
                answer = await central.ask("CP-1", "UnpublishFirmware", {"checksum": checksum})
                assert answer == {"status": status}
            await central.ask("CP-1", "PublishFirmware", {**wish, "checksum": "0" * 32})
            await central.until(lambda: len(central.of(told)) == 7)
    trains = [call.payload["status"] for call in central.of(told)]
    assert trains[:4] == ["Downloading", "Downloaded", "ChecksumVerified", "Published"]
    assert trains[4:] == ["Downloading", "Downloaded", "InvalidChecksum"]
    assert central.of(told)[3].payload["location"]


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_2_0_1_only_a_local_controller_publishes(central: Central, make: MakeCharger) -> None:
    async with make():
        wish = {"location": "https://a.example/", "checksum": "0" * 32, "requestId": 4}
        answer = await central.ask("CP-1", "PublishFirmware", wish)
        assert answer["status"] == "Rejected"
