"""Contract certificates (OCPP 2.0.1 C07, M01, M02, M06): asked of a service, or refused."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import FixedSettings, Settings
from tests.conformance.contract_service import ContractService, contract_service
from tests.conformance.support import allow, booted
from tests.csms.live import Running, running

TOKEN = {"idToken": "DEABCC123456789", "type": "eMAID"}
HASH = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "ab" * 32,
    "issuerKeyHash": "cd" * 32,
    "serialNumber": "01",
    "responderURL": "http://169.254.169.254/",
}
EXI = {
    "iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef",
    "action": "Install",
    "exiRequest": "gJgCAA==",
}
OCSP = {"ocspRequestData": HASH}
CERTIFIED = {"idToken": TOKEN, "certificate": "-----BEGIN CERTIFICATE-----\n..."}


@asynccontextmanager
async def asking(
    db: Database, settings: Settings, vault: Vault, service: ContractService, **more: Any
) -> AsyncIterator[Running]:
    values = {
        "contract_service_url": service.url,
        "contract_service_allow_private": True,
        "contract_service_token": "bearer-of-the-service",
        "contract_service_timeout": timedelta(seconds=5),
    }
    changed = FixedSettings(**{**settings.model_dump(), **values, **more})
    async with running(db, changed, vault) as server:
        yield server


@pytest.mark.ocpp("2.0.1", "Authorize")
@pytest.mark.ocpp("2.0.1", "Get15118EVCertificate")
@pytest.mark.ocpp("2.0.1", "GetCertificateStatus")
async def test_without_a_service_everything_is_refused_with_the_reason(server: Running) -> None:
    await allow(server, TOKEN["idToken"], kind="eMAID")
    async with booted(server, "2.0.1") as cp:
        info = {"reasonCode": "NotConfigured"}
        assert await cp.result("Get15118EVCertificate", EXI) == {
            "status": "Failed",
            "statusInfo": info,
            "exiResponse": "",
        }
        assert await cp.result("GetCertificateStatus", OCSP) == {
            "status": "Failed",
            "statusInfo": info,
        }
        assert await cp.result("Authorize", CERTIFIED) == {
            "idTokenInfo": {"status": "Invalid"},
            "certificateStatus": "NoCertificateAvailable",
        }
        without = await cp.result("Authorize", {"idToken": TOKEN})
        assert without == {"idTokenInfo": {"status": "Accepted"}}


@pytest.mark.ocpp("2.0.1", "Authorize")
async def test_a_contract_counts_only_with_a_good_certificate_and_a_known_token(
    db: Database, settings: Settings, vault: Vault
) -> None:
    async with contract_service() as service, asking(db, settings, vault, service) as server:
        await allow(server, TOKEN["idToken"], kind="eMAID")
        async with booted(server, "2.0.1") as cp:
            for status in ("Accepted", "ContractCancelled", "CertificateExpired"):
                service.answers["/v1/authorize"] = {"certificate_status": status}
                hashed = {"idToken": TOKEN, "iso15118CertificateHashData": [HASH]}
                expected = "Accepted" if status == "Accepted" else "Invalid"
                assert await cp.result("Authorize", hashed) == {
                    "idTokenInfo": {"status": expected},
                    "certificateStatus": status,
                }
            path, question, bearer = service.questions[0]
            assert (path, bearer) == ("/v1/authorize", "bearer bearer-of-the-service")
            assert question == {
                "charger": "CP-1",
                "id_token": TOKEN["idToken"],
                "certificate": None,
                "certificate_hash_data": [HASH],
            }
            service.answers["/v1/authorize"] = {"certificate_status": "Accepted"}
            other = CERTIFIED | {"idToken": {"idToken": "DEXYZC999999999", "type": "eMAID"}}
            answer = await cp.result("Authorize", other)
            assert answer["idTokenInfo"]["status"] == "Unknown"


@pytest.mark.ocpp("2.0.1", "Get15118EVCertificate")
async def test_an_exi_response_is_passed_on_as_it_is(
    db: Database, settings: Settings, vault: Vault
) -> None:
    async with contract_service() as service, asking(db, settings, vault, service) as server:
        service.answers["/v1/ev_certificate"] = {"status": "Accepted", "exi_response": "gJ=="}
        async with booted(server, "2.0.1") as cp:
            answer = await cp.result("Get15118EVCertificate", EXI)
            assert answer == {"status": "Accepted", "exiResponse": "gJ=="}
            refused = {"status": "Failed", "reason": "NoContract"}
            service.answers["/v1/ev_certificate"] = refused
            answer = await cp.result("Get15118EVCertificate", EXI | {"action": "Update"})
            assert answer["statusInfo"] == {"reasonCode": "NoContract"}


@pytest.mark.ocpp("2.0.1", "Get15118EVCertificate")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"no json", "InvalidAnswer"),
        ([], "InvalidAnswer"),
        ({"status": "Accepted", "exi_response": "x" * 7501}, "InvalidAnswer"),
        ({"status": "Accepted", "exi_response": 7}, "InvalidAnswer"),
        (b"x" * 100_000, "AnswerTooLarge"),
        ({"status": ["odd"], "reason": "longer than twenty characters"}, "Refused"),
    ],
)
async def test_a_service_that_talks_nonsense_is_a_failure_with_a_reason(
    db: Database, settings: Settings, vault: Vault, answer: Any, reason: str
) -> None:
    async with contract_service() as service, asking(db, settings, vault, service) as server:
        service.answers["/v1/ev_certificate"] = answer
        async with booted(server, "2.0.1") as cp:
            found = await cp.result("Get15118EVCertificate", EXI)
            assert (found["status"], found["statusInfo"]) == ("Failed", {"reasonCode": reason})


@pytest.mark.ocpp("2.0.1", "Get15118EVCertificate")
async def test_a_service_that_hangs_holds_up_nobody_else(
    db: Database, settings: Settings, vault: Vault
) -> None:
    short = {"contract_service_timeout": timedelta(seconds=1.5)}
    async with (
        contract_service() as service,
        asking(db, settings, vault, service, **short) as server,
        booted(server, "2.0.1", "CP-1") as cp,
        booted(server, "2.0.1", "CP-2") as other,
    ):
        service.answers["/v1/ev_certificate"] = None
        hanging = asyncio.create_task(cp.result("Get15118EVCertificate", EXI))
        while not service.questions:  # noqa: ASYNC110 - it arrives on a socket
            await asyncio.sleep(0)
        for _ in range(20):
            await other.result("Heartbeat", {})
            await other.result("Authorize", {"idToken": {"idToken": "X", "type": "Central"}})
        assert not hanging.done()
        assert (await hanging)["statusInfo"] == {"reasonCode": "ServiceTimeout"}
        assert "currentTime" in await cp.result("Heartbeat", {})


@pytest.mark.ocpp("2.0.1", "GetCertificateStatus")
async def test_a_service_in_this_network_is_not_asked_unless_that_is_allowed(
    db: Database, settings: Settings, vault: Vault
) -> None:
    async with contract_service() as service:
        forbidden = {"contract_service_allow_private": False}
        address = {"contract_service_url": service.url.replace("http://", "https://")}
        async with (
            asking(db, settings, vault, service, **forbidden, **address) as server,
            booted(server, "2.0.1") as cp,
        ):
            answer = await cp.result("GetCertificateStatus", OCSP)
            assert answer["statusInfo"] == {"reasonCode": "AddressForbidden"}
            assert service.questions == []


@pytest.mark.ocpp("2.0.1", "GetCertificateStatus")
async def test_an_ocsp_answer_is_kept_until_its_next_update(
    db: Database, settings: Settings, vault: Vault
) -> None:
    async with contract_service() as service, asking(db, settings, vault, service) as server:
        fresh, stale = response(days=1), response(days=-1)
        async with booted(server, "2.0.1") as cp:
            for result, asked in ((stale, 1), (fresh, 2), (stale, 2)):
                answer = {"status": "Accepted", "ocsp_result": result}
                service.answers["/v1/certificate_status"] = answer
                found = await cp.result("GetCertificateStatus", OCSP)
                assert found["status"] == "Accepted"
                assert len(service.questions) == asked
            assert found["ocspResult"] == fresh
            other = {"ocspRequestData": HASH | {"serialNumber": "02"}}
            service.answers["/v1/certificate_status"] = {"status": "Accepted", "ocsp_result": "AA"}
            found = await cp.result("GetCertificateStatus", other)
            assert found["statusInfo"] == {"reasonCode": "InvalidAnswer"}


def response(*, days: int) -> str:
    """An OCSP response whose next update is in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    built = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=certificate,
            issuer=certificate,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=now - timedelta(days=2),
            next_update=now + timedelta(days=days),
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(built.public_bytes(Encoding.DER)).decode()
