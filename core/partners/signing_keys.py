"""Use cases of signing keys: what a partner signs requests with, beside its API key."""

import base64
import hashlib
import hmac
import secrets as system_random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.page import Page, Slice
from core.kernel.times import rfc3339, rfc3339_or_none
from core.partners import public_keys, signing_store
from core.partners.keys import MAX_OVERLAP_HOURS, get_key
from core.partners.models import ApiKey
from core.partners.signing_models import Algorithm, SigningKey

SECRET_PREFIX: Final = "sgsec_"  # noqa: S105 (the public prefix, no secret)
SECRET_BYTES: Final = 32
MAX_ACTIVE: Final = 10
"""Signing keys of an API key that work at a time."""

NONCES_KEPT: Final = timedelta(minutes=20)
"""Longer than any signature is taken: 15 minutes at most, and a minute of clock skew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new signing key; *secret* (of HMAC) is shown now and never again."""

    key: SigningKey
    secret: str | None


async def create(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    *,
    partner_id: str,
    api_key_id: str,
    algorithm: Algorithm,
    public_key: str | Mapping[str, Any] | None = None,
    livemode: bool | None = None,
) -> Made:
    """Attach a signing key to an API key.

    Args:
        public_key: Of Ed25519, see ``public_keys``; for HMAC we make the secret.

    Raises:
        PlatformError: ``not_found`` (API key), ``invalid_parameter``; ``conflict``: the API key is
            revoked, or has ten already.
    """
    api_key = await get_key(tx, partner_id=partner_id, key_id=api_key_id, livemode=livemode)
    if api_key.revoked_at is not None:
        raise PlatformError("conflict", "The API key is revoked.")
    made = await _add(tx, vault, api_key, algorithm, public_key)
    await audit.record(tx, actor, "signing_key.created", made.key.id, after=view(made.key))
    return made


async def list_keys(
    tx: Tx,
    *,
    partner_id: str,
    livemode: bool | None = None,
    api_key_id: str | None = None,
    page: Page,
) -> Slice[SigningKey]:
    """Return one page of a partner's signing keys, ended ones included."""
    if api_key_id is not None:
        api_key_id = await _signs_for(tx, partner_id, api_key_id, livemode)
    return await signing_store.page_of(
        tx, partner_id=partner_id, livemode=livemode, api_key_id=api_key_id, page=page
    )


async def get(
    tx: Tx, *, partner_id: str, signing_key_id: str, livemode: bool | None = None
) -> SigningKey:
    """Return a signing key of a partner.

    Raises:
        PlatformError: ``not_found``.
    """
    key = await signing_store.get(tx, signing_key_id, partner_id=partner_id, livemode=livemode)
    if key is None:
        raise not_found("signing key")
    return key


async def rotate(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    *,
    partner_id: str,
    signing_key_id: str,
    overlap_hours: int,
    public_key: str | Mapping[str, Any] | None = None,
    livemode: bool | None = None,
) -> Made:
    """Make another of the same algorithm; the old one works for *overlap_hours* (0..168) more.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``; ``conflict``: it has ended.
    """
    if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
        raise PlatformError("invalid_parameter", f"overlap_hours is 0 to {MAX_OVERLAP_HOURS}.")
    old = await get(tx, partner_id=partner_id, signing_key_id=signing_key_id, livemode=livemode)
    until = tx.now + timedelta(hours=overlap_hours)
    if overlap_hours == 0:
        changed = await signing_store.change(tx, old.id, revoked_at=tx.now)
    else:
        ends = until if old.expires_at is None else min(until, old.expires_at)
        changed = await signing_store.change(tx, old.id, expires_at=ends)
    if changed is None:
        raise _ended()
    api_key = await get_key(tx, partner_id=partner_id, key_id=old.api_key_id, livemode=livemode)
    made = await _add(tx, vault, api_key, old.algorithm, public_key)
    await audit.record(
        tx, actor, "signing_key.rotated", old.id, before=view(old), after=view(made.key)
    )
    return made


async def revoke(
    tx: Tx, actor: Actor, *, partner_id: str, signing_key_id: str, livemode: bool | None = None
) -> SigningKey:
    """End a signing key at once and for ever.

    Raises:
        PlatformError: ``not_found``; ``conflict``: it has ended already.
    """
    before = await get(tx, partner_id=partner_id, signing_key_id=signing_key_id, livemode=livemode)
    key = await signing_store.change(tx, before.id, revoked_at=tx.now)
    if key is None:
        raise _ended()
    await audit.record(tx, actor, "signing_key.revoked", key.id, before=view(before))
    return key


