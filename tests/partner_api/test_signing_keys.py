"""Signing keys, and who has to sign."""

import asyncio
import base64
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from starlette.types import Message
from structlog.testing import capture_logs

from core.audit import service as audit
from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.operations import service as operations
from core.partners import service as partners
from core.partners import signing_keys
from core.partners.scopes import Scope
from core.partners.signing_models import signing_keys as table
from partner_api.app import PartnerApp, create_app
from tests.eventually import eventually
from tests.partner_api.scenes import (
    Party,
    client_of,
    grant,
    make_key,
    make_place,
    party,
    start_body,
)
from tests.partner_api.signing import (
    Signer,
    accepts,
    call,
    code,
    hmac_signer,
    pem_of,
    refuses,
    with_ed25519,
    with_hmac,
)

ONE = pytest.mark.parametrize("backend", ["sqlite"])


async def test_an_ed25519_key_comes_in_three_forms_and_verifies(
    partner: Party, db: Database
) -> None:
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes_raw()
    plain = base64.b64encode(raw).decode()
    urlsafe = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    for form in (
        pem_of(private),
        pem_of(private).replace("\n", "\r\n") + "\n",
        plain,
        urlsafe,
        {"kty": "OKP", "crv": "Ed25519", "x": urlsafe, "kid": "mine"},
    ):
        made = await partner.client.post(
            "/v1/signing_keys",
            json={"api_key_id": partner.key_id, "algorithm": "ed25519", "public_key": form},
        )
        assert made.status_code == 201, made.text
        assert (made.json()["public_key"], made.json()["secret"]) == (plain, None)
        signer = Signer(
            keyid=made.json()["id"],
            sign=with_ed25519(private),
            created=lambda: db.now().timestamp(),
        )
        await accepts(partner, signer)
        await accepts(partner, replace(signer, parameters={"alg": "ed25519"}))
        await refuses(partner, replace(signer, sign=Ed25519PrivateKey.generate().sign))
        await refuses(partner, replace(signer, sign=lambda content: b"short"))
    await refuses(partner, replace(signer, parameters={"alg": "hmac-sha256"}), "ed25519")


@ONE
@pytest.mark.parametrize(
    ("given", "detail"),
    [
        ({"algorithm": "ed25519"}, "needs public_key"),
        ({"algorithm": "hmac-sha256", "public_key": "x"}, "ed25519 alone"),
        ({"algorithm": "rsa-pss-sha512"}, "algorithm"),
        ({"algorithm": "ed25519", "public_key": "x"}, "PEM"),
        ({"algorithm": "ed25519", "public_key": "A" * 44}, "PEM"),
        ({"algorithm": "ed25519", "public_key": 7}, "public_key"),
        ({"algorithm": "ed25519", "public_key": {}}, "JWK"),
        ({"algorithm": "ed25519", "public_key": {"kty": "OKP", "crv": "X25519", "x": "A"}}, "JWK"),
        ({"algorithm": "ed25519", "public_key": {"d": "AAAA", "x": "AAAA"}}, "private key"),
        (
            {"algorithm": "ed25519", "public_key": "-----BEGIN PRIVATE KEY-----\nAAAA"},
            "private key",
        ),
        ({"algorithm": "ed25519", "public_key": "-----BEGIN PUBLIC KEY-----\nAAAA"}, "PEM"),
    ],
)
async def test_odd_signing_keys_are_refused(
    partner: Party, given: dict[str, Any], detail: str
) -> None:
    answer = await partner.client.post(
        "/v1/signing_keys", json={"api_key_id": partner.key_id} | given
    )
    assert code(answer) == (400, "invalid_parameter")
    assert detail in answer.text


@ONE
async def test_signing_keys_rotate_with_an_overlap_and_are_revoked_at_once(
    partner: Party, db: Database, clock: ShiftedClock
) -> None:
    old = await hmac_signer(partner, db)
    rotated = await partner.client.post(
        f"/v1/signing_keys/{old.keyid}/rotate", json={"overlap_hours": 1}
    )
    assert rotated.status_code == 201
    new = replace(old, keyid=rotated.json()["id"], sign=with_hmac(rotated.json()["secret"]))
    await accepts(partner, old)
    await accepts(partner, new)
    await refuses(partner, replace(old, sign=new.sign))
    clock.advance(3601)
    await refuses(partner, old, "keyid")
    await accepts(partner, new)
    again = await partner.client.post(f"/v1/signing_keys/{old.keyid}/rotate")
    assert code(again) == (409, "conflict")

    revoked = await partner.client.post(f"/v1/signing_keys/{new.keyid}/revoke")
    assert revoked.json()["revoked_at"] is not None
    await refuses(partner, new, "keyid")
    again = await partner.client.post(f"/v1/signing_keys/{new.keyid}/revoke")
    assert code(again) == (409, "conflict")

    listed = (await partner.client.get(f"/v1/signing_keys?api_key_id={partner.key_id}")).json()
    assert [one["id"] for one in listed["data"]] == [old.keyid, new.keyid]
    assert all(one["last_used_at"] for one in listed["data"])
    assert "secret" not in str(listed)
    async with db.transaction() as tx:
        trail = [
            entry.action
            for id_ in (old.keyid, new.keyid)
            for entry in await audit.entries(tx, object_id=id_, before_number=None, limit=9)
        ]
        (stored, _) = await tx.scalars(select(table.c.secret))
    assert trail == ["signing_key.rotated", "signing_key.created", "signing_key.revoked"]
    assert stored.startswith("k0:"), "encrypted at rest (S22)"


