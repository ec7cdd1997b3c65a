"""Operators on certificates, passwords over the air, security events."""

from pathlib import Path

import httpx2
import pytest

from core.certificates import signing
from core.certificates.signers import signer_for
from core.certificates.states import CertificateUse
from core.chargers import presence, registry, security_events
from core.chargers.models import Charger
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.operators.models import Role
from tests.core.chargers.making import make_charger
from tests.ops.conftest import Login
from tests.pki import Pki, request


@pytest.fixture
async def charger(db: Database, vault: Vault) -> Charger:
    return await make_charger(db, vault)


async def connect(db: Database, charger: Charger, version: str = "2.0.1") -> None:
    async with db.transaction() as tx:
        await presence.connected(
            tx, charger.id, node_id="node-a", version=version, address="192.0.2.7"
        )


async def test_a_password_is_changed_over_the_air_and_never_shown(
    operator: httpx2.AsyncClient, db: Database, charger: Charger
) -> None:
    path = f"/operator/v1/chargers/{charger.id}/password/rotation"
    assert (await operator.get(path)).status_code == 404
    answer = await operator.post(path)
    assert (answer.status_code, answer.headers["Location"]) == (202, path)
    view = answer.json()
    assert (view["status"], view["accepted_passwords"]) == ("pending", 2)
    assert "password" not in {name for name in view if name != "accepted_passwords"}
    again = await operator.post(path)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert (await operator.get(path)).json() == view
    assert (await operator.delete(path)).status_code == 204
    assert (await operator.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        ("1.6", "ChangeConfiguration", {"key": "authorizationkey", "value": "00" * 20}),
        (
            "2.0.1",
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": "x" * 20,
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                    }
                ]
            },
        ),
    ],
)
async def test_a_raw_command_cannot_change_the_password_by_the_way(
    operator: httpx2.AsyncClient,
    db: Database,
    charger: Charger,
    version: str,
    action: str,
    payload: object,
) -> None:
    await connect(db, charger, version)
    body = {"action": action, "payload": payload}
    answer = await operator.post(f"/operator/v1/chargers/{charger.id}/commands", json=body)
    assert answer.status_code == 409
    assert "password/rotation" in answer.json()["detail"]


async def test_security_events_are_listed_for_all_and_for_one(
    operator: httpx2.AsyncClient, db: Database, vault: Vault, charger: Charger
) -> None:
    other = await make_charger(db, vault, identity="CP-2")
    async with db.transaction() as tx:
        for one in (charger, other):
            for type_ in ("TamperDetectionActivated", "Odd"):
                await security_events.reported(tx, one.id, type_=type_, at=None, tech_info=None)
    found = (await operator.get("/operator/v1/security_events")).json()["data"]
    assert [event["type"] for event in found] == ["Odd", "TamperDetectionActivated"] * 2
    path = f"/operator/v1/chargers/{charger.id}/security_events"
    answer = await operator.get(path, params={"critical": "true"})
    [event] = answer.json()["data"]
    assert (event["charger_id"], event["known"]) == (charger.id, True)
    answer = await operator.get("/operator/v1/security_events", params={"limit": 3})
    page = answer.json()
    assert page["has_more"]
    answer = await operator.get(
        "/operator/v1/security_events", params={"limit": 3, "cursor": page["next_cursor"]}
    )
    assert len(answer.json()["data"]) == 1


async def test_what_chargers_asked_to_sign_and_what_ends_soon_is_listed(
    operator: httpx2.AsyncClient, db: Database, vault: Vault, settings: Settings, charger: Charger
) -> None:
    async with db.transaction() as tx:
        use = CertificateUse.CHARGING_STATION
        await signing.ask(tx, charger, csr=request("CP-1"), use=use, organisation=None)
    await signing.sign_what_is_due(db, signer_for(db, vault, settings))
    [asked] = (await operator.get("/operator/v1/certificate_requests")).json()["data"]
    assert asked["status"] == "signed"
    path = f"/operator/v1/certificate_requests/{asked['id']}"
    assert "BEGIN CERTIFICATE REQUEST" in (await operator.get(path)).json()["csr"]
    for days, count in ((30, 0), (400, 1)):
        answer = await operator.get(
            "/operator/v1/certificates", params={"expires_within_days": days}
        )
        assert len(answer.json()["data"]) == count
    path = f"/operator/v1/certificates/{asked['certificate_id']}"
    shown = (await operator.get(path)).json()
    assert "BEGIN CERTIFICATE" in shown["chain"]
    root = (await operator.get("/operator/v1/certificates/authority")).json()
    assert shown["issuer"] == root["subject"]
    assert "PRIVATE" not in root["certificate"]


