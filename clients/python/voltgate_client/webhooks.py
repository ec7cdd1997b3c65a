"""Receiving webhooks: is it signed, and what does it say (Standard Webhooks 1.0.0)."""

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from voltgate_client._events import decode_event
from voltgate_client.errors import InvalidSignature, UnexpectedAnswer
from voltgate_client.models import Event

TOLERANCE: Final = timedelta(minutes=5)
_VERSION: Final = b"v1,"


def verify_webhook(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance: timedelta = TOLERANCE,
    now: Callable[[], float] = time.time,
) -> Event:
    """Return the event of a webhook that was signed with *secret* just now.

    Args:
        body: The raw bytes as they came, before any JSON parser has touched them.
        headers: Of the request; names in any case.
        secret: ``whsec_...``; several while you change it.
        tolerance: How far its time may be off, both ways.
        now: Unix seconds.

    Raises:
        InvalidSignature: It was not; answer with 401. The message says why.
        ValueError: *secret* is not one.
    """
    raw = body.encode() if isinstance(body, str) else body
    given = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp, signatures = (
        given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    if not (message_id and timestamp and signatures):
        raise InvalidSignature("webhook-id, webhook-timestamp or webhook-signature is missing")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):  # noqa: PLR2004
        raise InvalidSignature("webhook-timestamp is not a number")
    if abs(now() - int(timestamp)) > tolerance.total_seconds():
        raise InvalidSignature("the timestamp is too old or too new")
    content = f"{message_id}.{timestamp}.".encode() + raw
    expected = [_signature(_key(one), content) for one in _all(secret)]
    offered = signatures.encode().split()
    # every pair is compared, so that the time tells nothing
    if not sum(hmac.compare_digest(one, other) for one in expected for other in offered):
        raise InvalidSignature("no signature matches")
    try:
        return decode_event(raw)
    except msgspec.DecodeError as exc:
        raise UnexpectedAnswer(f"what was signed is not an event: {exc}") from exc


def _all(secret: str | Sequence[str]) -> Sequence[str]:
    secrets = [secret] if isinstance(secret, str) else secret
    if not secrets:
        raise ValueError("at least one webhook secret is needed")
    return secrets


def _signature(key: bytes, content: bytes) -> bytes:
    return _VERSION + base64.b64encode(hmac.digest(key, content, "sha256"))


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:  # no cause: it would show a part of the secret
        raise ValueError("a webhook secret is whsec_ and base64")
    return key
