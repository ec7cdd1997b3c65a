"""OCPP 2.0.1 blocks A (security) and M (certificates): keys, certificates, security events."""

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
from csms.ocpp201.messages import Request
from csms.protocol import Payload

_USES: Final = {
    RootUse.CSMS.value: "CSMSRootCertificate",
    RootUse.MANUFACTURER.value: "ManufacturerRootCertificate",
    RootUse.V2G.value: "V2GRootCertificate",
    RootUse.MOBILITY_OPERATOR.value: "MORootCertificate",
}
_REPORTED: Final = {name: RootUse(use) for use, name in _USES.items()} | {
    "V2GCertificateChain": RootUse.V2G_CHAIN
}
_SIGNED: Final = {
    CertificateUse.CHARGING_STATION.value: "ChargingStationCertificate",
    CertificateUse.V2G.value: "V2GCertificate",
}
_REQUESTED: Final = {name: CertificateUse(use) for use, name in _SIGNED.items()}


class SecurityEventNotification(Request, frozen=True):
    type: str
    timestamp: str
    tech_info: str | None = None


class SignCertificate(Request, frozen=True):
    csr: str
    certificate_type: str = "ChargingStationCertificate"


async def security_event_notification(ctx: Context, msg: SecurityEventNotification) -> Payload:
    """Answer SecurityEventNotification (A04)."""
    await security.security_event(ctx, type_=msg.type, timestamp=msg.timestamp, info=msg.tech_info)
    return {}


async def sign_certificate(ctx: Context, msg: SignCertificate) -> Payload:
    """Answer SignCertificate (A02, A03); the certificate follows by itself."""
    refused = await security.sign(ctx, csr=msg.csr, use=_REQUESTED[msg.certificate_type])
    if refused is None:
        return {"status": "Accepted"}
    return {"status": "Rejected", "statusInfo": security.status_info(refused)}


def set_password(wanted: SetPassword) -> tuple[str, Payload]:
    """Return the call (A01)."""
    data = {
        "attributeValue": wanted.password,
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": security.KEY_201},
    }
    return "SetVariables", {"setVariableData": [data]}


def send_certificate(wanted: SendCertificate) -> tuple[str, Payload]:
    return "CertificateSigned", {
        "certificateChain": wanted.chain,
        "certificateType": _SIGNED[wanted.use],
    }


def install_certificate(wanted: InstallCertificate) -> tuple[str, Payload]:
    """Return the call (M05); ``ValueError`` for what cannot be installed."""
    return "InstallCertificate", {
        "certificateType": _use(wanted.use),
        "certificate": wanted.certificate,
    }


def delete_certificate(wanted: DeleteCertificate) -> tuple[str, Payload]:
    """Return the call (M04)."""
    return "DeleteCertificate", {
        "certificateHashData": {
            "hashAlgorithm": wanted.hash_algorithm,
            "issuerNameHash": wanted.issuer_name_hash,
            "issuerKeyHash": wanted.issuer_key_hash,
            "serialNumber": wanted.serial_number,
        }
    }


def report_certificates(wanted: ReportCertificates) -> tuple[str, Payload]:
    """Return the call (M03); without a use it asks for all."""
    if wanted.use is None:
        return "GetInstalledCertificateIds", {}
    if wanted.use == RootUse.V2G_CHAIN.value:
        return "GetInstalledCertificateIds", {"certificateType": ["V2GCertificateChain"]}
    return "GetInstalledCertificateIds", {"certificateType": [_use(wanted.use)]}


def request_certificate(wanted: RequestCertificate) -> tuple[str, Payload]:
    """Return the call (A02, F06)."""
    return "TriggerMessage", {"requestedMessage": f"Sign{_SIGNED[wanted.use]}"}


def _use(use: str) -> str:
    if use not in _USES:
        raise ValueError(f"a certificate of use {use} cannot be installed")
    return _USES[use]


async def learn_installed(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Keep which certificates the charging station says it has (M03)."""
    asked = command.arguments.get("use")
    uses = frozenset(RootUse) if asked is None else frozenset({RootUse(asked)})
    found = [
        (_REPORTED[chain["certificateType"]], security.hash_data(chain["certificateHashData"]))
        for chain in answer.get("certificateHashDataChain") or ()
    ]
    found = [(use, data) for use, data in found if use in uses]
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
