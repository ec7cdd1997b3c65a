"""Certificates of a 2.0.1 station (OCPP 2.0.1 A02-A03, M03-M05)."""

from typing import Any

from ocpp.v201 import call_result
from ocpp.v201 import enums as e

from simulator import certificates, security
from simulator.certificates import MAX_PEM_CHARACTERS, STATION_CERTIFICATE, V2G_CHAIN, hash_data
from simulator.ledger import Payload
from simulator.station import Station
from simulator.v201.info import because

MAX_CHILDREN = 4


def certificate_signed(
    station: Station, *, certificate_chain: str, certificate_type: str | None = None, **_: Any
) -> Any:
    accepted = e.CertificateSignedStatusEnumType.accepted
    rejected = e.CertificateSignedStatusEnumType.rejected
    if len(certificate_chain) > MAX_PEM_CHARACTERS:
        return call_result.CertificateSigned(rejected, because("TooLargeElement"))
    use = certificate_type or STATION_CERTIFICATE
    if security.certificate_signed(station, certificate_chain, use):
        return call_result.CertificateSigned(accepted)
    return call_result.CertificateSigned(rejected, because("InvalidCertificate"))


def install_certificate(
    station: Station, *, certificate_type: str, certificate: str, **_: Any
) -> Any:
    status = security.install(station, certificate_type, certificate)
    info = {
        "Rejected": because("InvalidCertificate"),
        "Failed": because("OutOfStorage"),
    }
    return call_result.InstallCertificate(
        e.InstallCertificateStatusEnumType(status), info.get(status)
    )


def delete_certificate(station: Station, *, certificate_hash_data: Payload, **_: Any) -> Any:
    status = certificates.delete(station.certificates, certificate_hash_data)
    return call_result.DeleteCertificate(e.DeleteCertificateStatusEnumType(status))


def installed_ids(station: Station, *, certificate_type: list[str] | None = None, **_: Any) -> Any:
    store = station.certificates
    known = [root.certificate for root in store.roots]
    chains: list[Any] = [
        {"certificate_type": root.use, "certificate_hash_data": hash_data(root.certificate, known)}
        for root in store.roots
    ]
    if store.v2g is not None:
        own, *above = store.v2g.chain
        chain: Any = {
            "certificate_type": V2G_CHAIN,
            "certificate_hash_data": hash_data(own, [*above, *known]),
        }
        if above:
            children = [hash_data(one, [*above, *known]) for one in above[:MAX_CHILDREN]]
            chain["child_certificate_hash_data"] = children
        chains.append(chain)
    if certificate_type:
        chains = [chain for chain in chains if chain["certificate_type"] in certificate_type]
    if not chains:
        return call_result.GetInstalledCertificateIds(
            e.GetInstalledCertificateStatusEnumType.notFound
        )
    return call_result.GetInstalledCertificateIds(
        e.GetInstalledCertificateStatusEnumType.accepted, certificate_hash_data_chain=chains
    )
