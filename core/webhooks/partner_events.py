"""Partner use cases with the event that tells the partner: what API and CLI call."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from core.audit.service import Actor
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.times import rfc3339
from core.partners import keys, service
from core.partners.keys import RotatedKey
from core.partners.models import ApiKey, Partner
from core.webhooks.service import emit
from core.webhooks.types import EventType


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
    """Do what ``partners.keys.create_key`` does, and write ``key.created``."""
    key, text = await keys.create_key(
        tx,
        vault,
        actor,
        partner_id=partner_id,
        livemode=livemode,
        name=name,
        scopes=scopes,
        ip_allowlist=ip_allowlist,
        expires_at=expires_at,
    )
    await _about_key(tx, key, EventType.KEY_CREATED)
    return key, text


async def revoke_key(
    tx: Tx, actor: Actor, *, partner_id: str, key_id: str, livemode: bool | None = None
) -> ApiKey:
    """Do what ``partners.keys.revoke_key`` does, and write ``key.revoked``."""
    key = await keys.revoke_key(tx, actor, partner_id=partner_id, key_id=key_id, livemode=livemode)
    await _about_key(tx, key, EventType.KEY_REVOKED)
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
    """Do what ``partners.keys.rotate_key`` does; write ``key.created`` and what comes of the old.

    That is ``key.revoked`` without an overlap and ``key.expiring`` with one.
    """
    rotated = await keys.rotate_key(
        tx,
        vault,
        actor,
        partner_id=partner_id,
        key_id=key_id,
        overlap_hours=overlap_hours,
        livemode=livemode,
    )
    is_revoked = rotated.old.revoked_at is not None
    await _about_key(tx, rotated.key, EventType.KEY_CREATED)
    await _about_key(
        tx, rotated.old, EventType.KEY_REVOKED if is_revoked else EventType.KEY_EXPIRING
    )
    return rotated


async def tell_expiring_keys(tx: Tx, *, ahead: timedelta) -> int:
    """Write ``key.expiring`` for each key that ends within *ahead*, once; return how many."""
    found = await keys.note_expiring(tx, ahead=ahead)
    for key in found:
        await _about_key(tx, key, EventType.KEY_EXPIRING)
    return len(found)


async def suspend(tx: Tx, actor: Actor, *, partner_id: str) -> Partner:
    """Do what ``partners.service.suspend`` does, and write ``partner.suspended``."""
    partner = await service.suspend(tx, actor, partner_id=partner_id)
    await _about_partner(tx, partner, EventType.PARTNER_SUSPENDED)
    return partner


async def reinstate(tx: Tx, actor: Actor, *, partner_id: str) -> Partner:
    """Do what ``partners.service.reinstate`` does, and write ``partner.reinstated``."""
    partner = await service.reinstate(tx, actor, partner_id=partner_id)
    await _about_partner(tx, partner, EventType.PARTNER_REINSTATED)
    return partner


def partner_view(partner: Partner) -> dict[str, Any]:
    """Return a partner as JSON."""
    return {
        "id": partner.id,
        "object": "partner",
        "name": partner.name,
        "status": partner.status,
        "created_at": rfc3339(partner.created_at),
        "updated_at": rfc3339(partner.updated_at),
    }


async def _about_key(tx: Tx, key: ApiKey, type_: EventType) -> None:
    await emit(
        tx,
        partner_id=key.partner_id,
        livemode=key.livemode,
        type=type_,
        object_id=key.id,
        object_sequence=None,
        related={},
        obj=keys.key_view(key),
    )


async def _about_partner(tx: Tx, partner: Partner, type_: EventType) -> None:
    """Tell the endpoints of both modes: a suspension holds in both."""
    for livemode in (True, False):
        await emit(
            tx,
            partner_id=partner.id,
            livemode=livemode,
            type=type_,
            object_id=partner.id,
            object_sequence=None,
            related={},
            obj=partner_view(partner),
        )
