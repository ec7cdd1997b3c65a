"""Ed25519 public keys, in the forms that tools give them: PEM, JWK (RFC 8037), base64."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.kernel.errors import PlatformError

MAX_CHARS: Final = 2000

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=?", re.ASCII)
_PRIVATE: Final = (
    "public_key holds a private key. Take it as known to others: throw it away, make a new pair, "
    "and send the public half only."
)


def read(given: str | Mapping[str, Any]) -> str:
    """Return base64 of the 32 bytes of an Ed25519 public key.

    Args:
        given: PEM (``BEGIN PUBLIC KEY``), a JWK, or base64 (of either alphabet) of the 32 bytes.

    Raises:
        PlatformError: ``invalid_parameter``: it is none of these, or it is a private key.
    """
    raw = _of_jwk(given) if isinstance(given, Mapping) else _of_text(given)
    try:
        Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise _unreadable() from None
    return base64.b64encode(raw).decode()


def load(stored: str) -> Ed25519PublicKey:
    """Return the key that ``read`` returned."""
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(stored))


def _of_jwk(jwk: Mapping[str, Any]) -> bytes:
    if "d" in jwk:
        raise PlatformError("invalid_parameter", _PRIVATE)
    if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519") or not isinstance(jwk.get("x"), str):
        raise _unreadable()
    return _of_base64(jwk["x"])


def _of_text(text: str) -> bytes:
    text = text.strip()
    if len(text) > MAX_CHARS:
        raise _unreadable()
    if "PRIVATE KEY" in text:
        raise PlatformError("invalid_parameter", _PRIVATE)
    if not text.startswith("-----BEGIN"):
        return _of_base64(text)
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable() from None
    if not isinstance(key, Ed25519PublicKey):
        raise _unreadable()
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _of_base64(text: str) -> bytes:
    if not _BASE64.fullmatch(text):
        raise _unreadable()
    return base64.b64decode(text.rstrip("=").replace("-", "+").replace("_", "/") + "=")


def _unreadable() -> PlatformError:
    return PlatformError(
        "invalid_parameter",
        "public_key is an Ed25519 public key: PEM (BEGIN PUBLIC KEY), a JWK (kty OKP, crv "
        "Ed25519), or base64 of its 32 bytes.",
    )
