"""Firmware updates and uploads: work in steps, each of them told to the central system."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from simulator import signing, transfer
from simulator.dialect import Cause
from simulator.power import restart
from simulator.security import security_event
from simulator.station import Station
from simulator.switches import FirmwareOutcome, LogOutcome, TransferMode
from simulator.telling import tell

FIRMWARE, LOG, PUBLISH = "firmware", "log", "publish"
Say = Callable[[str], Any]
"""Status in the words of OCPP 2.0.1 -> request, or ``None`` where the version has no such word."""


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often a transfer is tried again, and after how long."""

    count: int = 0
    interval_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Update:
    """A firmware update as asked for."""

    location: str
    retrieve_at: datetime
    install_at: datetime | None = None
    signing_certificate: str | None = None
    signature: str | None = None
    retries: Retries
    request_id: int | None = None
    secure: bool
    """The signature is checked, and the steps of the check are told."""


Work = Callable[[], Coroutine[Any, Any, None]]


def start(station: Station, kind: str, work: Work) -> bool:
    """Run a job after the answer; a running one of its kind is cancelled: tell whether."""
    old = station.jobs.get(kind)
    busy = old is not None and not old.done()

    def begin() -> None:
        if old is not None:
            old.cancel()
        station.jobs[kind] = station.spawn(work())

    station.then(begin)
    return busy


async def _tell(station: Station, kind: str, status: str, say: Say, request_id: int | None) -> None:
    station.job_status[kind] = (status, request_id)
    request = say(status)
    if request is not None:
        await tell(station, request)
    station.touch()


async def update_firmware(station: Station, update: Update, say: Say) -> None:
    """Download, verify, install, reboot (OCPP 1.6 6.16 and security extension, 2.0.1 L01)."""

    async def told(status: str) -> None:
        await _tell(station, FIRMWARE, status, say, update.request_id)

    outcome = station.config.switches.firmware
    await _wait_for(station, update.retrieve_at, lambda: told("DownloadScheduled"))
    await told("Downloading")
    content = await _download(station, update.location, update.retries, told)
    if content is None:
        await told("DownloadFailed")
        return
    await told("Downloaded")
    if update.secure:
        if not _signature_holds(station, update, content):
            await told("InvalidSignature")
            security_event(station, "InvalidFirmwareSignature")
            return
        await told("SignatureVerified")
    if update.install_at is not None:
        await _wait_for(station, update.install_at, lambda: told("InstallScheduled"))
    await _until_idle(station)
    await told("Installing")
    await station.clock.sleep(station.config.switches.transfer_s)
    if outcome is FirmwareOutcome.INSTALLATION_FAILED:
        await told("InstallationFailed")
        return
    await told("InstallRebooting")
    await restart(station, cause=Cause.REBOOT, reason="FirmwareUpdate")
    station.firmware = version_of(update.location, station.firmware)
    await told("Installed")
    if update.secure:
        security_event(station, "FirmwareUpdated", station.firmware)


async def _wait_for(
    station: Station, moment: datetime, say: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    wait_s = (moment - station.clock.now()).total_seconds()
    if wait_s > 0:
        await say()
        await station.clock.sleep(wait_s)


async def _download(
    station: Station, location: str, retries: Retries, told: Callable[[str], Any]
) -> bytes | None:
    switches = station.config.switches
    for attempt in range(retries.count + 1):
        if attempt:
            await station.clock.sleep(retries.interval_s)
            await told("Downloading")
        await station.clock.sleep(switches.transfer_s)
        if switches.firmware is FirmwareOutcome.DOWNLOAD_FAILED:
            continue
        if switches.transfers is TransferMode.PRETEND:
            return b""
        try:
            return await transfer.download(location)
        except transfer.TransferFailed:
            continue
    return None


def _signature_holds(station: Station, update: Update, content: bytes) -> bool:
    switches = station.config.switches
    if switches.firmware is FirmwareOutcome.INVALID_SIGNATURE:
        return False
    if switches.transfers is TransferMode.PRETEND:
        return True
    return signing.holds(update.signing_certificate or "", update.signature or "", content)


async def _until_idle(station: Station) -> None:
    """Let running transactions end first (L01.FR.06)."""
    while any(connector.transaction is not None for connector in station.connectors.values()):
        await station.clock.sleep(1.0)


def version_of(location: str, old: str) -> str:
    """Return the version a firmware file names (``fw-2.1.0.bin``), else the next of *old*."""
    try:
        name = PurePosixPath(urlsplit(location).path).name
    except ValueError:
        name = ""
    digits = "".join(c if c.isascii() and (c.isdigit() or c == ".") else " " for c in name)
    named = [part.strip(".") for part in digits.split() if "." in part.strip(".")]
    if named:
        return max(named, key=len)[:50]
    first, _, last = old.rpartition(".")
    return f"{first}.{int(last) + 1}" if last.isdigit() and first else f"{old}+"[:50]


async def publish_firmware(
    station: Station,
    *,
    location: str,
    checksum: str,
    retries: Retries,
    request_id: int,
    say: Callable[[str, list[str] | None], Any],
) -> None:
    """Download firmware once and offer it nearby (OCPP 2.0.1 L03)."""

    async def told(status: str, places: list[str] | None = None) -> None:
        await _tell(station, PUBLISH, status, lambda s: say(s, places), request_id)

    outcome = station.config.switches.firmware
    await told("Downloading")
    content = await _download(station, location, retries, told)
    if content is None:
        await told("DownloadFailed")
        return
    await told("Downloaded")
    wrong = outcome is FirmwareOutcome.INVALID_CHECKSUM
    if station.config.switches.transfers is TransferMode.REAL:
        wrong = wrong or signing.md5(content) != checksum.lower()
    if wrong:
        await told("InvalidChecksum")
        return
    await told("ChecksumVerified")
    place = f"http://{station.config.identity.lower()}.local/firmware/{checksum}"
    station.published[checksum] = place
    await told("Published", [place])


async def upload_log(
    station: Station,
    *,
    location: str,
    name: str,
    content: bytes,
    retries: Retries,
    request_id: int | None,
    say: Say,
) -> None:
    """Upload a file (OCPP 1.6 6.4 and security extension, 2.0.1 N01)."""
    switches = station.config.switches

    async def told(status: str) -> None:
        await _tell(station, LOG, status, say, request_id)

    try:
        await told("Uploading")
        for attempt in range(retries.count + 1):
            if attempt:
                await station.clock.sleep(retries.interval_s)
            await station.clock.sleep(switches.transfer_s)
            if switches.logs is LogOutcome.UPLOAD_FAILED:
                continue
            if switches.transfers is TransferMode.REAL:
                try:
                    await transfer.upload(location, name, content)
                except transfer.TransferFailed:
                    continue
            await told("Uploaded")
            return
        await told("UploadFailure")
    except asyncio.CancelledError:
        request = say("AcceptedCanceled")
        if request is not None and not station.closing:
            station.spawn(_last_word(station, request))
        raise


async def _last_word(station: Station, request: Any) -> None:
    await tell(station, request)
