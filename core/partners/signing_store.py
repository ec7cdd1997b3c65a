"""SQL of signing keys and nonces. Every change of these tables is in this file."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select, update

from core.kernel.db import Tx, upsert
from core.kernel.page import Page, Slice, paginate
from core.partners.models import api_keys
from core.partners.signing_models import SigningKey, signature_nonces, signing_keys

USE_NOTED_EVERY: Final = timedelta(minutes=1)


async def add(tx: Tx, **values: Any) -> SigningKey:
    statement = insert(signing_keys).values(**values).returning(signing_keys)
    return await tx.one(statement, SigningKey)


async def get(
    tx: Tx, signing_key_id: str, *, partner_id: str, livemode: bool | None
) -> SigningKey | None:
    statement = _of(partner_id, livemode).where(signing_keys.c.id == signing_key_id)
    return await tx.one_or_none(statement, SigningKey)


async def page_of(
    tx: Tx, *, partner_id: str, livemode: bool | None, api_key_id: str | None, page: Page
) -> Slice[SigningKey]:
    statement = _of(partner_id, livemode)
    if api_key_id is not None:
        statement = statement.where(signing_keys.c.api_key_id == api_key_id)
    return await paginate(tx, statement, signing_keys, page, SigningKey)


async def active(tx: Tx, signing_key_id: str, *, api_key_id: str) -> SigningKey | None:
    """Return a signing key of an API key that works at this moment."""
    statement = select(signing_keys).where(
        signing_keys.c.id == signing_key_id, signing_keys.c.api_key_id == api_key_id, _active(tx)
    )
    return await tx.one_or_none(statement, SigningKey)


async def count_active(tx: Tx, *, api_key_id: str) -> int:
    """Return how many signing keys of an API key work."""
    statement = (
        select(func.count())
        .select_from(signing_keys)
        .where(signing_keys.c.api_key_id == api_key_id, _active(tx))
    )
    return int(await tx.scalar(statement))


async def can_sign(tx: Tx, *, partner_id: str, livemode: bool) -> bool:
    """Tell whether a partner has, in a mode, an API key that works with a signing key that does."""
    ends = api_keys.c.expires_at
    usable = select(func.coalesce(api_keys.c.signs_as, api_keys.c.id)).where(
        api_keys.c.partner_id == partner_id,
        api_keys.c.livemode == livemode,
        api_keys.c.revoked_at.is_(None),
        or_(ends.is_(None), ends > tx.now),
    )
    statement = (
        select(signing_keys.c.id)
        .where(
            signing_keys.c.partner_id == partner_id,
            signing_keys.c.livemode == livemode,
            signing_keys.c.api_key_id.in_(usable),
            _active(tx),
        )
        .limit(1)
    )
    return await tx.scalar(statement) is not None


async def change(tx: Tx, signing_key_id: str, **values: Any) -> SigningKey | None:
    """Change a signing key that works; one that has ended never works again."""
    statement = (
        update(signing_keys)
        .where(signing_keys.c.id == signing_key_id, _active(tx))
        .values(updated_at=tx.now, **values)
        .returning(signing_keys)
    )
    return await tx.one_or_none(statement, SigningKey)


async def note_use(tx: Tx, found: SigningKey) -> None:
    """Write down that it was used, at most once a minute."""
    before = tx.now - USE_NOTED_EVERY
    if found.last_used_at is not None and found.last_used_at > before:
        return
    last = signing_keys.c.last_used_at
    await tx.execute(
        update(signing_keys)
        .where(signing_keys.c.id == found.id, or_(last.is_(None), last <= before))
        .values(last_used_at=tx.now)
    )


async def use_nonce(tx: Tx, *, signing_key_id: str, nonce: str) -> bool:
    """Write down that a nonce was used; ``False``: it was used before."""
    statement = (
        upsert(tx, signature_nonces)
        .values(signing_key_id=signing_key_id, nonce=nonce, used_at=tx.now)
        .on_conflict_do_nothing()
        .returning(signature_nonces.c.nonce)
    )
    return await tx.scalar(statement) is not None


async def forget_nonces(tx: Tx, *, before: datetime) -> int:
    return await tx.execute(delete(signature_nonces).where(signature_nonces.c.used_at < before))


def _active(tx: Tx) -> ColumnElement[bool]:
    ends = signing_keys.c.expires_at
    return signing_keys.c.revoked_at.is_(None) & or_(ends.is_(None), ends > tx.now)


def _of(partner_id: str, livemode: bool | None) -> Select[Any]:
    statement = select(signing_keys).where(signing_keys.c.partner_id == partner_id)
    return statement if livemode is None else statement.where(signing_keys.c.livemode == livemode)