async def test_certificates_are_revoked_and_accepted_again(operator: httpx2.AsyncClient) -> None:
    path = "/operator/v1/revocations"
    answer = await operator.post(path, json={"serial_number": "0A:1b:2C", "reason": "stolen"})
    assert (answer.status_code, answer.json()["serial_number"]) == (201, "a1b2c")
    answer = await operator.post(path, json={"serial_number": "a1b2c"})
    assert answer.json()["code"] == "conflict"
    for wrong in ("", "xyz", "0", "f" * 41, "\x00"):
        answer = await operator.post(path, json={"serial_number": wrong})
        assert answer.status_code == 400, wrong
    assert len((await operator.get(path)).json()["data"]) == 1
    assert (await operator.delete(f"{path}/0a:1b:2c")).status_code == 204
    assert (await operator.delete(f"{path}/0a:1b:2c")).status_code == 404


async def test_a_root_is_wanted_shown_and_unwanted(
    operator: httpx2.AsyncClient, charger: Charger, tmp_path: Path
) -> None:
    path = f"/operator/v1/chargers/{charger.id}/certificates"
    pem = Pki(tmp_path).pem
    answer = await operator.post(path, json={"use": "csms", "certificate": pem})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    shown = (await operator.get(path)).json()
    assert [one["id"] for one in shown["wanted"]] == [answer.json()["id"]]
    assert shown["installed"] == []
    gone = await operator.delete(f"{path}/{answer.json()['id']}")
    assert (gone.status_code, gone.json()["present"]) == (202, False)
    assert (await operator.delete(f"{path}/des_none")).status_code == 404


async def test_what_is_no_certificate_is_a_precise_400(
    operator: httpx2.AsyncClient, charger: Charger, tmp_path: Path
) -> None:
    path = f"/operator/v1/chargers/{charger.id}/certificates"
    pki = Pki(tmp_path)
    expired = pki.issue("old root", days=-1).pem
    for use, pem in (
        ("csms", "nothing"),
        ("csms", "\x00"),
        ("csms", pki.pem * 2),
        ("csms", pki.pem.replace("M", "N", 3)),
        ("csms", expired),
        ("v2g_chain", pki.pem),
        ("mine", pki.pem),
    ):
        answer = await operator.post(path, json={"use": use, "certificate": pem})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter"), use


async def test_a_charger_that_is_away_cannot_be_asked(
    operator: httpx2.AsyncClient, db: Database, charger: Charger
) -> None:
    path = f"/operator/v1/chargers/{charger.id}/certificates"
    for name in ("report", "renew"):
        answer = await operator.post(f"{path}/{name}", json={})
        assert answer.json()["code"] == "charger_offline"
    await connect(db, charger)
    for name in ("report", "renew"):
        assert (await operator.post(f"{path}/{name}", json={"use": "x"})).status_code == 400
        assert (await operator.post(f"{path}/{name}", json={})).status_code == 202


async def test_only_admins_change_and_anybody_with_a_token_reads(
    login: Login, charger: Charger
) -> None:
    viewer = await login(Role.VIEWER)
    path = f"/operator/v1/chargers/{charger.id}"
    for name in ("certificates", "security_events"):
        assert (await viewer.get(f"{path}/{name}")).status_code == 200
    for target in (f"{path}/password/rotation", "/operator/v1/revocations"):
        answer = await viewer.post(target, json={"serial_number": "1"})
        assert answer.status_code == 403


async def test_setting_a_password_by_hand_still_works(
    operator: httpx2.AsyncClient, db: Database, charger: Charger
) -> None:
    path = f"/operator/v1/chargers/{charger.id}/password"
    await operator.post(f"{path}/rotation")
    assert (await operator.post(path, json={})).status_code == 200
    assert (await operator.get(f"{path}/rotation")).status_code == 404
    async with db.transaction() as tx:
        assert (await registry.get(tx, charger.id)).next_credential is None
