"""TLS and client certificates over real sockets (S2, S3, S4)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from core.audit.service import CLI
from core.certificates import holdings
from core.certificates.client import TlsUnusable
from core.chargers import registry
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from csms.server import listen
from tests.csms.live import PASSWORD, Running
from tests.csms.live import charger as connected
from tests.csms.secure import client_context, dial, outcome, reasons, secure, with_tls
from tests.eventually import eventually
from tests.pki import Pki, key_pem


@pytest.fixture
async def server(
    db: Database, settings: Settings, vault: Vault, pki: Pki
) -> AsyncIterator[Running]:
    async with secure(db, settings, vault, pki) as running:
        yield running


async def profile_of(server: Running, identity: str = "CP-1") -> int:
    async with server.db.transaction() as tx:
        charger = await registry.by_identity(tx, identity)
    assert charger is not None
    return charger.security_profile


async def test_s2_tls_1_2_and_1_3_are_spoken_and_1_1_is_refused(server: Running, pki: Pki) -> None:
    await server.add_charger()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client_context(pki)
        context.minimum_version = context.maximum_version = version
        assert await outcome(server, context, password=PASSWORD) == 101
    old = client_context(pki)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert await outcome(server, old, password=PASSWORD) == "tls"


async def test_s2_nothing_is_compressed_and_suites_have_forward_secrecy(
    server: Running, pki: Pki
) -> None:
    await server.add_charger()
    context = client_context(pki)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with dial(server, context, password=PASSWORD) as socket:
        ssl_object = socket.transport.get_extra_info("ssl_object")
        assert ssl_object.compression() is None
        assert ssl_object.cipher()[0].startswith("ECDHE-")
    context.set_ciphers("AES128-GCM-SHA256:AES256-GCM-SHA384")
    assert await outcome(server, context, password=PASSWORD) == "tls"


async def test_s2_static_rsa_is_a_switch(
    db: Database, settings: Settings, vault: Vault, pki: Pki
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    loopback = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    chain = pki.issue("localhost", key=key, extensions=[loopback]).path
    async with secure(
        db, settings, vault, pki, tls_static_rsa=True, tls_certificate=chain
    ) as server:
        await server.add_charger()
        context = client_context(pki)
        context.check_hostname = False
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-GCM-SHA256")
        assert await outcome(server, context, password=PASSWORD) == 101


async def test_s4_a_right_certificate_opens_without_a_password(server: Running, pki: Pki) -> None:
    await server.add_charger(security_profile=3)
    assert await outcome(server, client_context(pki, pki.issue("CP-1"))) == 101
    async with server.db.transaction() as tx:
        [seen] = await holdings.newest(tx, current=True)
    assert (seen.origin, seen.last_used_at is not None) == ("seen", True)


async def test_s4_the_serial_number_is_as_good_a_name(server: Running, pki: Pki) -> None:
    charger = await server.add_charger(security_profile=1)
    boot = {"chargePointVendor": "V", "chargePointModel": "M", "chargePointSerialNumber": "SN-77"}
    async with connected(server) as cp:
        await cp.result("BootNotification", boot)
    async with server.db.transaction() as tx:
        await registry.update(tx, CLI, charger.id, {"security_profile": 3})
    assert await outcome(server, client_context(pki, pki.issue("SN-77"))) == 101


async def test_s4_every_wrong_certificate_gets_the_same_401_and_its_own_reason(
    server: Running, pki: Pki, tmp_path: Path
) -> None:
    await server.add_charger(security_profile=3)
    late = pki.issue("CP-1", begins=timedelta(days=1))
    weak = pki.issue("CP-1", key=rsa.generate_private_key(65537, 2048))
    revoked = pki.issue("CP-1")
    async with server.db.transaction() as tx:
        serial = f"{revoked.certificate.serial_number:x}"
        await holdings.revoke(tx, CLI, serial, reason="stolen")
    wrong = {
        "wrong_certificate_name": pki.issue("CP-2"),
        "wrong_organisation": pki.issue("CP-1", organisation="Others"),
        "certificate_expired": pki.issue("CP-1", days=-1),
        "certificate_not_yet_valid": late,
        "certificate_revoked": revoked,
    }
    for reason, shown in wrong.items():
        assert await outcome(server, client_context(pki, shown)) == 401, reason
    assert set(await reasons(server)) == set(wrong)
    assert await outcome(server, client_context(pki), password=PASSWORD) == 401
    assert (await reasons(server))[0] == "missing_certificate"
    assert await outcome(server, client_context(pki, weak)) == 101


async def test_s4_a_foreign_authority_fails_in_the_handshake_and_is_recorded(
    server: Running, pki: Pki, tmp_path: Path
) -> None:
    await server.add_charger(security_profile=3)
    foreign = Pki(tmp_path, name="Foreign CA").issue("CP-1")
    assert await outcome(server, client_context(pki, foreign)) == "tls"

    async def recorded() -> bool:
        return "certificate_untrusted" in await reasons(server)

    await eventually(recorded)


async def test_s4_a_revocation_list_of_an_authority_counts(
    db: Database, settings: Settings, vault: Vault, pki: Pki
) -> None:
    shown, other = pki.issue("CP-1"), pki.issue("CP-1")
    path = pki.revoking(shown.certificate)
    async with secure(db, settings, vault, pki, tls_client_crl=path) as server:
        await server.add_charger(security_profile=3)
        assert await outcome(server, client_context(pki, shown)) == 401
        assert await reasons(server) == ["certificate_revoked"]
        assert await outcome(server, client_context(pki, other)) == 101


async def test_s4_an_intermediate_authority_may_come_along(
    server: Running, pki: Pki, tmp_path: Path
) -> None:
    await server.add_charger(security_profile=3)
    middle = Pki(tmp_path, name="Middle CA")
    signed = pki.issue("Middle CA", key=middle.key, ca=True)
    leaf = middle.issue("CP-1")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.pem.encode() + signed.pem.encode() + key_pem(leaf.key))
    assert await outcome(server, client_context(pki, chain)) == 101


async def test_s3_a_higher_profile_is_kept_and_a_lower_one_refused(
    server: Running, pki: Pki
) -> None:
    await server.add_charger()
    assert await outcome(server, None, password=PASSWORD) == 101
    assert await profile_of(server) == 1
    assert await outcome(server, client_context(pki), password=PASSWORD) == 101
    assert await profile_of(server) == 2
    assert await outcome(server, None, password=PASSWORD) == 401
    assert await outcome(server, client_context(pki, pki.issue("CP-1"))) == 101
    assert await profile_of(server) == 3
    assert await outcome(server, client_context(pki), password=PASSWORD) == 401
    assert await outcome(server, None, password=PASSWORD) == 401
    assert set(await reasons(server)) == {"insecure_profile", "missing_certificate"}


async def test_a_certificate_that_is_not_asked_for_does_no_harm(server: Running, pki: Pki) -> None:
    await server.add_charger(security_profile=2)
    context = client_context(pki, pki.issue("MANUFACTURER-77", organisation="Maker"))
    assert await outcome(server, context, password=PASSWORD) == 101
    assert await profile_of(server) == 2


async def test_the_lowest_profile_can_be_set(
    db: Database, settings: Settings, vault: Vault, pki: Pki
) -> None:
    async with secure(db, settings, vault, pki, security_profile_min=2) as server:
        await server.add_charger()
        assert await outcome(server, None, password=PASSWORD) == 401
        assert await reasons(server) == ["profile_not_allowed"]
        assert await outcome(server, client_context(pki), password=PASSWORD) == 101


async def test_new_files_are_taken_over_while_sessions_go_on(server: Running, pki: Pki) -> None:
    await server.add_charger()
    path = server.settings.tls_certificate
    assert path is not None
    async with dial(server, client_context(pki), password=PASSWORD) as socket:
        first = socket.transport.get_extra_info("ssl_object").getpeercert()["serialNumber"]
        pki.server(file=path.name)

        async def serial() -> str:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", _port(server), ssl=client_context(pki)
            )
            found: str = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
            writer.close()
            await writer.wait_closed()
            return found

        async def changed() -> bool:
            return bool(await serial() != first)

        await eventually(changed)
        before = await serial()
        path.write_text("broken")
        tls = server.csms.tls
        assert tls is not None
        assert not tls.reload()
        assert await serial() == before
        await (await socket.ping())


def _port(server: Running) -> int:
    return int(str(server.csms.tls_url).rsplit(":", 1)[1].split("/")[0])


async def test_s2_beyond_loopback_only_tls_is_served(
    db: Database, settings: Settings, vault: Vault, pki: Pki
) -> None:
    outside = with_tls(settings, pki, host="0.0.0.0")  # noqa: S104
    async with listen(db, outside, vault, None, db.clock, None) as csms:  # type: ignore[arg-type]
        assert csms.url == csms.tls_url
        assert csms.url.startswith("wss://")


async def test_files_that_are_no_certificate_end_the_start(
    db: Database, settings: Settings, vault: Vault, pki: Pki, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    for values in ({"tls_certificate": broken}, {"tls_client_ca": tmp_path / "missing.pem"}):
        with pytest.raises(TlsUnusable, match=r"\.pem"):
            async with secure(db, settings, vault, pki, **values):
                pass
