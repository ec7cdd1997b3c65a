"""Use cases of a charger's login: who may connect, and why others may not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import PLATFORM
from core.chargers import passwords, record_store, store
from core.chargers.compliance_explained import EXPLAINED
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
CERTIFICATE_PROFILE: Final = 3

Judge = Callable[[str | None, Sequence[str]], RefusalReason | None]
"""From a charger's id and names to what is wrong with the certificate that was shown."""

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
    encrypted: bool = False,
    judge: Judge | None = None,
) -> Login:
    """Return the charger behind a handshake, or why there is none; a refusal is recorded.

    Whatever is wrong, the same work is done. With ``unknown_chargers=pending`` a stranger becomes
    a pending charger; the password it brings is the one it has to bring from then on. Who logs in
    with a higher security profile than before is not accepted with a lower one any more (S3).

    Args:
        identity: From the URL, percent-decoded.
        password: Of Basic authentication, as it came; ``None``: none was sent.
        address: The real peer.
        encrypted: Whether it came over TLS.
        judge: Of the client certificate; ``None``: none was shown.
    """
    charger = await store.charger_of_identity(tx, identity) if is_identity(identity) else None
    known = _Known(charger)
    shown = _Credentials(
        encrypted=encrypted,
        has_password=password is not None,
        is_current=passwords.matches(vault.hasher, password, known.credential),
        is_next=passwords.matches(vault.hasher, password, known.next_credential),
        flaw=_flaw(judge, charger, identity, encrypted=encrypted),
    )
    if charger is None:
        welcome = await _welcome(tx, vault, settings, shown, identity=identity, password=password)
        if isinstance(welcome, Charger):
            return welcome
        return await refuse(tx, identity=identity, address=address, reason=welcome)
    offered = _offered(charger, shown)
    reason = _objection(charger, shown, offered, lowest=settings.security_profile_min)
    if reason is not None:
        return await refuse(tx, identity=identity, address=address, reason=reason)
    return await _accepted(tx, charger, shown, offered)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Credentials:
    """What a handshake proved.

    Attributes:
        is_current: The password is the stored one.
        is_next: It is the one that the charger was told to use from now on.
        flaw: What is wrong with the certificate; ``None``: it is right.
    """

    encrypted: bool
    has_password: bool
    is_current: bool
    is_next: bool
    flaw: RefusalReason | None


class _Known:
    """The stored passwords of a charger, or of nobody."""

    def __init__(self, charger: Charger | None) -> None:
        self.credential = None if charger is None else charger.credential
        self.next_credential = None if charger is None else charger.next_credential


def _flaw(
    judge: Judge | None, charger: Charger | None, identity: str, *, encrypted: bool
) -> RefusalReason | None:
    if judge is None or not encrypted:
        return RefusalReason.MISSING_CERTIFICATE
    if charger is None:
        return judge(None, [identity])
    serial = charger.serial_number
    return judge(charger.id, [charger.identity] if not serial else [charger.identity, serial])


def _offered(charger: Charger, shown: _Credentials) -> int | None:
    """Return the security profile that a handshake came up to, ``None``: none."""
    if shown.flaw is None:
        return CERTIFICATE_PROFILE
    if shown.is_current or shown.is_next:
        return ENCRYPTED_FROM_PROFILE if shown.encrypted else 1
    return 0 if charger.security_profile == 0 else None


async def _accepted(tx: Tx, charger: Charger, shown: _Credentials, offered: int | None) -> Charger:
    """Return the charger; a new password and a higher profile hold from now on."""
    changes: dict[str, Any] = {}
    if shown.is_next and not shown.is_current:
        changes |= {"credential": charger.next_credential, "next_credential": None}
    if offered is not None and offered > charger.security_profile:
        changes["security_profile"] = offered
    if not changes:
        return charger
    after = await store.change_charger(tx, charger.id, **changes) or charger
    if "credential" in changes:
        await audit.record(tx, PLATFORM, "charger.password_changed", charger.id)
    if "security_profile" in changes:
        await audit.record(
            tx,
            PLATFORM,
            "charger.profile_raised",
            charger.id,
            before={"security_profile": charger.security_profile},
            after={"security_profile": offered},
        )
    return after


def is_enough(proven: int, required: int) -> bool:
    """Tell whether a socket that came up to profile *proven* may stay where *required* is asked.

    TLS and certificates are asked for at once. A password holds from the next login on: over its
    open socket a charger that had none can still be told one.
    """
    return proven >= required or required < ENCRYPTED_FROM_PROFILE


async def refuse(tx: Tx, *, identity: str, address: str, reason: RefusalReason) -> Refused:
    """Record a refusal; return it with what would fix it."""
    refused = Refused(reason=reason, detail=EXPLAINED[reason].text)
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
    charger: Charger, shown: _Credentials, offered: int | None, *, lowest: int
) -> RefusalReason | None:
    """Return what speaks against a known charger."""
    required = max(charger.security_profile, lowest)
    if required == CERTIFICATE_PROFILE:
        if shown.flaw is not None:
            return shown.flaw if shown.encrypted else RefusalReason.INSECURE_PROFILE
    elif offered is None:
        if charger.credential is None:
            return RefusalReason.NO_CREDENTIAL
        missing = not shown.has_password
        return RefusalReason.MISSING_PASSWORD if missing else RefusalReason.WRONG_PASSWORD
    elif offered < charger.security_profile:
        return RefusalReason.INSECURE_PROFILE
    elif offered < lowest:
        return RefusalReason.PROFILE_NOT_ALLOWED
    return _BARRED.get(charger.registration)


async def _welcome(
    tx: Tx,
    vault: Vault,
    settings: Settings,
    shown: _Credentials,
    *,
    identity: str,
    password: bytes | None,
) -> Charger | RefusalReason:
    """Make a stranger a pending charger, if the settings and its identity allow it."""
    if not is_identity(identity):
        return RefusalReason.INVALID_IDENTITY
    if settings.unknown_chargers is not UnknownChargers.PENDING:
        return RefusalReason.UNKNOWN_IDENTITY
    if await store.pending_count(tx) >= MAX_PENDING:
        return RefusalReason.TOO_MANY_PENDING
    profile = 0
    if shown.flaw is None:
        profile = CERTIFICATE_PROFILE
    elif password is not None:
        profile = ENCRYPTED_FROM_PROFILE if shown.encrypted else 1
    if profile < settings.security_profile_min:
        return RefusalReason.PROFILE_NOT_ALLOWED
    charger = await store.add_charger(
        tx,
        id=new_id("cp"),
        identity=identity,
        identity_key=identity.lower(),
        registration=Registration.PENDING,
        credential=None if password is None else passwords.hashed(vault.hasher, password),
        security_profile=profile,
    )
    if charger is None:  # two sockets of one stranger at once: the other was first
        return RefusalReason.WRONG_PASSWORD
    await audit.record(
        tx, PLATFORM, "charger.pending", charger.id, after={"identity": charger.identity}
    )
    return charger
