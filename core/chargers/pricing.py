"""Use cases of prices as partners see them: which tariff holds where, shown on stations.

A station's row names the tariff that holds there now. A version begins to hold by the clock, so a
job looks which began, and touches the stations that it changes: they are told as any change is.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from core.audit.service import Actor
from core.chargers import announcing, pricing_store, store
from core.kernel.db import Database, Tx
from core.kernel.errors import not_found
from core.kernel.page import Page, Slice
from core.kernel.times import rfc3339
from core.tariffs import service as tariffs
from core.tariffs import store as tariff_store
from core.tariffs.cost import Prices
from core.tariffs.models import Tariff

AT_ONCE: Final = 100
"""Stations that one transaction gives another default tariff."""


async def offer(
    tx: Tx,
    actor: Actor,
    prices: Prices,
    *,
    station_id: str | None,
    text: str | None = None,
    language: str | None = None,
    valid_from: datetime | None = None,
) -> Tariff:
    """Do what ``tariffs.offer`` does; a station's own that holds now is shown at once.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    tariff = await tariffs.offer(
        tx,
        actor,
        prices,
        station_id=station_id,
        text=text,
        language=language,
        valid_from=valid_from,
    )
    await _show_at_once(tx, tariff)
    return tariff


async def withdraw(
    tx: Tx, actor: Actor, *, station_id: str | None, valid_from: datetime | None = None
) -> Tariff:
    """Do what ``tariffs.withdraw`` does; what holds at the station then is shown at once.

    Raises:
        PlatformError: ``invalid_parameter``, ``not_found``.
    """
    tariff = await tariffs.withdraw(tx, actor, station_id=station_id, valid_from=valid_from)
    await _show_at_once(tx, tariff)
    return tariff


async def show_what_holds(db: Database) -> int:
    """Let stations show the versions that began to hold; return how many stations changed."""
    changed = 0
    while True:
        async with db.transaction() as tx:
            tariff = await tariff_store.begun(tx)
            if tariff is None:
                return changed
            changed += await _show(tx, tariff)


async def list_tariffs(tx: Tx, *, partner_id: str, livemode: bool, page: Page) -> Slice[Tariff]:
    """Return one page of the tariffs at stations granted to a partner, and of the default."""
    return await pricing_store.page(tx, partner_id=partner_id, livemode=livemode, wanted=page)


async def get_tariff(tx: Tx, tariff_id: str, *, partner_id: str, livemode: bool) -> Tariff:
    """Return a version of a tariff that a partner may see.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await pricing_store.one(tx, tariff_id, partner_id=partner_id, livemode=livemode)
    if found is None:
        raise not_found("tariff")
    return found


def tariff_view(tariff: Tariff) -> dict[str, Any]:
    """Return a tariff of the partner API: prices without tax, as money."""
    prices = tariff.prices

    def money(amount: Decimal) -> dict[str, str]:
        return {"amount": f"{amount:f}", "currency": prices.currency}

    return {
        "id": tariff.id,
        "object": "tariff",
        "station_id": tariff.station_id,
        "currency": tariff.currency,
        "per_kwh": money(prices.per_kwh),
        "per_minute": money(prices.per_minute),
        "start_fee": money(prices.start_fee),
        "tax_percent": tariff.tax_percent,
        "text": tariff.text,
        "language": tariff.language,
        "valid_from": rfc3339(tariff.valid_from),
        "created_at": rfc3339(tariff.created_at),
        "updated_at": rfc3339(tariff.created_at),
    }


async def _show_at_once(tx: Tx, tariff: Tariff) -> None:
    if tariff.station_id is not None and tariff.valid_from <= tx.now:
        await _show(tx, tariff)


async def _show(tx: Tx, tariff: Tariff) -> int:
    """Let the stations of a version that began show what holds now; return how many changed.

    A default concerns the stations that show a default or none, a part of them in each
    transaction; when none is left the version is done.
    """
    holds = await tariffs.holding(tx, station_id=tariff.station_id, at=tx.now)
    tariff_id = None if holds is None else holds.id
    if tariff.station_id is not None:
        found = [tariff.station_id]
        await tariff_store.note_shown(tx, tariff.id)
    else:
        found = list(await pricing_store.with_other_default(tx, tariff_id, limit=AT_ONCE))
        if len(found) < AT_ONCE:
            await tariff_store.note_shown(tx, tariff.id)
    for station_id in found:
        if await store.change_station(tx, station_id, tariff_id=tariff_id) is not None:
            await announcing.station_changed(tx, station_id)
    return len(found)
