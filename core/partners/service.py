"""Use cases of partners: who they are, who is calling, which stations they may see."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from core.alerts.kinds import AlertKind
from core.alerts.service import raise_alert, resolve
from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.page import Page, Slice
from core.kernel.times import rfc3339_or_none
from core.partners import group_store, store
from core.partners.keys import (
    RotatedKey,
    create_key,
    get_key,
    key_view,
    list_keys,
    revoke_key,
    rotate_key,
    update_key,
)
from core.partners.models import Grant, Partner
from core.partners.scopes import WHILE_SUSPENDED, Scope
from core.partners.states import PartnerStatus, Step
from core.partners.store import Login

__all__ = [
    "Caller",
    "LoginRefused",
    "RotatedKey",
    "access",
    "allow_live",
    "authenticate",
    "create_key",
    "create_partner",
    "get",
    "get_key",
    "grant",
    "grants_of",
    "key_view",
    "list_keys",
    "list_partners",
    "partners_of_station",
    "reinstate",
    "require",
    "revoke_grant",
    "revoke_key",
    "rotate_key",
    "sign_control",
    "suspend",
    "update_key",
]

_CREDENTIALS: Final = re.compile(
    r"bearer +vg_(?P<mode>live|test)_(?P<body>[0-9a-hjkmnp-tv-z]{26})_(?P<secret>[\w-]{43})",
    re.ASCII | re.IGNORECASE,
)
_NOBODY: Final = "key_" + "0" * 26
_INVALID: Final = "The API key is missing, wrong, expired or revoked."


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is calling: an authenticated API key of a partner, in one of the two modes.

    Attributes:
        throttled_until: Set while that holds, in this mode, as is *banned_until*.
        requires_signature: All calls with this key are signed.
        signs_control: The partner's live control calls are signed.
        signs_as: The API key whose signing keys this one has, if they are not its own.
    """

    partner_id: str
    partner_status: PartnerStatus
    key_id: str
    livemode: bool
    scopes: frozenset[str]
    limit_overrides: Mapping[str, int] = field(default_factory=dict)
    step: Step = Step.GOOD
    throttled_until: datetime | None = None
    banned_until: datetime | None = None
    banned_for_s: int = 0
    requires_signature: bool = False
    signs_control: bool = False
    signs_as: str | None = None


class LoginRefused(PlatformError):
    """A key that is not good: one answer for all reasons (S14), which only we know.

    *login* is the key that was named, if there is one; *reason* tells what was wrong with it.
    """

    def __init__(self, reason: str, login: Login | None) -> None:
        super().__init__("invalid_credentials", _INVALID)
        self.reason = reason
        self.login = login


async def create_partner(tx: Tx, actor: Actor, *, name: str, test_only: bool = False) -> Partner:
    """Create an active partner without keys and grants; with *test_only* it gets no live key."""
    partner = await store.add_partner(
        tx,
        id=new_id("prt"),
        name=name,
        status=PartnerStatus.ACTIVE,
        event_seq=0,
        test_only=test_only,
        created_at=tx.now,
        updated_at=tx.now,
    )
    await audit.record(tx, actor, "partner.created", partner.id, after={"name": name})
    return partner


async def get(tx: Tx, partner_id: str) -> Partner:
    """Return a partner.

    Raises:
        PlatformError: ``not_found``.
    """
    partner = await store.partner(tx, partner_id)
    if partner is None:
        raise not_found("partner")
    return partner


async def list_partners(tx: Tx, page: Page) -> Slice[Partner]:
    """Return one page of all partners."""
    return await store.partners_page(tx, page)


async def allow_live(tx: Tx, actor: Actor, *, partner_id: str) -> Partner:
    """Let a partner have live keys from now on.

    Raises:
        PlatformError: ``conflict``: it may have them already.
    """
    partner = await store.allow_live(tx, partner_id)
    if partner is None:
        raise PlatformError("conflict", "The partner may have live keys already.")
    await audit.record(
        tx,
        actor,
        "partner.live_allowed",
        partner_id,
        before={"test_only": True},
        after={"test_only": False},
    )
    return partner


