"""Outcomes of a charger's own doings that a test or a scenario chooses."""

from dataclasses import dataclass
from enum import StrEnum


class FirmwareOutcome(StrEnum):
    """How a firmware update goes."""

    OK = "ok"
    DOWNLOAD_FAILED = "download_failed"
    INSTALLATION_FAILED = "installation_failed"
    INVALID_SIGNATURE = "invalid_signature"
    INVALID_CERTIFICATE = "invalid_certificate"
    INVALID_CHECKSUM = "invalid_checksum"
    """PublishFirmware only (OCPP 2.0.1 L03)."""
    REJECTED = "rejected"


class LogOutcome(StrEnum):
    """How the upload of a log goes."""

    OK = "ok"
    UPLOAD_FAILED = "upload_failed"
    REJECTED = "rejected"
    EMPTY = "empty"
    """There is nothing to upload."""


class UnlockOutcome(StrEnum):
    """What the lock of a connector does."""

    OK = "ok"
    FAILED = "failed"
    NOT_SUPPORTED = "not_supported"
    """1.6: NotSupported; 2.0.1 has no such answer and says UnlockFailed."""


class TransferMode(StrEnum):
    """Whether files move at all."""

    PRETEND = "pretend"
    """Locations are never contacted."""
    REAL = "real"
    """http and https locations are really downloaded from and uploaded to."""


@dataclass(frozen=True, kw_only=True)
class Switches:
    """Choices beside the named behaviours; times are simulated seconds."""

    firmware: FirmwareOutcome = FirmwareOutcome.OK
    logs: LogOutcome = LogOutcome.OK
    unlock: UnlockOutcome = UnlockOutcome.OK
    transfers: TransferMode = TransferMode.PRETEND
    transfer_s: float = 2.0
    """How long a pretended download, upload or installation takes."""
    extra_variables: int = 0
    """2.0.1: that many variables more in the device model; 50 000 make a large report."""
    report_items: int = 10
    """2.0.1: variables in one part of a report."""
    local_list_max: int = 1000
    """Entries the local list can hold."""
    profiles_max: int = 20
    """Charging profiles the charger can hold."""
    certificates_max: int = 20
    """CA certificates the charger can hold."""
    messages_max: int = 10
    """2.0.1: display messages the station can hold."""
    iso15118: bool = False
    """2.0.1: cars speak ISO 15118 and name their needs (K15-K17)."""
    departure_s: float = 8 * 3600.0
    """2.0.1: when such a car wants to leave, from its arrival."""
    local_controller: bool = False
    """2.0.1: firmware can be published to stations nearby (L03)."""
