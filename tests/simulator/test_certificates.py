"""Certificates: trusted CAs, the charger's own, and TLS with both."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from simulator import ChargerConfig, SimulatedCharger, Version
from simulator.certificates import V2G_CERTIFICATE
from simulator.config import TlsVersion
from simulator.switches import Switches
from tests.simulator.central import PASSWORD, Central, Payload, running_central
from tests.simulator.keys import (
    Authority,
    authority,
    key_pem,
    new_key,
    pem_of,
    written,
)
from tests.simulator.making import FAST, MakeCharger

only_201 = pytest.mark.parametrize("version", ["2.0.1"])


def root(version: Version) -> str:
    return "CentralSystemRootCertificate" if version == "1.6" else "CSMSRootCertificate"


async def install(central: Central, kind: str, pem: str) -> str:
    wish = {"certificateType": kind, "certificate": pem}
    return str((await central.ask("CP-1", "InstallCertificate", wish))["status"])


async def installed(central: Central, version: Version, kind: str) -> list[Payload]:
    wish: Payload = {"certificateType": kind if version == "1.6" else [kind]}
    answer = await central.ask("CP-1", "GetInstalledCertificateIds", wish)
    if answer["status"] == "NotFound":
        return []
    if version == "1.6":
        return list(answer["certificateHashData"])
    return [chain["certificateHashData"] for chain in answer["certificateHashDataChain"]]


async def test_installed_certificate_is_named_by_the_hashes_of_rfc_6960(
    central: Central, make: MakeCharger, version: Version
) -> None:
    ca = authority()
    request = ocsp.OCSPRequestBuilder()
    request = request.add_certificate(ca.certificate, ca.certificate, hashes.SHA256())
    named = request.build()
    async with make():
        assert await installed(central, version, root(version)) == []
        assert await install(central, root(version), ca.pem) == "Accepted"
        (data,) = await installed(central, version, root(version))
        assert data == {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": named.issuer_name_hash.hex(),
            "issuerKeyHash": named.issuer_key_hash.hex(),
            "serialNumber": f"{ca.certificate.serial_number:x}",
        }
        upper = {**data, "serialNumber": data["serialNumber"].upper()}
        for expected in ("Accepted", "NotFound"):
            answer = await central.ask("CP-1", "DeleteCertificate", {"certificateHashData": upper})
            assert answer == {"status": expected}


async def test_certificate_that_is_no_use_is_not_installed(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make(switches=Switches(certificates_max=1)):
        assert await install(central, root(version), "nonsense") == "Rejected"
        assert await install(central, root(version), authority(days=-1).pem) == "Rejected"
        first = authority().pem
        assert await install(central, root(version), first) == "Accepted"
        assert await install(central, root(version), first) == "Accepted"
        assert await install(central, root(version), authority().pem) == "Failed"


async def trigger(central: Central, version: Version) -> str:
    """Ask for a certificate request; return it."""
    before = len(central.of("SignCertificate"))
    action, what = "TriggerMessage", "SignChargingStationCertificate"
    if version == "1.6":
        action, what = "ExtendedTriggerMessage", "SignChargePointCertificate"
    answer = await central.ask("CP-1", action, {"requestedMessage": what})
    assert answer == {"status": "Accepted"}
    await central.until(lambda: len(central.of("SignCertificate")) > before)
    return str(central.of("SignCertificate")[-1].payload["csr"])


async def signed(central: Central, chain: str) -> str:
    answer = await central.ask("CP-1", "CertificateSigned", {"certificateChain": chain})
    return str(answer["status"])


async def test_signed_certificate_must_belong_to_the_key(
    central: Central, make: MakeCharger, version: Version
) -> None:
    ca = authority()
    async with make(organization="Acme") as charger:
        assert await signed(central, ca.pem) == "Rejected"
        csr = await trigger(central, version)
        subject = x509.load_pem_x509_csr(csr.encode()).subject
        (name,) = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        (organization,) = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        assert (name.value, organization.value) == ("CP-1", "Acme")
        foreign = pem_of(ca.sign("CP-1", new_key().public_key()))
        assert await signed(central, foreign) == "Rejected"
        assert await signed(central, "nonsense") == "Rejected"
        own = ca.sign_request(csr)
        assert await signed(central, pem_of(own) + authority().pem) == "Rejected"
        assert await signed(central, pem_of(own) + ca.pem) == "Accepted"
        assert await signed(central, pem_of(own)) == "Rejected"
        identity = charger.station.certificates.identity
        assert identity is not None
        assert identity.chain[0] == own
        await central.until(lambda: len(central.of("SecurityEventNotification")) >= 4)
    place = "ChargePoint" if version == "1.6" else "ChargingStation"
    kinds = {call.payload["type"] for call in central.of("SecurityEventNotification")}
    assert kinds == {f"Invalid{place}Certificate"}


async def test_request_is_repeated_until_the_certificate_comes(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make(speed=2000.0):
        csr = await trigger(central, version)
        await central.until(lambda: len(central.of("SignCertificate")) == 3)
    assert {call.payload["csr"] for call in central.of("SignCertificate")} == {csr}


@only_201
async def test_2_0_1_v2g_certificate_is_kept_apart(central: Central, make: MakeCharger) -> None:
    ca = authority("V2G CA")
    async with make() as charger:
        charger.request_certificate(V2G_CERTIFICATE)
        await central.until(lambda: central.of("SignCertificate"))
        (request,) = central.of("SignCertificate")
        assert request.payload["certificateType"] == "V2GCertificate"
        chain = pem_of(ca.sign_request(request.payload["csr"])) + ca.pem
        wish = {"certificateChain": chain, "certificateType": "V2GCertificate"}
        answer = await central.ask("CP-1", "CertificateSigned", wish)
        assert answer == {"status": "Accepted"}
        answer = await central.ask("CP-1", "GetInstalledCertificateIds")
        (found,) = answer["certificateHashDataChain"]
        assert found["certificateType"] == "V2GCertificateChain"
        assert len(found["childCertificateHashData"]) == 1
        assert charger.station.certificates.identity is None
        delete = {"certificateHashData": found["certificateHashData"]}
        assert await central.ask("CP-1", "DeleteCertificate", delete) == {"status": "Failed"}


def server_context(ca: Authority, folder: Path, *, clients: Authority | None) -> ssl.SSLContext:
    key = new_key()
    chain = written(folder, "server.pem", pem_of(ca.sign("server", key.public_key(), host=True)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, written(folder, "server.key", key_pem(key)))
    if clients is not None:
        context.load_verify_locations(cadata=clients.pem)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def secure(
    central: Central,
    version: Version,
    ca_file: Path | None,
    *,
    password: str | None = PASSWORD,
    profile: int = 2,
    certificate: Path | None = None,
    key: Path | None = None,
    newest: TlsVersion = "1.3",
) -> ChargerConfig:
    return ChargerConfig(
        identity="CP-1",
        version=version,
        url=central.url,
        password=password,
        security_profile=profile,
        ca_file=ca_file,
        client_certificate=certificate,
        client_key=key,
        tls_min="1.2" if newest in {"1.2", "1.3"} else newest,
        tls_max=newest,
        timing=FAST,
        speed=200.0,
        reconnect_min_s=0.02,
    )


async def test_tls_verifies_the_central_system(version: Version, tmp_path: Path) -> None:
    ca = authority()
    trusted = written(tmp_path, "ca.pem", ca.pem)
    stranger = written(tmp_path, "stranger.pem", authority("Other CA").pem)
    context = server_context(ca, tmp_path, clients=None)
    async with running_central(context) as central:
        async with SimulatedCharger(secure(central, version, trusted)) as charger:
            assert charger.online
        wrong = SimulatedCharger(secure(central, version, stranger), ready=False)
        async with wrong:
            await wrong.wait_until(lambda: bool(wrong.ledger.refusals))
            assert "SSLCertVerificationError" in wrong.ledger.refusals[0]
        old = SimulatedCharger(secure(central, version, trusted, newest="1.1"), ready=False)
        async with old:
            await old.wait_until(lambda: bool(old.ledger.refusals))
            assert not old.online


async def test_new_certificate_is_used_from_the_next_connection_on(
    version: Version, tmp_path: Path
) -> None:
    ca, clients = authority(), authority("Charger CA")
    key = new_key()
    first = clients.sign("CP-1", key.public_key())
    context = server_context(ca, tmp_path, clients=clients)
    async with running_central(context, guarded=False) as central:
        config = secure(
            central,
            version,
            written(tmp_path, "ca.pem", ca.pem),
            password=None,
            profile=3,
            certificate=written(tmp_path, "client.pem", pem_of(first)),
            key=written(tmp_path, "client.key", key_pem(key)),
        )
        async with SimulatedCharger(config) as charger:
            csr = await trigger(central, version)
            own = clients.sign_request(csr)
            assert await signed(central, pem_of(own)) == "Accepted"
            await charger.wait_until(lambda: charger.ledger.connections == 2 and charger.online)
            transport = central.sockets["CP-1"].transport
            presented = transport.get_extra_info("ssl_object").getpeercert()
            assert int(presented["serialNumber"], 16) == own.serial_number
        assert central.violations == []


async def test_changed_password_is_the_one_it_logs_in_with(
    central: Central, make: MakeCharger, version: Version
) -> None:
    fresh = "0011223344556677889900112233445566778899"
    async with make() as charger:
        central.passwords["CP-1"] = fresh
        if version == "1.6":
            wish: Payload = {"key": "AuthorizationKey", "value": fresh}
            await central.ask("CP-1", "ChangeConfiguration", wish)
        else:
            data = {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "attributeValue": fresh,
            }
            await central.ask("CP-1", "SetVariables", {"setVariableData": [data]})
        await charger.wait_until(lambda: charger.ledger.connections == 2 and charger.online)
        assert charger.ledger.refusals == []
