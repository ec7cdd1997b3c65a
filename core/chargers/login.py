"""Use cases of a charger's login: who may connect, and why others may not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.audit import service as audit
from core.audit.service import PLATFORM
from core.chargers import passwords, record_store, store
from core.chargers.identities import is_identity
from core.chargers.models import Charger
from core.chargers.record_models import RefusedHandshake
from core.chargers.states import RefusalReason, Registration
from core.chargers.text import storable
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.ids import new_id
from core.kernel.settings import Settings, UnknownChargers

MAX_PENDING: Final = 1000
"""Chargers that wait for approval; strangers must not fill the database."""
ENCRYPTED_FROM_PROFILE: Final = 2

_REMEDIES: Final = {
    RefusalReason.UNKNOWN_IDENTITY: "Nobody registered this identity. Register the charger, or "
    "correct the identity at the end of its URL.",
    RefusalReason.INVALID_IDENTITY: "The identity has a character or a length that no identity "
    "may have. Correct it at the end of the charger's URL.",
    RefusalReason.TOO_MANY_PENDING: "Too many unknown chargers wait for approval. Approve, reject "
    "or delete some, or register this one.",
    RefusalReason.MISSING_PASSWORD: "The charger sent no password. Set its Basic authentication "
    "password (security profile 1 or 2).",
    RefusalReason.WRONG_PASSWORD: "The charger sent another password than the stored one. Set it "
    "anew, here and in the charger.",
    RefusalReason.NO_CREDENTIAL: "No password is stored for this charger. Set one, here and in "
    "the charger.",
    RefusalReason.INSECURE_PROFILE: "The charger came without TLS, but its security profile needs "
    "it. Use wss:// in its URL.",
    RefusalReason.DISABLED: "The charger is disabled here. Enable it.",
    RefusalReason.REJECTED: "The charger was rejected here. Approve it.",
    RefusalReason.TOO_MANY_FAILURES: "Too many failed logins within a minute. Correct the "
    "identity or the password; the charger may try again after a minute.",
    RefusalReason.NO_COMMON_SUBPROTOCOL: "The charger offered no version of OCPP that is spoken "
    "here. Set it to OCPP 1.6 (JSON) or 2.0.1.",
}


_BARRED: Final = {
    Registration.DISABLED: RefusalReason.DISABLED,
    Registration.REJECTED: RefusalReason.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A login that failed; the charger is only told that it did (S1)."""

    reason: RefusalReason
    detail: str


Login = Charger | Refused


async def login(
    tx: Tx,
    vault: Vault,
    settings: Settings,
    *,
    identity: str,
    password: bytes | None,
    address: str,
    encrypted: bool = True,
) -> Login:
    """Return the charger behind a handshake, or why there is none; a refusal is recorded.

    Whatever is wrong, the same work is done. With ``unknown_chargers=pending`` a stranger becomes
    a pending charger; the password it brings is the one it has to bring from then on.

    Args:
        identity: From the URL, percent-decoded.
        password: Of Basic authentication, as it came; ``None``: none was sent.
        address: The real peer.
        encrypted: Whether it came over TLS.
    """
    charger = await store.charger_of_identity(tx, identity) if is_identity(identity) else None
    stored = None if charger is None else charger.credential
    matches = passwords.matches(vault.hasher, password, stored)
    if charger is not None:
        reason = _objection(charger, password, matches=matches, encrypted=encrypted)
        if reason is None:
            return charger
        return await refuse(tx, identity=identity, address=address, reason=reason)
    welcome = await _welcome(tx, vault, settings, identity=identity, password=password)
    if isinstance(welcome, Charger):
        return welcome
    return await refuse(tx, identity=identity, address=address, reason=welcome)


async def refuse(tx: Tx, *, identity: str, address: str, reason: RefusalReason) -> Refused:
    """Record a refusal; return it with what would fix it."""
    refused = Refused(reason=reason, detail=_REMEDIES[reason])
    await record_refusal(
        tx, identity=identity, address=address, reason=reason, detail=refused.detail
    )
    return refused


async def record_refusal(tx: Tx, *, identity: str, address: str, reason: str, detail: str) -> None:
    """Count a refused handshake: one row for an identity, an address and a reason."""
    await record_store.count_refusal(
        tx,
        identity=storable(identity, max_chars=64),
        address=storable(address, max_chars=64),
        reason=storable(reason, max_chars=40),
        detail=storable(detail, max_chars=300),
    )


async def refusals(
    tx: Tx, *, identity: str | None = None, limit: int = 50
) -> Sequence[RefusedHandshake]:
    """Return refused handshakes, the newest first."""
    return await record_store.refusals(tx, identity=identity, limit=limit)


async def delete_refusals(tx: Tx, *, older_than: datetime, keep: int = 10_000) -> int:
    """Delete refusals that did not repeat since *older_than*, and all but the newest *keep*."""
    return await record_store.delete_refusals(tx, older_than=older_than, keep=keep)


def _objection(
    charger: Charger, password: bytes | None, *, matches: bool, encrypted: bool
) -> RefusalReason | None:
    """Return what speaks against a known charger."""
    if charger.security_profile > 0 and not matches:
        if charger.credential is None:
            return RefusalReason.NO_CREDENTIAL
        missing = password is None
        return RefusalReason.MISSING_PASSWORD if missing else RefusalReason.WRONG_PASSWORD
    if charger.security_profile >= ENCRYPTED_FROM_PROFILE and not encrypted:
        return RefusalReason.INSECURE_PROFILE
    return _BARRED.get(charger.registration)


async def _welcome(
    tx: Tx, vault: Vault, settings: Settings, *, identity: str, password: bytes | None
) -> Charger | RefusalReason:
    """Make a stranger a pending charger, if the settings and its identity allow it."""
    if not is_identity(identity):
        return RefusalReason.INVALID_IDENTITY
    if settings.unknown_chargers is not UnknownChargers.PENDING:
        return RefusalReason.UNKNOWN_IDENTITY
    if await store.pending_count(tx) >= MAX_PENDING:
        return RefusalReason.TOO_MANY_PENDING
    charger = await store.add_charger(
        tx,
        id=new_id("cp"),
        identity=identity,
        identity_key=identity.lower(),
        registration=Registration.PENDING,
        credential=None if password is None else passwords.hashed(vault.hasher, password),
        security_profile=0 if password is None else 1,
    )
    if charger is None:  # two sockets of one stranger at once: the other was first
        return RefusalReason.WRONG_PASSWORD
    await audit.record(
        tx, PLATFORM, "charger.pending", charger.id, after={"identity": charger.identity}
    )
    return charger
