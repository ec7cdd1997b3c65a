"""Signatures of outgoing webhooks (Standard Webhooks 1.0.0)."""

import base64
import binascii
import hashlib
import hmac
import secrets as system_random
from collections.abc import Callable, Sequence
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 (the public prefix, no secret)
SECRET_BYTES: Final = 32


def new_secret(random_bytes: Callable[[int], bytes] = system_random.token_bytes) -> str:
    """Return ``whsec_`` followed by base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(random_bytes(SECRET_BYTES)).decode()


def sign(secrets: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the ``webhook-signature`` header: one ``v1,<base64>`` per secret, newest first.

    Args:
        secrets: ``whsec_...`` strings; more than one while an old secret still overlaps.
        message_id: Value of ``webhook-id``; the same on every attempt. Without a dot, which
            separates the signed parts.
        timestamp: Value of ``webhook-timestamp``: Unix seconds of this attempt.
        body: The exact bytes that are sent.

    Raises:
        ValueError: no secret, a malformed one, or an id with a dot. No secret is in the message.
    """
    if not secrets:
        raise ValueError("at least one secret is needed to sign")
    if not message_id or "." in message_id:
        raise ValueError("a message id is not empty and has no dot")
    content = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_digest(_key(secret), content)}" for secret in secrets)


def is_secret(text: str) -> bool:
    """Tell whether *text* is a secret that ``sign`` takes."""
    try:
        _key(text)
    except ValueError:
        return False
    return True


def _digest(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError("a webhook secret begins with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        # `from None`: the cause would carry a part of the secret into a traceback (S19)
        raise ValueError("a webhook secret is base64 after whsec_") from None
    if not key:
        raise ValueError("a webhook secret is not empty")
    return key
