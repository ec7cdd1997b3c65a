"""OCPP 1.6 security whitepaper: keys, certificates, security events."""

from typing import Final

from core.certificates.states import CertificateUse, RootUse
from core.commands.models import CommandRow
from core.commands.security import (
    DeleteCertificate,
    InstallCertificate,
    ReportCertificates,
    RequestCertificate,
    SendCertificate,
    SetPassword,
)
from core.kernel.db import Tx
from csms import security
from csms.adapter import Block, Context, Route
from csms.ocpp16.messages import Request
from csms.protocol import Payload

_USES: Final = {
    RootUse.CSMS.value: "CentralSystemRootCertificate",
    RootUse.MANUFACTURER.value: "ManufacturerRootCertificate",
}


class SecurityEventNotification(Request, frozen=True):
    type: str
    timestamp: str
    tech_info: str | None = None


class SignCertificate(Request, frozen=True):
    csr: str


async def security_event_notification(ctx: Context, msg: SecurityEventNotification) -> Payload:
    """Answer SecurityEventNotification (whitepaper A04)."""
    await security.security_event(ctx, type_=msg.type, timestamp=msg.timestamp, info=msg.tech_info)
    return {}


async def sign_certificate(ctx: Context, msg: SignCertificate) -> Payload:
    """Answer SignCertificate (whitepaper A02, A03); the certificate follows by itself."""
    refused = await security.sign(ctx, csr=msg.csr, use=CertificateUse.CHARGING_STATION)
    return {"status": "Accepted" if refused is None else "Rejected"}


def set_password(wanted: SetPassword) -> tuple[str, Payload]:
    """Return the call; the key goes in hex, as it is generated (whitepaper A01)."""
    return "ChangeConfiguration", {"key": security.KEY_16, "value": wanted.password}


def send_certificate(wanted: SendCertificate) -> tuple[str, Payload]:
    return "CertificateSigned", {"certificateChain": wanted.chain}


def install_certificate(wanted: InstallCertificate) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for a use that 1.6 does not know."""
    return "InstallCertificate", {
        "certificateType": _use(wanted.use),
        "certificate": wanted.certificate,
    }


def delete_certificate(wanted: DeleteCertificate) -> tuple[str, Payload]:
    return "DeleteCertificate", {
        "certificateHashData": {
            "hashAlgorithm": wanted.hash_algorithm,
            "issuerNameHash": wanted.issuer_name_hash,
            "issuerKeyHash": wanted.issuer_key_hash,
            "serialNumber": wanted.serial_number,
        }
    }


def report_certificates(wanted: ReportCertificates) -> tuple[str, Payload]:
    """Return the call, which asks for one use only: without one, for the roots of this platform."""
    use = wanted.use or RootUse.CSMS.value
    return "GetInstalledCertificateIds", {"certificateType": _use(use)}


def request_certificate(wanted: RequestCertificate) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for a certificate for vehicles, which 1.6 does not know."""
    if wanted.use != CertificateUse.CHARGING_STATION.value:
        raise ValueError("OCPP 1.6 knows no certificates for vehicles")
    return "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}


def _use(use: str) -> str:
    if use not in _USES:
        raise ValueError(f"OCPP 1.6 knows no certificates of use {use}")
    return _USES[use]


async def learn_installed(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Keep which certificates the charge point says it has."""
    asked = command.arguments.get("use") or RootUse.CSMS.value
    if asked not in _USES:  # a raw command: nobody knows what for
        return
    use = RootUse(asked)
    found = [(use, security.hash_data(one)) for one in answer.get("certificateHashData") or ()]
    uses = frozenset({use})
    is_ours = command.kind == ReportCertificates.kind
    await security.learn_installed(tx, command, found, answered=is_ours, uses=uses)


SECURITY: Final = Block(
    routes={
        "SecurityEventNotification": Route(
            message=SecurityEventNotification, handle=security_event_notification
        ),
        "SignCertificate": Route(message=SignCertificate, handle=sign_certificate),
    },
    encoders={
        SetPassword: set_password,
        SendCertificate: send_certificate,
        InstallCertificate: install_certificate,
        DeleteCertificate: delete_certificate,
        ReportCertificates: report_certificates,
        RequestCertificate: request_certificate,
    },
    learners={"GetInstalledCertificateIds": learn_installed},
)
