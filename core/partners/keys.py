"""Use cases of API keys: the secret is shown once and only its hash is kept."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_body
from core.kernel.page import Page, Slice
from core.kernel.times import rfc3339_or_none
from core.partners import signing_store, store
from core.partners.models import ApiKey
from core.partners.scopes import Scope

SECRET_BYTES: Final = 32
MAX_OVERLAP_HOURS: Final = 168
MAX_NETWORKS: Final = 100
EXPIRING_AT_ONCE: Final = 200
CHANGEABLE: Final = frozenset({"name", "scopes", "ip_allowlist", "expires_at", "require_signature"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedKey:
    """*text* is the new secret; *old* is revoked at once if there is no overlap."""

    key: ApiKey
    text: str
    old: ApiKey


async def create_key(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    *,
    partner_id: str,
    livemode: bool,
    name: str,
    scopes: Sequence[str],
    ip_allowlist: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; return it and its text, which nobody can read again.

    Args:
        ip_allowlist: Addresses or networks (CIDR) it may be used from; empty: from anywhere.

    Raises:
        PlatformError: ``not_found`` (partner), ``invalid_parameter``, ``expiry_out_of_range``;
            ``conflict``: a live key for a partner that has applied and is not approved.
    """
    partner = await store.partner(tx, partner_id)
    if partner is None:
        raise not_found("partner")
    if livemode and partner.test_only:
        raise PlatformError(
            "conflict", "The partner has test mode only: its application is not approved."
        )
    values = _checked(
        tx, {"name": name, "scopes": scopes, "ip_allowlist": ip_allowlist, "expires_at": expires_at}
    )
    key, text = await _add(tx, vault, partner_id=partner_id, livemode=livemode, values=values)
    await audit.record(tx, actor, "key.created", key.id, after=key_view(key))
    return key, text


async def get_key(tx: Tx, *, partner_id: str, key_id: str, livemode: bool | None = None) -> ApiKey:
    """Return a key of a partner, of one mode if *livemode* says so.

    Raises:
        PlatformError: ``not_found``.
    """
    key = await store.key(tx, key_id, partner_id=partner_id, livemode=livemode)
    if key is None:
        raise not_found("API key")
    return key


async def list_keys(
    tx: Tx, *, partner_id: str, livemode: bool | None = None, page: Page
) -> Slice[ApiKey]:
    """Return one page of a partner's keys, revoked ones included."""
    return await store.keys_page(tx, partner_id=partner_id, livemode=livemode, page=page)


async def update_key(
    tx: Tx,
    actor: Actor,
    *,
    partner_id: str,
    key_id: str,
    changes: Mapping[str, Any],
    livemode: bool | None = None,
) -> ApiKey:
    """Change what is named of ``CHANGEABLE``.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``, ``expiry_out_of_range``;
            ``conflict`` if the key is revoked, or is to require signatures and has no signing key.
    """
    before = await get_key(tx, partner_id=partner_id, key_id=key_id, livemode=livemode)
    if changes.get("require_signature") and not before.require_signature:
        await _require_signing_key(tx, before)
    key = await _change(tx, before, **_checked(tx, changes))
    await audit.record(
        tx, actor, "key.updated", key.id, before=key_view(before), after=key_view(key)
    )
    return key


async def revoke_key(
    tx: Tx, actor: Actor, *, partner_id: str, key_id: str, livemode: bool | None = None
) -> ApiKey:
    """End a key at once and for ever.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if it is revoked already.
    """
    before = await get_key(tx, partner_id=partner_id, key_id=key_id, livemode=livemode)
    key = await _change(tx, before, revoked_at=tx.now)
    await audit.record(tx, actor, "key.revoked", key.id, before=key_view(before))
    return key


async def rotate_key(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    *,
    partner_id: str,
    key_id: str,
    overlap_hours: int,
    livemode: bool | None = None,
) -> RotatedKey:
    """Create a key with the same rights; the old one works for *overlap_hours* (0..168) more.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``; ``conflict`` if it is revoked.
    """
    if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
        raise PlatformError("invalid_parameter", f"overlap_hours is 0 to {MAX_OVERLAP_HOURS}.")
    before = await get_key(tx, partner_id=partner_id, key_id=key_id, livemode=livemode)
    if overlap_hours == 0:
        old = await _change(tx, before, revoked_at=tx.now)
    else:
        until = tx.now + timedelta(hours=overlap_hours)
        ends = until if before.expires_at is None else min(until, before.expires_at)
        old = await _change(tx, before, expires_at=ends, expiry_told=ends)
    values = {
        "name": before.name,
        "scopes": before.scopes,
        "ip_allowlist": before.ip_allowlist,
        "expires_at": before.expires_at,
        "require_signature": before.require_signature,
        "signs_as": before.signs_as or before.id,
    }
    key, text = await _add(
        tx, vault, partner_id=partner_id, livemode=before.livemode, values=values
    )
    await audit.record(
        tx, actor, "key.rotated", old.id, before=key_view(before), after=key_view(key)
    )
    return RotatedKey(key=key, text=text, old=old)


