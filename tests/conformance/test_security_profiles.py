"""A05 and the 1.6 whitepaper's upgrade of the security profile; a new certificate on request."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.audit.service import CLI
from core.certificates import holdings, signing, x509s
from core.certificates.signers import signer_for
from core.certificates.states import CertificateUse
from core.chargers import registry, security_events
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from tests.conformance.support import QUIET, ask_raw, booted, charger_of, done
from tests.csms.live import AT, PASSWORD, Running
from tests.csms.secure import client_context, dial, outcome, secure
from tests.pki import ORGANISATION, Pki, key_pem, new_key, request

PROFILE = {"key": "SecurityProfile", "value": "2"}
NETWORK = {
    "configurationSlot": 2,
    "connectionData": {
        "messageTimeout": 30,
        "ocppCsmsUrl": "wss://csms.example.com/ocpp",
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "ocppVersion": "OCPP20",
        "securityProfile": 2,
    },
}
UPGRADE: dict[str, tuple[str, dict[str, Any]]] = {
    "1.6": ("ChangeConfiguration", PROFILE),
    "2.0.1": ("SetNetworkProfile", NETWORK),
}


@pytest.fixture
async def server(
    db: Database, settings: Settings, vault: Vault, pki: Pki
) -> AsyncIterator[Running]:
    """The server, over TLS, too."""
    async with secure(db, settings, vault, pki) as running:
        yield running


async def upgraded(server: Running, version: str, status: str) -> None:
    action, payload = UPGRADE[version]
    async with booted(server, version, replies={action: {"status": status}}):
        row = await done(server, await ask_raw(server, action, payload))
    assert row.response == {"status": status}


@pytest.mark.ocpp("1.6", "ChangeConfiguration")
@pytest.mark.ocpp("2.0.1", "SetNetworkProfile")
async def test_an_accepted_upgrade_holds_once_the_charger_has_come_with_it(
    server: Running, pki: Pki, version: str
) -> None:
    await upgraded(server, version, "Accepted")
    subprotocol = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}[version]
    assert (await charger_of(server)).security_profile == 1
    code = await outcome(server, client_context(pki), password=PASSWORD, version=subprotocol)
    assert code == 101
    assert (await charger_of(server)).security_profile == 2
    assert await outcome(server, None, password=PASSWORD, version=subprotocol) == 401


@pytest.mark.ocpp("1.6", "ChangeConfiguration")
@pytest.mark.ocpp("2.0.1", "SetNetworkProfile")
async def test_a_rejected_upgrade_changes_nothing(server: Running, version: str) -> None:
    await upgraded(server, version, "Rejected")
    assert (await charger_of(server)).security_profile == 1
    subprotocol = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}[version]
    assert await outcome(server, None, password=PASSWORD, version=subprotocol) == 101


@pytest.mark.ocpp("1.6", "SignCertificate")
@pytest.mark.ocpp("1.6", "CertificateSigned")
@pytest.mark.ocpp("2.0.1", "SignCertificate")
@pytest.mark.ocpp("2.0.1", "CertificateSigned")
async def test_a_charger_gets_a_certificate_and_comes_back_with_profile_3(
    server: Running, pki: Pki, version: str, tmp_path: Path
) -> None:
    key = new_key()
    trigger = {"1.6": "ExtendedTriggerMessage", "2.0.1": "TriggerMessage"}[version]
    replies = {trigger: {"status": "Accepted"}, "CertificateSigned": {"status": "Accepted"}}
    async with booted(server, version, replies=replies) as cp:
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            await holdings.renew(tx, CLI, row, CertificateUse.CHARGING_STATION)
        await cp.called(trigger)
        csr = request("CP-1", organisation=ORGANISATION, key=key)
        await cp.result("SignCertificate", {"csr": csr})
        signer = signer_for(server.db, server.vault, server.settings)
        await signing.sign_what_is_due(server.db, signer)
        chain = (await cp.called("CertificateSigned"))[3]["certificateChain"]
    path = tmp_path / "mine.pem"
    path.write_bytes(chain.encode() + key_pem(key))
    subprotocol = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}[version]
    async with dial(server, client_context(pki, path), version=subprotocol) as socket:
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        if version == "2.0.1":
            station = {"model": "M", "vendorName": "V"}
            boot = {"chargingStation": station, "reason": "PowerUp"}  # type: ignore[dict-item]
        await socket.send(json.dumps([2, "b", "BootNotification", boot]))
        assert json.loads(await socket.recv())[2]["status"] == "Accepted"
    assert (await charger_of(server)).security_profile == 3
    assert await outcome(server, client_context(pki), password=PASSWORD) == 401


@pytest.mark.ocpp("1.6", "SignCertificate")
async def test_a_certificate_of_one_charger_opens_the_door_for_no_other(
    server: Running, pki: Pki, tmp_path: Path
) -> None:
    """Two chargers claim one serial number; the certificate was signed for the first."""
    key, serial = new_key(), "SN-1"
    boot = {
        "chargePointVendor": "V",
        "chargePointModel": "M",
        "chargePointSerialNumber": serial,
    }
    replies = QUIET | {"CertificateSigned": {"status": "Accepted"}}
    async with booted(server, replies=replies) as cp:
        await cp.result("BootNotification", boot)
        await cp.result("SignCertificate", {"csr": request(serial, key=key)})
        signer = signer_for(server.db, server.vault, server.settings)
        await signing.sign_what_is_due(server.db, signer)
        chain = (await cp.called("CertificateSigned"))[3]["certificateChain"]
    async with booted(server, identity="CP-2", replies=dict(QUIET)) as cp:
        await cp.result("BootNotification", boot)
    path = tmp_path / "mine.pem"
    path.write_bytes(chain.encode() + key_pem(key))
    other = await charger_of(server, "CP-2")
    async with server.db.transaction() as tx:
        await registry.update(tx, CLI, other.id, {"security_profile": 3})
    assert await outcome(server, client_context(pki, path), identity="CP-2") == 401
    assert await outcome(server, client_context(pki, path)) == 101
    assert x509s.common_names(x509s.read_chain(chain)[0].subject) == [serial]


@pytest.mark.ocpp("1.6", "CertificateSigned")
@pytest.mark.ocpp("1.6", "SecurityEventNotification")
async def test_a_charger_that_finds_its_certificate_invalid_says_so(server: Running) -> None:
    replies = {"CertificateSigned": {"status": "Rejected"}}
    async with booted(server, replies=replies) as cp:
        await cp.result("SignCertificate", {"csr": request("CP-1")})
        signer = signer_for(server.db, server.vault, server.settings)
        await signing.sign_what_is_due(server.db, signer)
        await cp.called("CertificateSigned")
        event = {"type": "InvalidChargePointCertificate", "timestamp": AT}
        assert await cp.result("SecurityEventNotification", event) == {}
    async with server.db.transaction() as tx:
        [found] = await security_events.newest(tx, critical=True)
    assert found.type == "InvalidChargePointCertificate"
