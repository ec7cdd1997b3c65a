"""Signed requests, as the platform demands and verifies them."""

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from voltgate_client import AsyncVoltgate, AuthenticationFailed, RequestSigner

from core.kernel.settings import Settings
from tests.clients.conftest import Line
from tests.partner_api.scenes import Party, Place


def pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "ed25519"])
async def test_every_attempt_is_signed_anew_and_taken(
    line: Line, partner: Party, place: Place, settings: Settings, algorithm: str
) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    made = await line.client.signing_keys.create(
        api_key_id=partner.key_id,
        algorithm=algorithm,
        public_key=public.decode() if algorithm == "ed25519" else None,
    )
    signer = RequestSigner(made.id, made.secret or pem(private))
    async with httpx2.AsyncClient(transport=line.way) as http:
        client = AsyncVoltgate(
            partner.key,
            settings.public_url,
            http=http,
            signer=signer,
            sleep=line.client.events._sender.sleep,
        )
        await client.api_keys.update(partner.key_id, require_signature=True)
        with pytest.raises(AuthenticationFailed) as refused:
            await line.client.partner.get()
        assert refused.value.code == "signature_required"

        line.way.seen.clear()
        line.way.faults = [lambda answer: httpx2.ReadError("lost")]
        operation = await client.start_charge(connector_id=place.connector_id)
        first, second = (request.headers["signature-input"] for request in line.way.seen)
        assert first != second, "the nonce of the first is used up"
        assert [one.id async for one in client.operations.list(limit=10)] == [operation.id]


@pytest.mark.parametrize(
    "key", ["", "sgsec_", "sgsec_?", "sesame", pem(ec.generate_private_key(ec.SECP256R1()))]
)
def test_what_is_no_key_is_said_without_it(key: str) -> None:
    with pytest.raises(ValueError, match="a signing") as refused:
        RequestSigner("sgk_1", key)
    assert "sesame" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_signer_does_not_show_its_key() -> None:
    assert repr(RequestSigner("sgk_1", "sgsec_c2VzYW1l")) == "<RequestSigner sgk_1>"
