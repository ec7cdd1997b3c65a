"""Signed requests: what is accepted, what is refused, and who has to sign (RFC 9421)."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import select

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.partners import signing_keys
from core.partners.signing_models import signature_nonces
from partner_api.app import PartnerApp, create_app
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
    NONE,
    Fields,
    Signer,
    accepts,
    call,
    code,
    digest_of,
    hmac_signer,
    refuses,
)

ONE = pytest.mark.parametrize("backend", ["sqlite"])


@pytest.fixture
async def test_party(app: PartnerApp, db: Database, vault: Vault) -> AsyncIterator[Party]:
    async with party(app, db, vault, livemode=False) as found:
        yield found


async def test_a_signed_call_is_taken_once_and_a_changed_one_never(
    partner: Party, db: Database
) -> None:
    signer = await hmac_signer(partner, db)
    body = b'{"name": "renamed"}'
    target = f"/v1/api_keys/{partner.key_id}"
    headers = signer.headers("PATCH", target, body)
    headers["content-type"] = "application/json"

    async def send(content: bytes = body, **changed: str) -> httpx2.Response:
        return await partner.client.patch(target, content=content, headers=headers | changed)

    for answer in (
        await send(b'{"name": "stolen!"}'),
        await send(body + b" "),
        await send(b'{"name": "stolen!"}', **{"content-digest": digest_of(b'{"name": "stolen!"}')}),
        await partner.client.post("/v1/api_keys", content=body, headers=headers),
        await send(signature="sig1=:" + base64.b64encode(bytes(32)).decode() + ":"),
        await send(signature="sig1=:" + base64.b64encode(bytes(64)).decode() + ":"),
    ):
        assert code(answer) == (401, "invalid_signature"), answer.text
        assert "signature_base" not in answer.json(), "in test mode alone"

    assert (await send()).json()["name"] == "renamed"
    again = await send()
    assert code(again) == (401, "signature_replayed")
    assert again.headers["www-authenticate"] == "Bearer"


@ONE
async def test_parameters_are_checked_one_by_one(
    partner: Party, db: Database, clock: ShiftedClock, settings: Settings
) -> None:
    signer = await hmac_signer(partner, db)
    now = int(db.now().timestamp())
    for parameters, why in (
        ({"created": None}, "created is missing"),
        ({"created": "yesterday"}, "whole number"),
        ({"created": now - 310}, "more than 300 s"),
        ({"created": now + 60}, "in the future"),
        ({"created": 999_999_999_999_999}, "in the future"),
        ({"expires": now - 40}, "expired"),
        ({"expires": 1}, "expired"),
        ({"nonce": None}, "nonce"),
        ({"nonce": "short"}, "nonce"),
        ({"nonce": "n" * 129}, "nonce"),
        ({"nonce": 12345678}, "nonce"),
        ({"tag": "other"}, "tag"),
        ({"alg": "ed25519"}, "hmac-sha256"),
        ({"alg": "HMAC-SHA256"}, "hmac-sha256"),
        ({"keyid": "sgk_" + "0" * 26}, "keyid"),
        ({"keyid": None, "tag": "voltgate"}, "keyid"),
    ):
        problem = await refuses(partner, replace(signer, parameters=parameters), why)
        if why in {"in the future", "more than 300 s", "expired"}:
            assert problem["server_time"].endswith("Z")
    for fine in (
        {"created": now - 290, "expires": now + 10},
        {"created": now + 20, "tag": "voltgate"},
        {"expires": now - 5},
        {"alg": "hmac-sha256", "other": "x"},
    ):
        await accepts(partner, replace(signer, parameters=fine))

    old = signer.headers("GET", "/v1/partner")
    clock.advance(settings.signature_max_age.total_seconds() + 1)
    answer = await partner.client.get("/v1/partner", headers=old)
    assert code(answer) == (401, "invalid_signature")


@ONE
async def test_what_must_be_covered_is_named(partner: Party, db: Database) -> None:
    signer = await hmac_signer(partner, db)
    await accepts(partner, replace(signer, cover=["@authority", "@path", "@method"]))
    await accepts(partner, replace(signer, cover=["@method", "@target-uri", "@scheme", "@query"]))
    problem = await refuses(partner, replace(signer, cover=["@target-uri"]), "@method")
    assert problem["missing_components"] == ["@method"]

    async def post(signer: Signer, body: bytes, more: Fields = NONE) -> httpx2.Response:
        return await call(partner, signer, "POST", "/v1/start_charge", body, more)

    body = b'{"connector_id": "con_x"}'
    bare = replace(signer, cover=["@method", "@target-uri"])
    answer = await post(bare, body)
    assert answer.json()["missing_components"] == ["content-digest"]
    key = {"idempotency-key": "r-1"}
    answer = await post(signer, body, key)
    assert answer.json()["missing_components"] == ["idempotency-key"], "it is a part of the body"
    whole = replace(signer, cover=["@method", "@target-uri", "content-digest", "idempotency-key"])
    assert code(await post(whole, body, key)) == (404, "not_found")
    answer = await partner.client.post(
        "/v1/start_charge",
        content=body,
        headers=whole.headers("POST", "/v1/start_charge", body, key)
        | {"content-type": "application/json", "idempotency-key": "r-2"},
    )
    assert code(answer) == (401, "invalid_signature")


@ONE
async def test_the_address_is_the_one_that_partners_know(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    """Behind a proxy that ends TLS and strips a prefix."""
    public = settings.model_copy(update={"public_url": "https://Volt.example.com/charging/"})
    async with party(create_app(db, public, vault, clock), db, vault) as partner:
        signer = replace(await hmac_signer(partner, db), origin="https://volt.example.com/charging")
        target = "/v1/operations?status=failed&limit=7"
        answer = await call(partner, signer, "GET", target)
        assert answer.status_code == 200
        signer = replace(signer, origin="https://other.example.com/charging")
        assert code(await call(partner, signer, "GET", target)) == (401, "invalid_signature")
        path = replace(signer, origin="https://volt.example.com", cover=[
            "@method", "@authority", "@path", "@query",
        ])  # fmt: skip
        headers = path.headers("GET", "/charging" + target)
        answer = await partner.client.get(target, headers=headers)
        assert answer.status_code == 200, answer.text
        answer = await partner.client.get(target + "0", headers=headers)
        assert code(answer) == (401, "invalid_signature")


@ONE
async def test_a_request_may_have_signatures_of_others_and_one_of_ours_must_hold(
    partner: Party, db: Database
) -> None:
    signer = await hmac_signer(partner, db)

    async def send(*signers: Signer) -> httpx2.Response:
        each = [one.headers("GET", "/v1/partner") for one in signers]
        headers = {
            name: ", ".join(one[name] for one in each) for name in ("signature-input", "signature")
        }
        return await partner.client.get("/v1/partner", headers=headers)

    foreign = Signer(keyid="gw", sign=lambda content: b"x", created=lambda: 1, label="gw")
    second = replace(signer, label="sig2")
    assert (await send(foreign, signer)).status_code == 200
    assert (await send(signer, second)).status_code == 200
    assert code(await send(signer, replace(second, sign=lambda content: b"x"))) == (
        401,
        "invalid_signature",
    )
    assert (await send(foreign)).status_code == 200, "not signed by the partner, and need not be"
    many = [replace(signer, label=f"s{n}") for n in range(4)]
    assert code(await send(*many)) == (401, "invalid_signature")
    for wrong in ({"signature": "sig1=:AAAA:"}, {"signature-input": 'sig1=("@method")'}):
        answer = await partner.client.get("/v1/partner", headers=wrong)
        assert code(answer) == (401, "invalid_signature")


@ONE
async def test_a_signature_is_bound_to_the_api_key_that_is_shown(
    app: PartnerApp, db: Database, vault: Vault, partner: Party
) -> None:
    signer = await hmac_signer(partner, db)
    other_id, other_key = await make_key(db, vault, partner.partner_id)
    async with party(app, db, vault) as stranger, client_of(app, other_key) as client:
        other = replace(partner, key_id=other_id, key=other_key, client=client)
        await refuses(other, signer, "keyid")
        await refuses(stranger, signer, "keyid")
        await accepts(other, await hmac_signer(partner, db, other_id))
    headers = signer.headers("GET", "/v1/partner") | {"authorization": "Bearer vg_live_x"}
    answer = await partner.client.get("/v1/partner", headers=headers)
    assert code(answer) == (401, "invalid_credentials"), "whoever has no key is told that first"


async def test_a_replay_is_refused_even_if_the_first_was_refused_later(
    partner: Party, db: Database
) -> None:
    """What could not start then must not start when somebody sends it again (S14)."""
    signer = await hmac_signer(partner, db)
    body = b'{"request_id": "r-1", "connector_id": "con_00000000000000000000000000"}'
    headers = signer.headers("POST", "/v1/start_charge", body)
    headers["content-type"] = "application/json"

    async def send() -> httpx2.Response:
        return await partner.client.post("/v1/start_charge", content=body, headers=headers)

    assert code(await send()) == (404, "not_found")
    assert code(await send()) == (401, "signature_replayed")
    async with db.transaction() as tx:
        assert len(await tx.all(select(signature_nonces))) == 1


async def test_of_replays_at_once_on_two_nodes_one_passes(
    partner: Party,
    app: PartnerApp,
    db: Database,
    vault: Vault,
    settings: Settings,
    clock: ShiftedClock,
) -> None:
    signer = await hmac_signer(partner, db)
    other_node = create_app(db, settings, vault, clock)
    headers = signer.headers("GET", "/v1/partner")
    async with client_of(other_node, partner.key) as other:
        answers = await asyncio.gather(
            *(client.get("/v1/partner", headers=headers) for client in [partner.client, other] * 4)
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


@ONE
async def test_an_idempotent_retry_is_signed_anew(
    partner: Party, db: Database, vault: Vault
) -> None:
    signer = await hmac_signer(partner, db)
    place = await make_place(db, vault)
    await grant(db, place, partner.partner_id)
    body = httpx2.Request("POST", "http://x", json=start_body(place)).content
    first = await call(partner, signer, "POST", "/v1/start_charge", body)
    second = await call(partner, signer, "POST", "/v1/start_charge", body)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json()["id"] == second.json()["id"]


@ONE
async def test_nonces_are_forgotten_once_their_signatures_are_too_old(
    partner: Party, db: Database, clock: ShiftedClock, settings: Settings
) -> None:
    signer = await hmac_signer(partner, db)
    await accepts(partner, signer)
    longest = timedelta(minutes=16)  # the most that the settings allow, skew included
    assert longest < signing_keys.NONCES_KEPT
    clock.advance(longest.total_seconds())
    await accepts(partner, signer)
    async with db.transaction() as tx:
        assert await signing_keys.forget_nonces(tx) == 0
    clock.advance((signing_keys.NONCES_KEPT - longest).total_seconds() + 1)
    async with db.transaction() as tx:
        assert await signing_keys.forget_nonces(tx) == 1


@ONE
async def test_test_mode_shows_what_was_to_be_signed_and_no_secret(
    test_party: Party, db: Database
) -> None:
    signer = await hmac_signer(test_party, db)
    cover = ["@method", "@target-uri", "authorization", "x-mine"]
    wrong = replace(signer, cover=cover, sign=lambda content: b"x")
    headers = wrong.headers(
        "GET", "/v1/partner?", more={"authorization": f"Bearer {test_party.key}", "x-mine": "a"}
    )
    answer = await test_party.client.get("/v1/partner", headers=headers)
    assert code(answer) == (401, "invalid_signature")
    base = answer.json()["signature_base"].split("\n")
    assert base[:4] == [
        '"@method": GET',
        '"@target-uri": http://127.0.0.1:8080/v1/partner',
        '"authorization": (not shown)',
        '"x-mine": a',
    ]
    assert base[4].startswith('"@signature-params": ("@method" "@target-uri" "authorization" ')
    assert test_party.key not in answer.text


@ONE
async def test_wrong_signatures_count_to_the_limit(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    tight = settings.model_copy(update={"requests_per_minute": 10})
    async with party(create_app(db, tight, vault, clock), db, vault) as partner:
        headers = {"signature": "x", "signature-input": "x"}
        answers = [await partner.client.get("/v1/partner", headers=headers) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert "ratelimit" in answers[0].headers


@ONE
@pytest.mark.parametrize("signature", ["", "\xff", "sig1=:AAAA:", 'sig1=:AAAA:;a="b', "((", "@1"])
async def test_garbage_is_refused_and_never_a_server_error(partner: Party, signature: str) -> None:
    for given in ("", "\xff", "sig1=()", "sig1=(\xff)", 'sig1=("@method");keyid="sgk_"', "a=@1"):
        headers = [
            (b"signature-input", given.encode("latin-1")),
            (b"signature", signature.encode("latin-1")),
        ]
        answer = await partner.client.get("/v1/partner", headers=headers)
        assert answer.status_code in {200, 401}, answer.text