async def note_expiring(tx: Tx, *, ahead: timedelta) -> Sequence[ApiKey]:
    """Return the keys that end within *ahead* and whose end was not told of; now it is."""
    return await store.expiring_keys(tx, until=tx.now + ahead, limit=EXPIRING_AT_ONCE)


def require_within(wanted: Iterable[str], held: Collection[str]) -> None:
    """Refuse to give or change rights that whoever asks does not have itself.

    Raises:
        PlatformError: ``insufficient_scope``.
    """
    known = frozenset(Scope)
    beyond = sorted(scope for scope in wanted if scope in known and scope not in held)
    if beyond:
        raise PlatformError(
            "insufficient_scope",
            f"A key cannot give or change what it does not have itself: {' '.join(beyond)}.",
        )


def key_view(key: ApiKey) -> dict[str, Any]:
    """Return a key as JSON; never its secret."""
    return {
        "id": key.id,
        "object": "api_key",
        "livemode": key.livemode,
        "name": key.name,
        "scopes": list(key.scopes),
        "ip_allowlist": list(key.ip_allowlist),
        "require_signature": key.require_signature,
        "expires_at": rfc3339_or_none(key.expires_at),
        "revoked_at": rfc3339_or_none(key.revoked_at),
        "last_used_at": rfc3339_or_none(key.last_used_at),
        "created_at": rfc3339_or_none(key.created_at),
        "updated_at": rfc3339_or_none(key.updated_at),
    }


async def _add(
    tx: Tx, vault: Vault, *, partner_id: str, livemode: bool, values: Mapping[str, Any]
) -> tuple[ApiKey, str]:
    body, secret = new_body(), secrets.token_urlsafe(SECRET_BYTES)
    key = await store.add_key(
        tx,
        id=f"key_{body}",
        partner_id=partner_id,
        livemode=livemode,
        secret_hash=vault.hasher.hash(secret.encode()),
        created_at=tx.now,
        updated_at=tx.now,
        **values,
    )
    return key, f"vg_{'live' if livemode else 'test'}_{body}_{secret}"


async def _change(tx: Tx, key: ApiKey, **values: Any) -> ApiKey:
    changed = await store.change_key(tx, key.id, **values)
    if changed is None:
        raise PlatformError("conflict", "The API key is revoked.")
    return changed


async def _require_signing_key(tx: Tx, key: ApiKey) -> None:
    """Refuse to lock a key whose calls nobody could sign."""
    count = await signing_store.count_active(tx, api_key_id=key.signs_as or key.id)
    if count == 0:
        raise PlatformError(
            "conflict", "The API key has no signing key that works; make one first."
        )


def _checked(tx: Tx, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* as they are stored."""
    if unknown := set(values) - CHANGEABLE:
        raise PlatformError("unknown_field", f"Unknown: {', '.join(sorted(unknown))}.")
    checked = dict(values)
    if "scopes" in values:
        checked["scopes"] = _scopes(values["scopes"])
    if "ip_allowlist" in values:
        checked["ip_allowlist"] = _networks(values["ip_allowlist"])
    ends = values.get("expires_at")
    if ends is not None and ends <= tx.now:
        raise PlatformError("expiry_out_of_range", "expires_at is in the past.")
    return checked


def _scopes(names: Sequence[str]) -> list[str]:
    known = frozenset(Scope)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise PlatformError(
            "invalid_parameter", f"scopes is a list of: {' '.join(sorted(known))}.", scopes=unknown
        )
    return sorted(set(names))


def _networks(texts: Sequence[str]) -> list[str]:
    if len(texts) > MAX_NETWORKS:
        raise PlatformError("invalid_parameter", f"ip_allowlist has at most {MAX_NETWORKS}.")
    try:
        return [str(ip_network(text, strict=False)) for text in texts]
    except ValueError as exc:
        raise PlatformError(
            "invalid_parameter", "ip_allowlist is a list of IP addresses and networks (CIDR)."
        ) from exc
