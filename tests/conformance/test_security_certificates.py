"""A02, A03, M03 to M05 and the same of the 1.6 security whitepaper, as conversations."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from core.audit.service import CLI
from core.certificates import holdings, installing, signing, x509s
from core.certificates.models import CertificateRequest
from core.certificates.signers import signer_for
from core.certificates.states import CertificateUse, RootUse
from core.chargers import registry
from core.chargers.models import Charger
from core.desired import service as desired
from core.desired.models import Desired
from tests.conformance.support import booted, done
from tests.csms.live import Running
from tests.eventually import eventually
from tests.pki import Pki, new_key, request

ROOTS = {"1.6": "CentralSystemRootCertificate", "2.0.1": "CSMSRootCertificate"}
ASKED = {
    "1.6": ("ExtendedTriggerMessage", "SignChargePointCertificate"),
    "2.0.1": ("TriggerMessage", "SignChargingStationCertificate"),
}


async def sign_all(server: Running) -> None:
    await signing.sign_what_is_due(server.db, signer_for(server.db, server.vault, server.settings))


async def the_charger(server: Running) -> Charger:
    async with server.db.transaction() as tx:
        found = await registry.by_identity(tx, "CP-1")
    assert found is not None
    return found


async def newest_request(server: Running, status: str) -> CertificateRequest:
    async def reached() -> CertificateRequest | None:
        async with server.db.transaction() as tx:
            found = await signing.requests(tx)
        return found[0] if found and found[0].status == status else None

    return await eventually(reached)


@pytest.mark.ocpp("1.6", "SignCertificate")
@pytest.mark.ocpp("1.6", "CertificateSigned")
@pytest.mark.ocpp("2.0.1", "SignCertificate")
@pytest.mark.ocpp("2.0.1", "CertificateSigned")
async def test_a_charger_asks_and_gets_its_certificate(server: Running, version: str) -> None:
    key = new_key()
    async with booted(server, version, replies={"CertificateSigned": {"status": "Accepted"}}) as cp:
        csr = {"csr": request("CP-1", key=key)}
        assert await cp.result("SignCertificate", csr) == {"status": "Accepted"}
        await sign_all(server)
        sent = await cp.called("CertificateSigned")
        [leaf] = x509s.read_chain(sent[3]["certificateChain"])
        assert leaf.public_key() == key.public_key()
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        if version == "2.0.1":
            assert sent[3]["certificateType"] == "ChargingStationCertificate"
        await newest_request(server, "installed")
    async with server.db.transaction() as tx:
        [row] = await holdings.newest(tx, current=True)
    assert (row.origin, row.installed_at is not None) == ("issued", True)


@pytest.mark.ocpp("2.0.1", "SignCertificate")
@pytest.mark.ocpp("2.0.1", "CertificateSigned")
async def test_a_certificate_for_vehicles_is_asked_for_by_its_type(server: Running) -> None:
    replies = {"CertificateSigned": {"status": "Accepted"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        csr = {"csr": request("CP-1"), "certificateType": "V2GCertificate"}
        assert await cp.result("SignCertificate", csr) == {"status": "Accepted"}
        await sign_all(server)
        sent = await cp.called("CertificateSigned")
        assert sent[3]["certificateType"] == "V2GCertificate"
        assert (await newest_request(server, "installed")).use is CertificateUse.V2G


@pytest.mark.ocpp("1.6", "CertificateSigned")
@pytest.mark.ocpp("2.0.1", "CertificateSigned")
async def test_a_refused_certificate_is_recorded(server: Running, version: str) -> None:
    replies = {"CertificateSigned": {"status": "Rejected"}}
    async with booted(server, version, replies=replies) as cp:
        await cp.result("SignCertificate", {"csr": request("CP-1")})
        await sign_all(server)
        await cp.called("CertificateSigned")
        found = await newest_request(server, "rejected")
    assert found.reason == "the charger answered Rejected"


WRONG: dict[str, Any] = {
    "InvalidCommonName": {"common": "CP-2"},
    "InvalidCSR": {"extensions": [x509.BasicConstraints(ca=True, path_length=None)]},
    "other names": {"extensions": [x509.SubjectAlternativeName([x509.DNSName("CP-2")])]},
    "weak": {"key": rsa.generate_private_key(65537, 1024)},  # noqa: S505 - the point of it
}


@pytest.mark.ocpp("1.6", "SignCertificate")
@pytest.mark.ocpp("2.0.1", "SignCertificate")
@pytest.mark.parametrize("wrong", [*WRONG, "garbage"])
async def test_a_request_that_is_not_the_chargers_own_is_rejected_with_its_reason(
    server: Running, version: str, wrong: str
) -> None:
    csr = request(**WRONG[wrong]) if wrong in WRONG else "-----BEGIN \x00\ud800 nothing"
    async with booted(server, version) as cp:
        answer = await cp.result("SignCertificate", {"csr": csr})
        assert answer["status"] == "Rejected"
        if version == "2.0.1":
            code = "InvalidCommonName" if wrong == "InvalidCommonName" else "InvalidCSR"
            assert answer["statusInfo"]["reasonCode"] == code
        else:
            assert answer == {"status": "Rejected"}
        refused = await newest_request(server, "refused")
    assert refused.reason


@pytest.mark.ocpp("2.0.1", "SignCertificate")
async def test_the_name_of_another_charger_is_not_signed_even_as_a_serial_number(
    server: Running,
) -> None:
    await server.add_charger("CP-2")
    async with booted(server, "2.0.1") as cp:
        station = {"model": "M", "vendorName": "V", "serialNumber": "CP-2"}
        await cp.result("BootNotification", {"chargingStation": station, "reason": "PowerUp"})
        answer = await cp.result("SignCertificate", {"csr": request("CP-2")})
    assert answer["status"] == "Rejected"


@pytest.mark.ocpp("2.0.1", "SignCertificate")
async def test_a_newer_request_supersedes_the_one_under_way_and_a_flood_is_refused(
    server: Running,
) -> None:
    async with booted(server, "2.0.1") as cp:
        for _ in range(signing.REQUESTS_AN_HOUR):
            answer = await cp.result("SignCertificate", {"csr": request("CP-1")})
            assert answer["status"] == "Accepted"
        answer = await cp.result("SignCertificate", {"csr": request("CP-1")})
        assert answer["statusInfo"]["reasonCode"] == "TooManyRequests"
    async with server.db.transaction() as tx:
        found = await signing.requests(tx)
    states = [one.status for one in found]
    assert states == ["open"] + ["superseded"] * (signing.REQUESTS_AN_HOUR - 1)


@pytest.mark.ocpp("1.6", "ExtendedTriggerMessage")
@pytest.mark.ocpp("2.0.1", "TriggerMessage")
async def test_an_operator_has_a_certificate_renewed(server: Running, version: str) -> None:
    action, message = ASKED[version]
    async with booted(server, version, replies={action: {"status": "Accepted"}}) as cp:
        charger = await the_charger(server)
        async with server.db.transaction() as tx:
            use = CertificateUse.CHARGING_STATION
            command = await holdings.renew(tx, CLI, charger, use)
        assert (await cp.called(action))[3] == {"requestedMessage": message}
        assert (await done(server, command)).response == {"status": "Accepted"}


async def wish_of(server: Running, status: str) -> Desired:
    charger = await the_charger(server)

    async def reached() -> Desired | None:
        async with server.db.transaction() as tx:
            found = await desired.of_charger(tx, charger.id, kind="certificate")
        return found[0] if found and found[0].status == status else None

    return await eventually(reached)


def reported(version: str, data: x509s.HashData | None) -> dict[str, Any]:
    if data is None:
        return {"status": "NotFound"}
    members = {
        "hashAlgorithm": data.hash_algorithm,
        "issuerNameHash": data.issuer_name_hash,
        "issuerKeyHash": data.issuer_key_hash,
        "serialNumber": data.serial_number.upper(),
    }
    if version == "1.6":
        return {"status": "Accepted", "certificateHashData": [members]}
    chain = {"certificateType": ROOTS[version], "certificateHashData": members}
    return {"status": "Accepted", "certificateHashDataChain": [chain]}


@pytest.mark.ocpp("1.6", "InstallCertificate")
@pytest.mark.ocpp("1.6", "GetInstalledCertificateIds")
@pytest.mark.ocpp("1.6", "DeleteCertificate")
@pytest.mark.ocpp("2.0.1", "InstallCertificate")
@pytest.mark.ocpp("2.0.1", "GetInstalledCertificateIds")
@pytest.mark.ocpp("2.0.1", "DeleteCertificate")
async def test_a_root_is_installed_seen_again_and_deleted(
    server: Running, version: str, tmp_path: Any
) -> None:
    pki = Pki(tmp_path)
    data = x509s.hash_data(pki.certificate, pki.certificate, "SHA384")
    replies = {
        "InstallCertificate": {"status": "Accepted"},
        "GetInstalledCertificateIds": reported(version, data),
        "DeleteCertificate": {"status": "Accepted"},
    }
    async with booted(server, version, replies=replies) as cp:
        charger = await the_charger(server)
        async with server.db.transaction() as tx:
            await installing.want(tx, CLI, charger, use=RootUse.CSMS, pem=pki.pem)
        sent = await cp.called("InstallCertificate")
        assert sent[3] == {"certificateType": ROOTS[version], "certificate": pki.pem}
        await cp.called("GetInstalledCertificateIds")

        async def seen() -> bool:
            return (await wish_of(server, "accepted")).reported is not None

        await eventually(seen)
        cp.replies["GetInstalledCertificateIds"] = reported(version, None)
        async with server.db.transaction() as tx:
            await installing.want(tx, CLI, charger, use=RootUse.CSMS, pem=pki.pem, present=False)
        gone = await cp.called("DeleteCertificate")
        assert gone[3]["certificateHashData"]["issuerKeyHash"] == data.issuer_key_hash
        assert gone[3]["certificateHashData"]["hashAlgorithm"] == "SHA384"
        await eventually(lambda: nothing_wanted(server, charger))


async def nothing_wanted(server: Running, charger: Charger) -> bool:
    async with server.db.transaction() as tx:
        found = await desired.of_charger(tx, charger.id, kind="certificate")
        return not found and not await installing.installed(tx, charger.id)


@pytest.mark.ocpp("1.6", "InstallCertificate")
@pytest.mark.ocpp("2.0.1", "InstallCertificate")
@pytest.mark.parametrize("status", ["Rejected", "Failed"])
async def test_a_root_that_is_refused_stays_wanted_with_the_reason(
    server: Running, version: str, status: str, tmp_path: Any
) -> None:
    replies = {"InstallCertificate": {"status": status}}
    async with booted(server, version, replies=replies) as cp:
        charger = await the_charger(server)
        async with server.db.transaction() as tx:
            await installing.want(tx, CLI, charger, use=RootUse.MANUFACTURER, pem=Pki(tmp_path).pem)
        await cp.called("InstallCertificate")
        assert (await wish_of(server, "rejected")).reason == status


@pytest.mark.ocpp("1.6", "DeleteCertificate")
@pytest.mark.ocpp("2.0.1", "DeleteCertificate")
async def test_what_a_charger_does_not_have_is_deleted(
    server: Running, version: str, tmp_path: Any
) -> None:
    replies = {
        "DeleteCertificate": {"status": "NotFound"},
        "GetInstalledCertificateIds": {"status": "NotFound"},
    }
    async with booted(server, version, replies=replies) as cp:
        charger = await the_charger(server)
        async with server.db.transaction() as tx:
            pem = Pki(tmp_path).pem
            await installing.want(tx, CLI, charger, use=RootUse.CSMS, pem=pem, present=False)
        await cp.called("DeleteCertificate")
        await eventually(lambda: nothing_wanted(server, charger))


async def test_what_a_version_cannot_say_is_refused_with_the_reason(
    server: Running, tmp_path: Any
) -> None:
    async with booted(server, "1.6"):
        charger = await the_charger(server)
        async with server.db.transaction() as tx:
            pem = Pki(tmp_path).pem
            await installing.want(tx, CLI, charger, use=RootUse.V2G, pem=pem)
        reason = (await wish_of(server, "rejected")).reason
    assert reason == "OCPP 1.6 knows no certificates of use v2g"
