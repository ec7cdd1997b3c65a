"""SQL of groups of stations, and of what they make of ``station_grants``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from core.kernel.db import Tx, UtcDateTime, upsert
from core.kernel.page import Page, Slice, paginate
from core.partners.group_models import (
    GroupGrant,
    StationGroup,
    group_grants,
    group_members,
    station_groups,
)
from core.partners.models import grants


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Stations that a partner sees from now on, and those that it saw until now."""

    added: Sequence[str]
    removed: Sequence[str]


async def add(tx: Tx, **values: Any) -> StationGroup:
    statement = insert(station_groups).values(created_at=tx.now, updated_at=tx.now, **values)
    return await tx.one(statement.returning(station_groups), StationGroup)


async def change(tx: Tx, group_id: str, **values: Any) -> StationGroup | None:
    """Change a group that is not removed; its row is locked, so members and grants stand still."""
    statement = (
        update(station_groups)
        .where(station_groups.c.id == group_id, station_groups.c.removed_at.is_(None))
        .values(updated_at=tx.now, **values)
        .returning(station_groups)
    )
    return await tx.one_or_none(statement, StationGroup)


async def group(tx: Tx, group_id: str) -> StationGroup | None:
    statement = select(station_groups).where(
        station_groups.c.id == group_id, station_groups.c.removed_at.is_(None)
    )
    return await tx.one_or_none(statement, StationGroup)


async def page(tx: Tx, wanted: Page) -> Slice[StationGroup]:
    statement = select(station_groups).where(station_groups.c.removed_at.is_(None))
    return await paginate(tx, statement, station_groups, wanted, StationGroup)


async def add_members(tx: Tx, group_id: str, station_ids: Collection[str]) -> None:
    new = upsert(tx, group_members).on_conflict_do_nothing()
    rows = [{"group_id": group_id, "station_id": station_id} for station_id in sorted(station_ids)]
    await tx.execute(new, rows)


async def remove_member(tx: Tx, group_id: str, station_id: str) -> bool:
    statement = delete(group_members).where(
        group_members.c.group_id == group_id, group_members.c.station_id == station_id
    )
    return await tx.execute(statement) > 0


async def members(tx: Tx, group_id: str) -> Sequence[str]:
    statement = select(group_members.c.station_id).where(group_members.c.group_id == group_id)
    return await tx.scalars(statement.order_by(group_members.c.station_id))


async def remove_everything(tx: Tx, group_id: str) -> None:
    await tx.execute(delete(group_members).where(group_members.c.group_id == group_id))
    await tx.execute(delete(group_grants).where(group_grants.c.group_id == group_id))


async def put_grant(tx: Tx, partner_id: str, group_id: str, *, control: bool) -> GroupGrant:
    statement = upsert(tx, group_grants).values(
        partner_id=partner_id, group_id=group_id, control=control, created_at=tx.now
    )
    statement = statement.on_conflict_do_update(
        index_elements=[group_grants.c.partner_id, group_grants.c.group_id],
        set_={"control": control},
    )
    return await tx.one(statement.returning(group_grants), GroupGrant)


async def remove_grant(tx: Tx, partner_id: str, group_id: str) -> GroupGrant | None:
    statement = (
        delete(group_grants)
        .where(group_grants.c.partner_id == partner_id, group_grants.c.group_id == group_id)
        .returning(group_grants)
    )
    return await tx.one_or_none(statement, GroupGrant)


async def grants_of_group(tx: Tx, group_id: str) -> Sequence[GroupGrant]:
    statement = select(group_grants).where(group_grants.c.group_id == group_id)
    return await tx.all(statement.order_by(group_grants.c.partner_id), GroupGrant)


async def settle(tx: Tx, partner_id: str) -> Settled:
    """Make a partner's grants what its own and those of groups add up to.

    The caller holds what keeps others from doing the same at this moment.
    """
    stale = (
        delete(grants)
        .where(
            grants.c.partner_id == partner_id,
            grants.c.direct_control.is_(None),
            ~_in_group(partner_id),
        )
        .returning(grants.c.station_id)
    )
    removed = await tx.scalars(stale)
    columns = ["partner_id", "station_id", "control", "created_at"]
    new = upsert(tx, grants).from_select(columns, _by_group(tx, partner_id))
    new = new.on_conflict_do_nothing().returning(grants.c.station_id)
    added = await tx.scalars(new)
    effective = func.coalesce(grants.c.direct_control, literal(value=False)) | _in_group(
        partner_id, group_grants.c.control
    )
    statement = (
        update(grants)
        .where(grants.c.partner_id == partner_id, grants.c.control != effective)
        .values(control=effective)
    )
    await tx.execute(statement)
    return Settled(added=sorted(added), removed=sorted(removed))


def _by_group(tx: Tx, partner_id: str) -> Select[Any]:
    return (
        select(
            group_grants.c.partner_id,
            group_members.c.station_id,
            literal(value=False),
            literal(tx.now, UtcDateTime),
        )
        .join(group_members, group_members.c.group_id == group_grants.c.group_id)
        .where(group_grants.c.partner_id == partner_id)
        .distinct()
    )


def _in_group(partner_id: str, *further: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the station of a grant is in a group that the partner was granted."""
    return exists(
        select(group_members.c.station_id)
        .join(group_grants, group_grants.c.group_id == group_members.c.group_id)
        .where(
            and_(
                group_members.c.station_id == grants.c.station_id,
                group_grants.c.partner_id == partner_id,
                *further,
            )
        )
        .correlate(grants)
    )
