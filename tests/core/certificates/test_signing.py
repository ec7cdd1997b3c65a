"""Signing: the built-in authority, a service over HTTP, nobody; retries, limits, renewals."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from core.audit.service import CLI
from core.certificates import authority, holdings, signing, store, x509s
from core.certificates.models import CertificateRequest
from core.certificates.signers import (
    BuiltInSigner,
    HttpSigner,
    NoSigner,
    NotSigned,
    Signer,
    SignerAway,
    signer_for,
)
from core.certificates.states import CertificateUse, RequestStatus
from core.chargers import inventory, presence, registry
from core.chargers.facts import VariableReported
from core.chargers.models import Charger
from core.commands import service as commands
from core.desired import service as desired
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Undecryptable, Vault
from core.kernel.db import Database
from core.kernel.settings import FixedSettings, Settings
from core.kernel.settings_certificates import CertificateSigner
from tests.core.chargers.making import make_charger
from tests.core.webhooks.receiver import receiving, stalling
from tests.pki import Pki, new_key, request

USE = CertificateUse.CHARGING_STATION


async def asked(db: Database, charger: Charger, csr: str) -> CertificateRequest:
    async with db.transaction() as tx:
        return await signing.ask(tx, charger, csr=csr, use=USE, organisation=None)


async def newest(db: Database) -> CertificateRequest:
    async with db.transaction() as tx:
        return (await signing.requests(tx))[0]


def answering(status: int, text: str = "") -> HttpSigner:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, text=text))
    return HttpSigner("http://signer.test/", token="t" * 20, timeout_s=5, transport=transport)


async def test_the_built_in_authority_is_made_once_and_its_key_is_encrypted(
    db: Database, vault: Vault, settings: Settings
) -> None:
    async with db.transaction() as tx:
        first, key = await authority.create_once(tx, vault, organisation="O")
    async with db.transaction() as tx:
        second, _ = await authority.create_once(tx, vault, organisation="Another")
        row = await store.authority(tx, authority.NAME)
    assert first == second
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert row is not None
    assert "PRIVATE" not in row.sealed_key
    other = Vault(FixedSettings(database_url="", secret_key="x" * 40))  # type: ignore[arg-type]
    async with db.transaction() as tx:
        with pytest.raises(Undecryptable):
            await authority.create_once(tx, other, organisation=None)


async def test_what_a_request_asks_for_beyond_name_and_key_is_ignored(
    db: Database, vault: Vault, settings: Settings
) -> None:
    usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CODE_SIGNING])
    csr = request("CP-1", extensions=[usage])
    [leaf] = await BuiltInSigner(db, vault, settings).sign(csr, use=USE, identity="CP-1")
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


async def test_a_signer_over_http_gets_the_request_and_its_chain_goes_out(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    charger, key, pki = await make_charger(db, vault), new_key(), Pki(tmp_path)
    seen: list[httpx2.Request] = []
    leaf = pki.issue("CP-1", key=key)

    def answer(sent: httpx2.Request) -> httpx2.Response:
        seen.append(sent)
        return httpx2.Response(200, text=leaf.pem + pki.pem)

    signer = HttpSigner(
        "http://s/", token="secret", timeout_s=5, transport=httpx2.MockTransport(answer)
    )
    await asked(db, charger, request("CP-1", key=key))
    await signing.sign_what_is_due(db, signer)
    assert (await newest(db)).status is RequestStatus.SIGNED
    assert seen[0].headers["Authorization"] == "Bearer secret"
    assert b'"identity":"CP-1"' in seen[0].content.replace(b" ", b"")
    async with db.transaction() as tx:
        [wish] = await desired.of_charger(tx, charger.id, kind="signed_certificate")
    assert wish.wanted["chain"] == leaf.pem + pki.pem


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n-"])
async def test_ru1_a_signer_that_hangs_costs_its_timeout_and_is_asked_again(
    db: Database, vault: Vault, settings: Settings, head: bytes
) -> None:
    await asked(db, await make_charger(db, vault), request("CP-1"))
    async with receiving(stalling(head)) as silent:
        patient = {
            "certificate_signer": CertificateSigner.HTTP,
            "certificate_signer_url": f"http://127.0.0.1:{silent.port}/",
            "certificate_signer_timeout": timedelta(seconds=0.2),
        }
        signer = signer_for(db, vault, settings.model_copy(update=patient))
        await asyncio.wait_for(signing.sign_what_is_due(db, signer), 5)
        assert silent.connections == 1
    assert (await newest(db)).status is RequestStatus.OPEN


@pytest.mark.parametrize(
    ("signer", "reason"),
    [
        (NoSigner(), "nobody signs here"),
        (answering(403), "HTTP 403"),
    ],
)
async def test_a_refusal_of_the_signer_ends_the_request(
    db: Database, vault: Vault, signer: Signer, reason: str
) -> None:
    await asked(db, await make_charger(db, vault), request("CP-1"))
    await signing.sign_what_is_due(db, signer)
    found = await newest(db)
    assert found.status is RequestStatus.FAILED
    assert reason in str(found.reason)


async def test_a_signer_that_is_away_is_asked_again_with_growing_pauses_then_given_up(
    db: Database, vault: Vault, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "GIVE_UP_AFTER", 3)
    await asked(db, await make_charger(db, vault), request("CP-1"))
    for attempt in (1, 2):
        assert await signing.sign_what_is_due(db, answering(503)) == 1
        found = await newest(db)
        assert (found.status, found.attempts) == ("open", attempt)
        assert await signing.sign_what_is_due(db, answering(503)) == 0
        clock.advance(3600)
    await signing.sign_what_is_due(db, answering(200, "no certificate"))
    assert (await newest(db)).status is RequestStatus.FAILED


async def test_a_certificate_for_another_key_is_not_taken(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    signer = answering(200, Pki(tmp_path).issue("CP-1").pem)
    with pytest.raises(NotSigned, match="another key"):
        await signer.sign(request("CP-1"), use=USE, identity="CP-1")
    with pytest.raises(SignerAway):
        await answering(429).sign(request("CP-1"), use=USE, identity="CP-1")


async def test_a_chain_is_shortened_by_its_root_or_not_sent_at_all(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    charger, key, pki = await make_charger(db, vault), new_key(), Pki(tmp_path)
    leaf = pki.issue("CP-1", key=key)
    for limit, chain in ((len(leaf.pem) + 10, leaf.pem), (100, None)):
        async with db.transaction() as tx:
            fact = VariableReported(
                component="",
                variable="CertificateSignedMaxChainSize",
                attribute="Actual",
                value=str(limit),
                readonly=True,
            )
            await inventory.store_variables(tx, charger.id, [fact])
        await asked(db, charger, request("CP-1", key=key))
        await signing.sign_what_is_due(db, answering(200, leaf.pem + pki.pem))
        found = await newest(db)
        if chain is None:
            assert found.status is RequestStatus.FAILED
            continue
        async with db.transaction() as tx:
            [wish] = await desired.of_charger(tx, charger.id, kind="signed_certificate")
        assert wish.wanted["chain"] == chain


async def test_a_connected_charger_is_asked_for_a_new_request_once_a_day(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    charger = await make_charger(db, vault)
    await asked(db, charger, request("CP-1"))
    await signing.sign_what_is_due(db, signer_for(db, vault, settings))
    async with db.transaction() as tx:
        [row] = await holdings.newest(tx)
        await holdings.installed(tx, row.id)
        early = await holdings.renew_what_ends(tx, before_end=timedelta(days=400))
    async with db.transaction() as tx:
        await presence.connected(tx, charger.id, node_id="n", version="1.6", address="::1")
        assert await holdings.renew_what_ends(tx, before_end=timedelta(days=30)) == 0
        asked_now = await holdings.renew_what_ends(tx, before_end=timedelta(days=400))
        again = await holdings.renew_what_ends(tx, before_end=timedelta(days=400))
        queued = await commands.list_commands(tx, charger_id=charger.id)
    assert (early, asked_now, again) == (0, 1, 0)
    assert [command.kind for command in queued] == ["request_certificate"]


async def test_a_removed_chargers_request_fails(
    db: Database, vault: Vault, settings: Settings
) -> None:
    charger = await make_charger(db, vault)
    await asked(db, charger, request("CP-1"))
    async with db.transaction() as tx:
        await registry.delete(tx, CLI, charger.id)
    await signing.sign_what_is_due(db, signer_for(db, vault, settings))
    assert (await newest(db)).reason == "charger removed"


def test_hash_data_is_that_of_ocpp(tmp_path: Path) -> None:
    """Issuer name in DER and the bits of its key, as an OCSP responder hashes them."""
    pki = Pki(tmp_path)
    data = x509s.hash_data(pki.certificate, pki.certificate)
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        pki.certificate, pki.certificate, hashes.SHA256()
    )
    made = builder.build()
    assert data.issuer_name_hash == made.issuer_name_hash.hex()
    assert data.issuer_key_hash == made.issuer_key_hash.hex()
    assert int(data.serial_number, 16) == made.serial_number


@pytest.mark.parametrize("one", ["0AB", "ab", "0xab", "00:AB"])
def test_serial_numbers_are_compared_whatever_their_form(one: str) -> None:
    assert x509s.same_serial(one, "AB")


def test_production_has_no_built_in_authority() -> None:
    values = {"environment": "production", "secret_key": "x" * 40, "database_url": "x"}
    assert FixedSettings(**values).signer is CertificateSigner.NONE  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="built-in CA is for development"):
        FixedSettings(**values, certificate_signer="built_in")  # type: ignore[arg-type]
