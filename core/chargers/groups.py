"""Use cases of station groups: stations that are granted together.

What a group gives is written out into the grants of its partners at once, so nobody who reads
knows of groups. The group's row is locked first, then its partners, one after another.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import announcing, store, telling
from core.chargers.checks import invalid
from core.chargers.text import storable
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.page import Page, Slice
from core.partners import group_store
from core.partners import service as partners
from core.partners.group_models import GroupGrant, StationGroup

MAX_NAME: Final = 200
AT_ONCE: Final = 500
"""Stations that one call may put into a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in a group, and who was granted it."""

    station_ids: Sequence[str]
    grants: Sequence[GroupGrant]


async def create_group(tx: Tx, actor: Actor, *, name: str, livemode: bool = True) -> StationGroup:
    """Create an empty group for stations of one mode.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    group = await group_store.add(tx, id=new_id("grp"), name=_checked(name), livemode=livemode)
    after = {"name": group.name, "livemode": livemode}
    await audit.record(tx, actor, "station_group.created", group.id, after=after)
    return group


async def rename_group(tx: Tx, actor: Actor, group_id: str, name: str) -> StationGroup:
    """Give a group another name.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``.
    """
    before = await get_group(tx, group_id)
    after = await _lock(tx, group_id, name=_checked(name))
    await audit.record(
        tx,
        actor,
        "station_group.renamed",
        group_id,
        before={"name": before.name},
        after={"name": after.name},
    )
    return after


async def remove_group(tx: Tx, actor: Actor, group_id: str) -> None:
    """Remove a group; its partners see only what is granted to them otherwise.

    Raises:
        PlatformError: ``not_found``.
    """
    group = await _lock(tx, group_id, removed_at=tx.now)
    holders = await group_store.grants_of_group(tx, group_id)
    await group_store.remove_everything(tx, group_id)
    await audit.record(
        tx, actor, "station_group.removed", group_id, before={"name": group.name}, after=None
    )
    await _settle(tx, [grant.partner_id for grant in holders])


async def get_group(tx: Tx, group_id: str) -> StationGroup:
    """Return a group.

    Raises:
        PlatformError: ``not_found``.
    """
    group = await group_store.group(tx, group_id)
    if group is None:
        raise not_found("station group")
    return group


async def list_groups(tx: Tx, page: Page) -> Slice[StationGroup]:
    """Return one page of the groups."""
    return await group_store.page(tx, page)


async def contents_of(tx: Tx, group_id: str) -> Contents:
    """Return the stations of a group and its grants.

    Raises:
        PlatformError: ``not_found``.
    """
    await get_group(tx, group_id)
    return Contents(
        station_ids=await group_store.members(tx, group_id),
        grants=await group_store.grants_of_group(tx, group_id),
    )


async def add_stations(
    tx: Tx, actor: Actor, group_id: str, station_ids: Collection[str]
) -> StationGroup:
    """Put stations into a group; partners who were granted it see them, and hear of them.

    Raises:
        PlatformError: ``not_found``: the group, or one of the stations; ``conflict``: a station
            of the other mode; ``invalid_parameter``: more than 500.
    """
    wanted = set(station_ids)
    if not 0 < len(wanted) <= AT_ONCE:
        raise invalid("station_ids", f"has 1 to {AT_ONCE} stations")
    group = await _lock(tx, group_id)
    found = await store.stations_by_id(tx, wanted)
    if len(found) != len(wanted):
        raise not_found("station")
    if any(station.livemode is not group.livemode for station in found):
        mode = "live" if group.livemode else "test"
        raise PlatformError("conflict", f"The group is for stations of {mode} mode.")
    await group_store.add_members(tx, group_id, wanted)
    await audit.record(
        tx, actor, "station_group.stations_added", group_id, after={"station_ids": sorted(wanted)}
    )
    await _settle_holders(tx, group_id)
    return group


async def take_station(tx: Tx, actor: Actor, group_id: str, station_id: str) -> None:
    """Take a station out of a group; its partners do not see it any more by that.

    Raises:
        PlatformError: ``not_found``.
    """
    await _lock(tx, group_id)
    if not await group_store.remove_member(tx, group_id, station_id):
        raise not_found("station in this group")
    await audit.record(
        tx,
        actor,
        "station_group.station_taken",
        group_id,
        before={"station_id": station_id},
        after=None,
    )
    await _settle_holders(tx, group_id)


async def grant_group(
    tx: Tx, actor: Actor, partner_id: str, group_id: str, *, control: bool
) -> GroupGrant:
    """Let a partner see every station that is or comes into a group, and charge with *control*.

    Raises:
        PlatformError: ``not_found``: no such group or partner.
    """
    await partners.get(tx, partner_id)
    await _lock(tx, group_id)
    grant = await group_store.put_grant(tx, partner_id, group_id, control=control)
    after = {"group_id": group_id, "control": control}
    await audit.record(tx, actor, "group_grant.given", partner_id, after=after)
    await _settle(tx, [partner_id])
    return grant


async def revoke_group(tx: Tx, actor: Actor, partner_id: str, group_id: str) -> None:
    """Take a group back from a partner; sessions that run go on.

    Raises:
        PlatformError: ``not_found``.
    """
    await _lock(tx, group_id)
    grant = await group_store.remove_grant(tx, partner_id, group_id)
    if grant is None:
        raise not_found("grant")
    before = {"group_id": group_id, "control": grant.control}
    await audit.record(tx, actor, "group_grant.revoked", partner_id, before=before, after=None)
    await _settle(tx, [partner_id])


async def _lock(tx: Tx, group_id: str, **values: object) -> StationGroup:
    group = await group_store.change(tx, group_id, **values)
    if group is None:
        raise not_found("station group")
    return group


async def _settle_holders(tx: Tx, group_id: str) -> None:
    holders = await group_store.grants_of_group(tx, group_id)
    await _settle(tx, [grant.partner_id for grant in holders])


async def _settle(tx: Tx, partner_ids: Sequence[str]) -> None:
    """Write out what partners may see now, and tell each what came and what went."""
    for partner_id in sorted(partner_ids):
        await telling.grants_changed(tx, partner_id)
        settled = await group_store.settle(tx, partner_id)
        for station_ids, type_ in (
            (settled.added, "station.created"),
            (settled.removed, "station.removed"),
        ):
            await announcing.tell_stations(tx, station_ids, type_, partner_id=partner_id)


def _checked(name: str) -> str:
    if not name.strip() or name != storable(name, max_chars=MAX_NAME):
        raise invalid("name", f"has 1 to {MAX_NAME} characters, none of them NUL")
    return name