async def sign_control(tx: Tx, actor: Actor, *, partner_id: str, required: bool) -> Partner:
    """Demand, or demand no longer, that a partner signs its live control calls; at once.

    Raises:
        PlatformError: ``not_found``; ``conflict``: it is so already.
    """
    before = await get(tx, partner_id)
    partner = await store.sign_control(tx, partner_id, required=required)
    if partner is None:
        raise PlatformError("conflict", "The partner's signatures are demanded so already.")
    await audit.record(
        tx,
        actor,
        "partner.signatures_changed",
        partner_id,
        before={"signs_control": before.signs_control},
        after={"signs_control": partner.signs_control},
    )
    return partner


async def suspend(tx: Tx, actor: Actor, *, partner_id: str) -> Partner:
    """Leave a partner reading and stopping only; what was accepted goes on (I33).

    Raises:
        PlatformError: ``not_found``; ``conflict`` if it is suspended already.
    """
    partner = await _move(tx, actor, partner_id, PartnerStatus.SUSPENDED, "partner.suspended")
    raise_alert(
        tx,
        AlertKind.PARTNER_SUSPENDED,
        key=partner_id,
        object_id=partner_id,
        title=f"Partner {partner.name} is suspended",
        facts={"by": actor.name},
    )
    return partner


async def reinstate(tx: Tx, actor: Actor, *, partner_id: str) -> Partner:
    """End a suspension.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if the partner is not suspended.
    """
    partner = await _move(tx, actor, partner_id, PartnerStatus.ACTIVE, "partner.reinstated")
    resolve(tx, AlertKind.PARTNER_SUSPENDED, partner_id)
    return partner


async def _move(tx: Tx, actor: Actor, partner_id: str, to: PartnerStatus, action: str) -> Partner:
    before = await get(tx, partner_id)
    partner = await store.move_partner(tx, partner_id, to)
    if partner is None:
        raise PlatformError("conflict", f"The partner is {to} already.")
    await audit.record(
        tx,
        actor,
        action,
        partner_id,
        before={"status": before.status},
        after={"status": partner.status},
    )
    return partner


async def authenticate(
    tx: Tx, vault: Vault, header_value: str | None, *, address: str | None
) -> Caller:
    """Return who is behind an ``Authorization`` header.

    A malformed, unknown, wrong, expired or revoked key takes the same way: one look-up, one
    comparison, the same answer (S14).

    Args:
        header_value: The whole value, ``Bearer vg_live_...``.
        address: The real peer, see S18; only looked at if the key has an allowlist.

    Raises:
        LoginRefused: ``invalid_credentials``.
        PlatformError: ``ip_not_allowed``.
    """
    parts = _CREDENTIALS.fullmatch(header_value or "")
    key_id, secret = (f"key_{parts['body']}", parts["secret"]) if parts else (_NOBODY, "")
    found = await store.login(tx, key_id)
    matches = vault.hasher.matches(secret.encode(), None if found is None else found.secret_hash)
    if parts is None or found is None or not matches:
        raise LoginRefused("unknown" if found is None else "wrong secret", found)
    is_over = found.expires_at is not None and found.expires_at <= tx.now
    is_other_mode = found.livemode != (parts["mode"].lower() == "live")
    if found.revoked_at is not None or is_over or is_other_mode:
        reason = "revoked" if found.revoked_at is not None else "expired" if is_over else "mode"
        raise LoginRefused(reason, found)
    if found.ip_allowlist and not _is_listed(address, found.ip_allowlist):
        raise PlatformError("ip_not_allowed", "This API key may not be used from this address.")
    await store.note_use(tx, found)
    banned_until = _if_ahead(found.banned_until, tx.now)
    left = timedelta() if banned_until is None else banned_until - tx.now
    return Caller(
        partner_id=found.partner_id,
        partner_status=PartnerStatus(found.partner_status),
        key_id=found.id,
        livemode=found.livemode,
        scopes=frozenset(found.scopes),
        limit_overrides=found.limit_overrides or {},
        step=Step(found.step or Step.GOOD),
        throttled_until=_if_ahead(found.throttled_until, tx.now),
        banned_until=banned_until,
        banned_for_s=math.ceil(left.total_seconds()),
        requires_signature=found.require_signature,
        signs_control=found.signs_control,
        signs_as=found.signs_as,
    )


