"""Signs requests as a partner would, without the code that verifies them (RFC 9421, RFC 9530)."""

import base64
import hashlib
import hmac
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.kernel.db import Database
from tests.partner_api.scenes import Party

Sign = Callable[[bytes], bytes]
Fields = Mapping[str, str]
NONE: Fields = {}
_nonces = itertools.count(1)


def with_hmac(secret: str) -> Sign:
    key = base64.b64decode(secret.removeprefix("sgsec_"))
    return lambda content: hmac.digest(key, content, hashlib.sha256)


def with_ed25519(private: Ed25519PrivateKey) -> Sign:
    return private.sign


def pem_of(private: Ed25519PrivateKey) -> str:
    encoding, format_ = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(encoding, format_).decode()


def digest_of(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A signing key, in the hands of a partner.

    *origin* is the address that the platform is known by.
    """

    keyid: str
    sign: Sign
    created: Callable[[], float]
    origin: str = "http://127.0.0.1:8080"
    label: str = "sig1"
    cover: Sequence[str] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def headers(
        self, method: str, target: str, body: bytes = b"", more: Fields = NONE
    ) -> dict[str, str]:
        """Return the headers to send with a request; *more* are other headers of it."""
        fields = dict(more)
        if body:
            fields.setdefault("content-digest", digest_of(body))
        cover = self.cover
        if cover is None:
            cover = ["@method", "@target-uri", *(["content-digest"] if body else [])]
        given = {
            "created": int(self.created()),
            "keyid": self.keyid,
            "nonce": f"nonce-{next(_nonces):08}",
            **self.parameters,
        }
        path, mark, query = target.partition("?")
        values = fields | {
            "@method": method,
            "@target-uri": self.origin + target,
            "@authority": self.origin.partition("//")[2],
            "@scheme": self.origin.partition(":")[0],
            "@path": path,
            "@query": f"?{query}",
            "@request-target": path + mark + query,
        }
        params = "(" + " ".join(f'"{name}"' for name in cover) + ")"
        for name, value in given.items():
            if value is not None:
                params += f";{name}=" + (f'"{value}"' if isinstance(value, str) else str(value))
        lines = [f'"{name}": {values[name]}' for name in cover]
        base = "\n".join([*lines, f'"@signature-params": {params}'])
        signature = base64.b64encode(self.sign(base.encode())).decode()
        return fields | {
            "signature-input": f"{self.label}={params}",
            "signature": f"{self.label}=:{signature}:",
        }


async def call(
    party_: Party,
    signer: Signer | None,
    method: str,
    target: str,
    body: bytes = b"",
    more: Fields = NONE,
) -> httpx2.Response:
    headers = {} if signer is None else signer.headers(method, target, body, more)
    if body:
        headers["content-type"] = "application/json"
    return await party_.client.request(method, target, content=body, headers={**headers, **more})


async def hmac_signer(party_: Party, db: Database, key_id: str | None = None) -> Signer:
    made = await party_.client.post(
        "/v1/signing_keys",
        json={"api_key_id": key_id or party_.key_id, "algorithm": "hmac-sha256"},
    )
    assert made.status_code == 201, made.text
    return Signer(
        keyid=made.json()["id"],
        sign=with_hmac(made.json()["secret"]),
        created=lambda: db.now().timestamp(),
    )


def code(answer: httpx2.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("code")


async def accepts(party_: Party, signer: Signer) -> httpx2.Response:
    answer = await call(party_, signer, "GET", "/v1/partner")
    assert answer.status_code == 200, answer.text
    return answer


async def refuses(party_: Party, signer: Signer, why: str = "") -> dict[str, Any]:
    answer = await call(party_, signer, "GET", "/v1/partner")
    assert code(answer) == (401, "invalid_signature"), answer.text
    problem: dict[str, Any] = answer.json()
    assert why in problem["detail"]
    return problem
