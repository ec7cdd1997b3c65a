"""SQL of partners, keys and grants. Every change of these tables is in this file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Executable, Select, and_, insert, or_, select, update

from core.kernel.db import Tx, upsert
from core.kernel.page import Page, Slice, paginate
from core.kernel.queries import query
from core.kernel.rows import guarded_move
from core.partners.limit_models import partner_limits
from core.partners.models import ApiKey, Grant, Partner, api_keys, grants, partners
from core.partners.standing_models import partner_standings
from core.partners.states import MACHINE, PartnerStatus

USE_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What decides about a key that somebody shows."""

    id: str
    partner_id: str
    livemode: bool
    secret_hash: str
    scopes: list[str]
    ip_allowlist: list[str]
    require_signature: bool
    signs_as: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    partner_status: str
    signs_control: bool
    limit_overrides: dict[str, int] | None
    step: str | None
    throttled_until: datetime | None
    banned_until: datetime | None


async def add_partner(tx: Tx, **values: Any) -> Partner:
    return await tx.one(insert(partners).values(**values).returning(partners), Partner)


async def partner(tx: Tx, partner_id: str) -> Partner | None:
    return await tx.one_or_none(select(partners).where(partners.c.id == partner_id), Partner)


async def partners_page(tx: Tx, page: Page) -> Slice[Partner]:
    return await paginate(tx, select(partners), partners, page, Partner)


async def move_partner(tx: Tx, partner_id: str, to: PartnerStatus) -> Partner | None:
    return await guarded_move(tx, partners, Partner, MACHINE, partner_id, to, updated_at=tx.now)


async def allow_live(tx: Tx, partner_id: str) -> Partner | None:
    statement = (
        update(partners)
        .where(partners.c.id == partner_id, partners.c.test_only)
        .values(test_only=False, updated_at=tx.now)
        .returning(partners)
    )
    return await tx.one_or_none(statement, Partner)


async def sign_control(tx: Tx, partner_id: str, *, required: bool) -> Partner | None:
    statement = (
        update(partners)
        .where(partners.c.id == partner_id, partners.c.signs_control != required)
        .values(signs_control=required, updated_at=tx.now)
        .returning(partners)
    )
    return await tx.one_or_none(statement, Partner)


async def add_key(tx: Tx, **values: Any) -> ApiKey:
    return await tx.one(insert(api_keys).values(**values).returning(api_keys), ApiKey)


async def key(tx: Tx, key_id: str, *, partner_id: str, livemode: bool | None) -> ApiKey | None:
    statement = _keys_of(partner_id, livemode).where(api_keys.c.id == key_id)
    return await tx.one_or_none(statement, ApiKey)


async def keys_page(tx: Tx, *, partner_id: str, livemode: bool | None, page: Page) -> Slice[ApiKey]:
    return await paginate(tx, _keys_of(partner_id, livemode), api_keys, page, ApiKey)


async def change_key(tx: Tx, key_id: str, **values: Any) -> ApiKey | None:
    """Change a key that is not revoked; a revoked one never changes again."""
    statement = (
        update(api_keys)
        .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        .values(updated_at=tx.now, **values)
        .returning(api_keys)
    )
    return await tx.one_or_none(statement, ApiKey)


async def expiring_keys(tx: Tx, *, until: datetime, limit: int) -> Sequence[ApiKey]:
    """Note that keys expire before *until*, each expiry once; return those that were new."""
    told = api_keys.c.expiry_told
    due = (
        select(api_keys.c.id)
        .where(
            api_keys.c.expires_at > tx.now,
            api_keys.c.expires_at <= until,
            api_keys.c.revoked_at.is_(None),
            or_(told.is_(None), told != api_keys.c.expires_at),
        )
        .order_by(api_keys.c.id)
        .limit(limit)
    )
    statement = (
        update(api_keys)
        .where(
            api_keys.c.id.in_(due.scalar_subquery()),
            or_(told.is_(None), told != api_keys.c.expires_at),
        )
        .values(expiry_told=api_keys.c.expires_at)
        .returning(api_keys)
    )
    return await tx.all(statement, ApiKey)


