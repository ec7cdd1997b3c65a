"""Certificates of a 1.6 charger (OCPP 1.6 security extension 4.1, 4.2)."""

from typing import Any

from ocpp.v16 import call_result
from ocpp.v16 import enums as e

from simulator import certificates, security
from simulator.certificates import CSMS_ROOT, MANUFACTURER_ROOT, MAX_PEM_CHARACTERS, hash_data
from simulator.ledger import Payload
from simulator.station import Station

_USES = {
    "CentralSystemRootCertificate": CSMS_ROOT,
    "ManufacturerRootCertificate": MANUFACTURER_ROOT,
}


def certificate_signed(station: Station, *, certificate_chain: str, **_: Any) -> Any:
    fits = len(certificate_chain) <= MAX_PEM_CHARACTERS
    accepted, rejected = e.CertificateSignedStatus.accepted, e.CertificateSignedStatus.rejected
    taken = fits and security.certificate_signed(station, certificate_chain)
    return call_result.CertificateSigned(accepted if taken else rejected)


def install_certificate(
    station: Station, *, certificate_type: str, certificate: str, **_: Any
) -> Any:
    status = security.install(station, _USES[certificate_type], certificate)
    return call_result.InstallCertificate(e.CertificateStatus(status))


def delete_certificate(station: Station, *, certificate_hash_data: Payload, **_: Any) -> Any:
    status = certificates.delete(station.certificates, certificate_hash_data)
    return call_result.DeleteCertificate(e.DeleteCertificateStatus(status))


def installed_ids(station: Station, *, certificate_type: str, **_: Any) -> Any:
    store, status = station.certificates, e.GetInstalledCertificateStatus
    known = [root.certificate for root in store.roots]
    found = [hash_data(root.certificate, known) for root in store.of(_USES[certificate_type])]
    if not found:
        return call_result.GetInstalledCertificateIds(status.not_found)
    return call_result.GetInstalledCertificateIds(status.accepted, certificate_hash_data=found)
