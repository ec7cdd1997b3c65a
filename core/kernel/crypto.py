"""Secrets at rest: HMAC for what is only compared or looked up, a key ring to read back."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.kernel.settings import Settings

_NONCE_BYTES: Final = 12
_SALT_BYTES: Final = 16


class SecretHasher:
    """Stores random secrets of high entropy (API keys, charger keys), never passwords of people.

    A salted HMAC-SHA256 with a pepper is enough for 160 random bits and costs microseconds, so a
    reconnect of ten thousand chargers is not ten thousand key derivations.
    """

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper
        self._dummy = self.hash(os.urandom(20))

    def hash(self, secret: bytes) -> str:
        """Return ``v1$<salt>$<digest>``, both in hex, for storage."""
        salt = os.urandom(_SALT_BYTES)
        return f"v1${salt.hex()}${self._digest(salt, secret)}"

    def matches(self, secret: bytes, stored: str | None) -> bool:
        """Tell whether *secret* is the stored one, in the same time whether or not one exists."""
        _, salt, digest = (stored or self._dummy).split("$")
        same = hmac.compare_digest(self._digest(bytes.fromhex(salt), secret), digest)
        return same and stored is not None

    def fingerprint(self, secret: bytes) -> str:
        """Return the same hex digits for the same secret: for what is found by its value.

        Without salt, so equal secrets show as equal; without the pepper nobody can try values.
        """
        return hmac.digest(self._pepper, b"fingerprint\0" + secret, hashlib.sha256).hex()

    def _digest(self, salt: bytes, secret: bytes) -> str:
        return hmac.digest(self._pepper, salt + secret, hashlib.sha256).hex()


class Undecryptable(Exception):
    """The value was encrypted with a key that is not on the ring, or was altered."""


class KeyRing:
    """AES-256-GCM with named keys; the first encrypts, all decrypt, so keys can rotate."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self._current = keys[0][0]
        self._ciphers = {name: AESGCM(_derive(secret, b"at rest")) for name, secret in keys}

    def encrypt(self, text: str, *, context: str) -> str:
        """Return ``<key name>:<base64>``; *context* (table and id) must match at decryption."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, text.encode(), context.encode())
        return f"{self._current}:{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, stored: str, *, context: str) -> str:
        """Return the text.

        Raises:
            Undecryptable: Unknown key name, other context, or altered bytes.
        """
        name, _, data = stored.partition(":")
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise Undecryptable(f"no encryption key named {name!r}")
        raw = base64.b64decode(data)
        try:
            text = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
        except InvalidTag as exc:
            raise Undecryptable(f"the value does not open with key {name!r}") from exc
        return text.decode()

    def needs_rotation(self, stored: str) -> bool:
        """Tell whether *stored* was encrypted with a key that is no longer the first."""
        return stored.partition(":")[0] != self._current


class Vault:
    """The two ways of keeping a secret, built from the settings."""

    def __init__(self, settings: Settings) -> None:
        root = settings.secret_key.get_secret_value().encode()
        self.hasher = SecretHasher(_derive(root, b"pepper"))
        ring = [_named(key.get_secret_value()) for key in settings.encryption_keys]
        self.ring = KeyRing(ring or [("k0", root)])


def _named(text: str) -> tuple[str, bytes]:
    name, separator, secret = text.partition(":")
    if not (name and separator and secret):
        raise ValueError("VOLTGATE_ENCRYPTION_KEYS is a list of id:secret")
    return name, secret.encode()


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), length=32, salt=None, info=b"voltgate " + purpose).derive(secret)