async def login(tx: Tx, key_id: str) -> Login | None:
    return await tx.one_or_none(_login(key_id), Login)


@query
def _login(key_id: str) -> Executable:
    return (
        select(
            api_keys.c.id,
            api_keys.c.partner_id,
            api_keys.c.livemode,
            api_keys.c.secret_hash,
            api_keys.c.scopes,
            api_keys.c.ip_allowlist,
            api_keys.c.require_signature,
            api_keys.c.signs_as,
            api_keys.c.expires_at,
            api_keys.c.revoked_at,
            api_keys.c.last_used_at,
            partners.c.status.label("partner_status"),
            partners.c.signs_control,
            partner_limits.c.overrides.label("limit_overrides"),
            partner_standings.c.step,
            partner_standings.c.throttled_until,
            partner_standings.c.banned_until,
        )
        .join(partners, partners.c.id == api_keys.c.partner_id)
        .outerjoin(partner_limits, partner_limits.c.partner_id == api_keys.c.partner_id)
        .outerjoin(
            partner_standings,
            and_(
                partner_standings.c.partner_id == api_keys.c.partner_id,
                partner_standings.c.livemode == api_keys.c.livemode,
            ),
        )
        .where(api_keys.c.id == key_id)
    )


async def note_use(tx: Tx, found: Login) -> None:
    """Write down that the key was used, at most once a minute."""
    before = tx.now - USE_NOTED_EVERY
    if found.last_used_at is not None and found.last_used_at > before:
        return
    last = api_keys.c.last_used_at
    statement = (
        update(api_keys)
        .where(api_keys.c.id == found.id, or_(last.is_(None), last <= before))
        .values(last_used_at=tx.now)
    )
    await tx.execute(statement)


async def put_grant(tx: Tx, *, partner_id: str, station_id: str, control: bool) -> Grant:
    """Grant a station itself; what groups give besides, ``group_store.settle`` adds."""
    values = {"control": control, "direct_control": control}
    statement = upsert(tx, grants).values(
        partner_id=partner_id, station_id=station_id, created_at=tx.now, **values
    )
    statement = statement.on_conflict_do_update(
        index_elements=[grants.c.partner_id, grants.c.station_id], set_=values
    )
    return await tx.one(statement.returning(grants), Grant)


async def remove_grant(tx: Tx, *, partner_id: str, station_id: str) -> Grant | None:
    """Take back what was granted for the station itself; ``None`` if nothing was.

    The row stays until ``group_store.settle`` has looked whether a group gives it.
    """
    statement = (
        update(grants)
        .where(
            grants.c.partner_id == partner_id,
            grants.c.station_id == station_id,
            grants.c.direct_control.is_not(None),
        )
        .values(direct_control=None)
        .returning(grants)
    )
    return await tx.one_or_none(statement, Grant)


async def grant(tx: Tx, *, partner_id: str, station_id: str) -> Grant | None:
    statement = select(grants).where(
        grants.c.partner_id == partner_id, grants.c.station_id == station_id
    )
    return await tx.one_or_none(statement, Grant)


async def grants_of(tx: Tx, partner_id: str) -> Sequence[Grant]:
    statement = (
        select(grants).where(grants.c.partner_id == partner_id).order_by(grants.c.station_id)
    )
    return await tx.all(statement, Grant)


async def partners_of_station(tx: Tx, station_id: str) -> Sequence[str]:
    statement = (
        select(grants.c.partner_id)
        .where(grants.c.station_id == station_id)
        .order_by(grants.c.partner_id)
    )
    return await tx.scalars(statement)


def _keys_of(partner_id: str, livemode: bool | None) -> Select[Any]:
    statement = select(api_keys).where(api_keys.c.partner_id == partner_id)
    return statement if livemode is None else statement.where(api_keys.c.livemode == livemode)
