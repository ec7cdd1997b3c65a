"""SQL of prices as partners see them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, or_, select

from core.chargers.models import stations
from core.kernel.db import Tx
from core.kernel.page import Page, Slice, paginate
from core.partners.models import grants
from core.tariffs.models import Tariff, tariffs


async def page(tx: Tx, *, partner_id: str, livemode: bool, wanted: Page) -> Slice[Tariff]:
    """Return tariffs by when they were offered: they never change after that."""
    ordered = select(tariffs.c.id, tariffs.c.created_at.label("updated_at")).subquery("ordered")
    statement = _visible(partner_id, livemode).join(ordered, ordered.c.id == tariffs.c.id)
    return await paginate(tx, statement, ordered, wanted, Tariff)


async def one(tx: Tx, tariff_id: str, *, partner_id: str, livemode: bool) -> Tariff | None:
    statement = _visible(partner_id, livemode).where(tariffs.c.id == tariff_id)
    return await tx.one_or_none(statement, Tariff)


async def with_other_default(tx: Tx, tariff_id: str | None, *, limit: int) -> Sequence[str]:
    """Return stations that show a default, or nothing, and not the one that holds now."""
    defaults = select(tariffs.c.id).where(tariffs.c.station_id.is_(None))
    shown = stations.c.tariff_id
    statement = select(stations.c.id).where(
        stations.c.removed_at.is_(None),
        or_(shown.is_(None), shown.in_(defaults)),
        shown.is_distinct_from(tariff_id),
    )
    return await tx.scalars(statement.order_by(stations.c.id).limit(limit))


def _visible(partner_id: str, livemode: bool) -> Select[Any]:
    granted = (
        select(grants.c.station_id)
        .join(stations, stations.c.id == grants.c.station_id)
        .where(
            grants.c.partner_id == partner_id,
            stations.c.livemode == livemode,
            stations.c.removed_at.is_(None),
        )
    )
    return select(tariffs).where(
        tariffs.c.is_offered,
        or_(tariffs.c.station_id.is_(None), tariffs.c.station_id.in_(granted)),
    )
