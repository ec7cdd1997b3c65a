"""Signing requests: HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530)."""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

_TAG: Final = "voltgate"
_SECRET: Final = "sgsec_"  # noqa: S105 - the public prefix, no secret


class Signer(Protocol):
    """Signs each attempt of each request anew."""

    def __call__(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that sign a request."""


class RequestSigner:
    """Signs with a key of the platform's kinds; ``docs/partners/request-signing.md``.

    Args:
        keyid: ``sgk_...``, the id of the signing key.
        key: Its secret ``sgsec_...``, or your private Ed25519 key as PEM: that needs
            ``pip install voltgate-client[ed25519]``.

    Raises:
        ValueError: *key* is neither.
    """

    def __init__(
        self,
        keyid: str,
        key: str,
        *,
        now: Callable[[], float] = time.time,
        nonce: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        self._keyid = keyid
        self._sign = _hmac(key) if key.startswith(_SECRET) else _ed25519(key)
        self._now = now
        self._nonce = nonce

    def __call__(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        headers = {}
        covered = {"@method": method, "@target-uri": url}
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers["Content-Digest"] = covered["content-digest"] = f"sha-256=:{digest}:"
        names = " ".join(f'"{name}"' for name in covered)
        parameters = (
            f'({names});created={int(self._now())};keyid="{self._keyid}"'
            f';nonce="{self._nonce()}";tag="{_TAG}"'
        )
        lines = [f'"{name}": {value}' for name, value in covered.items()]
        base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
        signature = base64.b64encode(self._sign(base)).decode()
        return headers | {
            "Signature-Input": f"sig={parameters}",
            "Signature": f"sig=:{signature}:",
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._keyid}>"


def _hmac(key: str) -> Callable[[bytes], bytes]:
    try:
        secret = base64.b64decode(key.removeprefix(_SECRET), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not secret:  # no cause: it would show a part of the secret
        raise ValueError("a signing secret is sgsec_ and base64")
    return lambda base: hmac.digest(secret, base, "sha256")


def _ed25519(key: str) -> Callable[[bytes], bytes]:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as exc:
        raise ValueError("Ed25519 needs: pip install voltgate-client[ed25519]") from exc
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError):
        private = None
    if isinstance(private, Ed25519PrivateKey):
        return private.sign
    raise ValueError("a signing key is sgsec_..., or a private Ed25519 key as PEM")