@ONE
async def test_a_rotated_api_key_keeps_its_signing_keys_and_what_it_requires(
    app: PartnerApp, partner: Party, db: Database
) -> None:
    signer = await hmac_signer(partner, db)
    target = f"/v1/api_keys/{partner.key_id}"
    changed = await call(partner, signer, "PATCH", target, b'{"require_signature": true}')
    assert changed.json()["require_signature"] is True
    rotated = await call(partner, signer, "POST", f"{target}/rotate", b'{"overlap_hours": 1}')
    assert rotated.json()["require_signature"] is True
    async with client_of(app, rotated.json()["secret"]) as client:
        new = replace(partner, key_id=rotated.json()["id"], client=client)
        assert code(await call(new, None, "GET", "/v1/partner")) == (401, "signature_required")
        await accepts(new, signer)
        await accepts(partner, signer)
        listed = await call(new, signer, "GET", f"/v1/signing_keys?api_key_id={new.key_id}")
        assert [one["id"] for one in listed.json()["data"]] == [signer.keyid]


@ONE
async def test_a_key_that_requires_signatures_is_of_no_use_without(
    app: PartnerApp, partner: Party, db: Database, vault: Vault
) -> None:
    target = f"/v1/api_keys/{partner.key_id}"
    early = await partner.client.patch(target, json={"require_signature": True})
    assert code(early) == (409, "conflict"), "nobody could sign"
    signer = await hmac_signer(partner, db)
    assert (await partner.client.patch(target, json={"require_signature": True})).status_code == 200
    for method, path in (
        ("GET", "/v1/partner"),
        ("GET", "/v1/stations"),
        ("GET", "/v1/events/stream"),
        ("POST", "/v1/stop_charge"),
        ("POST", "/v1/signing_keys"),
    ):
        answer = await partner.client.request(method, path, json={})
        assert code(answer) == (401, "signature_required"), path
    assert (await accepts(partner, signer)).json()["signs_requests"] is True

    _, other_key = await make_key(db, vault, partner.partner_id)
    async with client_of(app, other_key) as other:
        for method, path, body in (
            ("PATCH", target, {"require_signature": False}),
            ("PATCH", target, {"name": "x"}),
            (
                "POST",
                "/v1/signing_keys",
                {"api_key_id": partner.key_id, "algorithm": "hmac-sha256"},
            ),
            ("POST", f"/v1/signing_keys/{signer.keyid}/rotate", {}),
        ):
            answer = await other.request(method, path, json=body)
            assert code(answer) == (401, "signature_required"), "no way around it"
        assert (await other.get("/v1/partner")).status_code == 200
    answer = await call(partner, signer, "PATCH", target, b'{"require_signature": false}')
    assert answer.status_code == 200
    assert (await partner.client.get("/v1/partner")).status_code == 200


@ONE
@pytest.mark.parametrize("by", ["operator", "settings"])
async def test_live_control_calls_must_be_signed_where_the_operator_says_so(
    app: PartnerApp,
    db: Database,
    vault: Vault,
    settings: Settings,
    clock: ShiftedClock,
    by: str,
) -> None:
    if by == "settings":
        app = create_app(db, settings.model_copy(update={"require_signatures": True}), vault, clock)
    async with party(app, db, vault) as partner:
        place = await make_place(db, vault)
        await grant(db, place, partner.partner_id)
        if by == "operator":
            async with db.transaction() as tx:
                await partners.sign_control(tx, CLI, partner_id=partner.partner_id, required=True)
        shown = (await partner.client.get("/v1/partner")).json()
        assert (shown["signs_live_control"], shown["signs_requests"]) == (True, False)
        signer = await hmac_signer(partner, db)  # the first one is attached without
        for path in (
            "/v1/start_charge",
            "/v1/stop_charge",
            "/v1/reserve",
            "/v1/cancel_reservation",
            "/v1/unlock_connector",
            "/v1/operations/op_00000000000000000000000000/cancel",
        ):
            answer = await partner.client.post(path, json={})
            assert code(answer) == (401, "signature_required"), path
        for path in ("/v1/stations", "/v1/operations", "/v1/api_keys", "/v1/signing_keys"):
            assert (await partner.client.get(path)).status_code == 200
        attach = {"api_key_id": partner.key_id, "algorithm": "hmac-sha256"}
        for path, body in (
            ("/v1/signing_keys", attach),
            ("/v1/api_keys", {"name": "x", "scopes": ["keys:manage"]}),
            (f"/v1/api_keys/{partner.key_id}/rotate", {}),
        ):
            answer = await partner.client.post(path, json=body)
            assert code(answer) == (401, "signature_required"), path

        start = httpx2.Request("POST", "http://x", json=start_body(place)).content
        started = await call(partner, signer, "POST", "/v1/start_charge", start)
        assert started.status_code == 202
        stop = b'{"request_id": "s-1", "start_request_id": "app-1"}'
        assert (await call(partner, signer, "POST", "/v1/stop_charge", stop)).status_code == 202

        _test_id, test_key = await make_key(db, vault, partner.partner_id, livemode=False)
        async with client_of(app, test_key) as test:
            answer = await test.post("/v1/stop_charge", json={})
            assert code(answer) == (400, "missing_request_id"), "test mode needs none"
        if by == "operator":
            async with db.transaction() as tx:
                await partners.sign_control(tx, CLI, partner_id=partner.partner_id, required=False)
            answer = await partner.client.post("/v1/stop_charge", json={})
            assert code(answer) == (400, "missing_request_id"), "from the next call on"