async def can_sign(tx: Tx, *, partner_id: str, livemode: bool) -> bool:
    """Tell whether a partner can sign at all in a mode."""
    return await signing_store.can_sign(tx, partner_id=partner_id, livemode=livemode)


async def active(tx: Tx, signing_key_id: str, *, api_key_id: str) -> SigningKey | None:
    """Return a signing key that works at this moment, for just this API key."""
    return await signing_store.active(tx, signing_key_id, api_key_id=api_key_id)


def verifies(vault: Vault, key: SigningKey, content: bytes, signature: bytes) -> bool:
    """Tell whether *signature* is this key's over *content*, in a time that tells nothing."""
    if key.algorithm is Algorithm.ED25519:
        assert key.public_key is not None  # noqa: S101 - written with the row
        try:
            public_keys.load(key.public_key).verify(signature, content)
        except InvalidSignature:
            return False
        return True
    assert key.secret is not None  # noqa: S101 - written with the row
    secret = base64.b64decode(vault.ring.decrypt(key.secret, context=_context(key.id)))
    return hmac.compare_digest(hmac.digest(secret, content, hashlib.sha256), signature)


async def use(tx: Tx, key: SigningKey, *, nonce: str) -> bool:
    """Note that a request was signed with a key and a nonce; ``False``: it is a replay.

    It has to be committed before anything else is done with the request: else a request that was
    refused later could be sent again by whoever saw it.
    """
    if not await signing_store.use_nonce(tx, signing_key_id=key.id, nonce=nonce):
        return False
    await signing_store.note_use(tx, key)
    return True


async def forget_nonces(tx: Tx) -> int:
    """Delete nonces whose signatures are too old to be taken; return how many."""
    return await signing_store.forget_nonces(tx, before=tx.now - NONCES_KEPT)


def view(key: SigningKey) -> dict[str, Any]:
    """Return a signing key as JSON; never its secret."""
    return {
        "id": key.id,
        "object": "signing_key",
        "livemode": key.livemode,
        "api_key_id": key.api_key_id,
        "algorithm": key.algorithm.value,
        "public_key": key.public_key,
        "expires_at": rfc3339_or_none(key.expires_at),
        "revoked_at": rfc3339_or_none(key.revoked_at),
        "last_used_at": rfc3339_or_none(key.last_used_at),
        "created_at": rfc3339(key.created_at),
        "updated_at": rfc3339(key.updated_at),
    }


async def _add(
    tx: Tx,
    vault: Vault,
    api_key: ApiKey,
    algorithm: Algorithm,
    public_key: str | Mapping[str, Any] | None,
) -> Made:
    signs_for = api_key.signs_as or api_key.id
    active = await signing_store.count_active(tx, api_key_id=signs_for)
    if active >= MAX_ACTIVE:
        raise PlatformError("conflict", f"An API key has at most {MAX_ACTIVE}; revoke one first.")
    id_ = new_id("sgk")
    secret = stored = public = None
    if algorithm is Algorithm.ED25519:
        if public_key is None:
            raise PlatformError("invalid_parameter", "ed25519 needs public_key.")
        public = public_keys.read(public_key)
    else:
        if public_key is not None:
            raise PlatformError("invalid_parameter", "public_key is for ed25519 alone.")
        text = base64.b64encode(system_random.token_bytes(SECRET_BYTES)).decode()
        stored = vault.ring.encrypt(text, context=_context(id_))
        secret = SECRET_PREFIX + text
    key = await signing_store.add(
        tx,
        id=id_,
        partner_id=api_key.partner_id,
        livemode=api_key.livemode,
        api_key_id=signs_for,
        algorithm=algorithm,
        secret=stored,
        public_key=public,
        created_at=tx.now,
        updated_at=tx.now,
    )
    return Made(key=key, secret=secret)


async def _signs_for(tx: Tx, partner_id: str, api_key_id: str, livemode: bool | None) -> str:
    """Return the API key whose signing keys an API key has: itself, or what it was rotated from."""
    api_key = await get_key(tx, partner_id=partner_id, key_id=api_key_id, livemode=livemode)
    return api_key.signs_as or api_key.id


def _context(signing_key_id: str) -> str:
    return f"signing_keys:{signing_key_id}"


def _ended() -> PlatformError:
    return PlatformError("conflict", "The signing key is revoked, or its overlap is over.")