def require(caller: Caller, scope: Scope, *, reading: bool = False) -> None:
    """Refuse a call that the key has no right to, or a suspended or banned partner may not make.

    Args:
        reading: The call changes nothing, although its scope would allow that.

    Raises:
        PlatformError: ``insufficient_scope``, ``partner_suspended``, ``temporarily_banned``.
    """
    if scope not in caller.scopes:
        raise PlatformError(
            "insufficient_scope", f"This call needs an API key with the scope {scope}.", scope=scope
        )
    if reading or scope in WHILE_SUSPENDED:
        return
    if caller.partner_status is PartnerStatus.SUSPENDED:
        raise PlatformError(
            "partner_suspended", "You may still read, and stop your own sessions. Contact us."
        )
    if caller.banned_until is not None:
        raise banned(caller)


def banned(caller: Caller) -> PlatformError:
    """Return the error of a call that a banned partner may not make."""
    return PlatformError(
        "temporarily_banned",
        "Your usage was abnormal. You may still read a little, and stop your own sessions.",
        until=rfc3339_or_none(caller.banned_until),
        retry_after=caller.banned_for_s,
    )


async def grant(tx: Tx, actor: Actor, partner_id: str, station_id: str, *, control: bool) -> Grant:
    """Let a partner see a station and, with *control*, charge there; replaces an earlier grant.

    The caller has made sure that the station exists.

    Raises:
        PlatformError: ``not_found``: no such partner.
    """
    await get(tx, partner_id)
    before = await store.grant(tx, partner_id=partner_id, station_id=station_id)
    given = await store.put_grant(tx, partner_id=partner_id, station_id=station_id, control=control)
    if not control:
        await group_store.settle(tx, partner_id)
        given = await store.grant(tx, partner_id=partner_id, station_id=station_id) or given
    await audit.record(
        tx,
        actor,
        "grant.given",
        partner_id,
        before=None if before is None else _grant_facts(before),
        after=_grant_facts(given),
    )
    return given


async def revoke_grant(tx: Tx, actor: Actor, partner_id: str, station_id: str) -> None:
    """Take a grant away; sessions that run go on. A group may still give the station.

    Raises:
        PlatformError: ``not_found``: there is none, or groups alone give the station.
    """
    removed = await store.remove_grant(tx, partner_id=partner_id, station_id=station_id)
    if removed is None:
        raise not_found("grant")
    await group_store.settle(tx, partner_id)
    await audit.record(
        tx, actor, "grant.revoked", partner_id, before=_grant_facts(removed), after=None
    )


async def grants_of(tx: Tx, partner_id: str) -> Sequence[Grant]:
    """Return the grants of a partner, by station."""
    return await store.grants_of(tx, partner_id)


async def partners_of_station(tx: Tx, station_id: str) -> Sequence[str]:
    """Return the ids of the partners that may see a station, sorted."""
    return await store.partners_of_station(tx, station_id)


async def access(tx: Tx, partner_id: str, station_id: str) -> Grant | None:
    """Return what a partner may do at a station; ``None``: not even know that it exists."""
    return await store.grant(tx, partner_id=partner_id, station_id=station_id)


def _if_ahead(until: datetime | None, now: datetime) -> datetime | None:
    return until if until is not None and until > now else None


def _grant_facts(given: Grant) -> dict[str, object]:
    return {"station_id": given.station_id, "control": given.control}


def _is_listed(address: str | None, allowlist: Sequence[str]) -> bool:
    try:
        ip = ip_address(address or "")
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in ip_network(network) for network in allowlist)