@ONE
async def test_signing_keys_are_bounded_and_need_the_right(
    app: PartnerApp, partner: Party, db: Database, vault: Vault
) -> None:
    for _ in range(signing_keys.MAX_ACTIVE):
        await hmac_signer(partner, db)
    attach = {"api_key_id": partner.key_id, "algorithm": "hmac-sha256"}
    assert code(await partner.client.post("/v1/signing_keys", json=attach)) == (409, "conflict")
    _, small_key = await make_key(
        db, vault, partner.partner_id, scopes=(Scope.KEYS_MANAGE, Scope.STATIONS_READ)
    )
    _, reader_key = await make_key(db, vault, partner.partner_id, scopes=(Scope.STATIONS_READ,))
    async with client_of(app, small_key) as small, client_of(app, reader_key) as reader:
        for client in (small, reader):
            answer = await client.post("/v1/signing_keys", json=attach)
            assert code(answer) == (403, "insufficient_scope")
        assert (await small.get("/v1/signing_keys")).status_code == 200
        assert (await reader.get("/v1/signing_keys")).status_code == 403


@ONE
async def test_who_cannot_sign_any_more_may_begin_again(
    app: PartnerApp, partner: Party, db: Database, vault: Vault
) -> None:
    """A signing key of an API key that has ended, or a revoked one, signs nothing."""
    async with db.transaction() as tx:
        await partners.sign_control(tx, CLI, partner_id=partner.partner_id, required=True)
    other_id, _ = await make_key(db, vault, partner.partner_id)
    await hmac_signer(partner, db, other_id)
    attach = {"api_key_id": partner.key_id, "algorithm": "hmac-sha256"}
    refused = await partner.client.post("/v1/signing_keys", json=attach)
    assert code(refused) == (401, "signature_required")
    async with db.transaction() as tx:
        await partners.revoke_key(tx, CLI, partner_id=partner.partner_id, key_id=other_id)
    made = await partner.client.post("/v1/signing_keys", json=attach)
    assert made.status_code == 201
    refused = await partner.client.post("/v1/signing_keys", json=attach)
    assert code(refused) == (401, "signature_required")
    async with db.transaction() as tx:
        await signing_keys.revoke(
            tx, CLI, partner_id=partner.partner_id, signing_key_id=made.json()["id"]
        )
    assert (await partner.client.post("/v1/signing_keys", json=attach)).status_code == 201


@ONE
async def test_a_revoked_signing_key_ends_a_long_poll(
    partner: Party, db: Database, vault: Vault
) -> None:
    """What was opened with a signature goes on only as long as its key works."""
    signer = await hmac_signer(partner, db)
    place = await make_place(db, vault)
    await grant(db, place, partner.partner_id)
    started = await partner.client.post("/v1/start_charge", json=start_body(place))
    operation_id: str = started.json()["id"]
    target = f"/v1/operations/{operation_id}?wait=30"
    poll = asyncio.create_task(call(partner, signer, "GET", target))

    async def waits() -> bool:
        return operations.topic(operation_id) in db.doorbell.topics()  # type: ignore[attr-defined]

    await eventually(waits)
    revoked = await partner.client.post(f"/v1/signing_keys/{signer.keyid}/revoke")
    assert revoked.status_code == 200
    assert code(await asyncio.wait_for(poll, 5)) == (401, "invalid_signature")


@ONE
async def test_a_signed_body_that_never_ends_is_refused(app: PartnerApp) -> None:
    """The client has gone: that is no error of ours."""

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/start_charge",
        "raw_path": b"/v1/start_charge",
        "query_string": b"",
        "headers": [(b"signature", b"x"), (b"signature-input", b"x")],
        "client": ("127.0.0.1", 1),
    }
    with capture_logs() as logs:
        await app(scope, gone, send)
    assert [one["status"] for one in logs if one["event"] == "request_answered"] == ["400"]
