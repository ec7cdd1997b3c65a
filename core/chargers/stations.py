"""Use cases of stations: the places, and which partners may see them."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final
from zoneinfo import available_timezones

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import announcing, connector_store, opening, store, telling
from core.chargers.checks import check_columns, invalid
from core.chargers.models import Charger, Connector, Station, stations
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.page import Page, Slice
from core.partners import service as partners
from core.partners.models import Grant
from core.tariffs import service as tariffs

_CHANGEABLE: Final = (
    "name",
    "address",
    "city",
    "country",
    "latitude",
    "longitude",
    "time_zone",
    "opening_times",
)

_MAX_LATITUDE: Final = 90
_MAX_LONGITUDE: Final = 180
_RULES: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    "country": (
        "is two capital letters (ISO 3166-1)",
        lambda value: re.fullmatch("[A-Z]{2}", value) is not None,
    ),
    "latitude": ("is a number from -90 to 90", lambda value: abs(value) <= _MAX_LATITUDE),
    "longitude": ("is a number from -180 to 180", lambda value: abs(value) <= _MAX_LONGITUDE),
    "time_zone": (
        "is a name of the IANA database, such as Europe/Berlin",
        lambda value: value in available_timezones(),
    ),
}


async def create_station(
    tx: Tx,
    actor: Actor,
    *,
    name: str,
    livemode: bool = True,
    address: str | None = None,
    city: str | None = None,
    country: str | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    time_zone: str = "UTC",
    opening_times: dict[str, Any] | None = None,
) -> Station:
    """Create a station that no partner may see yet.

    Args:
        livemode: False: test data; it cannot be changed later.
        country: ISO 3166-1 alpha-2.
        time_zone: Name in the IANA database.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    values: dict[str, Any] = {
        "name": name,
        "address": address,
        "city": city,
        "country": country,
        "latitude": latitude,
        "longitude": longitude,
        "time_zone": time_zone,
        "opening_times": opening_times,
    }
    values = _checked(values)
    default = await tariffs.holding(tx, station_id=None, at=tx.now)
    station = await store.add_station(
        tx,
        id=new_id("st"),
        livemode=livemode,
        tariff_id=None if default is None else default.id,
        **values,
    )
    await audit.record(tx, actor, "station.created", station.id, after=_facts(station))
    return station


async def update_station(
    tx: Tx, actor: Actor, station_id: str, changes: Mapping[str, Any]
) -> Station:
    """Change any of the members that ``create_station`` takes, but for livemode.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``.
    """
    if unknown := set(changes) - set(_CHANGEABLE):
        raise ValueError(f"a station has no changeable {sorted(unknown)}")
    changes = _checked(changes)
    before = await get_station(tx, station_id)
    after = await store.change_station(tx, station_id, **changes)
    if after is None:
        raise not_found("station")
    await audit.record(
        tx, actor, "station.updated", station_id, before=_facts(before), after=_facts(after)
    )
    await announcing.station_changed(tx, station_id)
    return after


async def remove_station(tx: Tx, actor: Actor, station_id: str) -> None:
    """Remove a station that has no chargers (any more).

    Raises:
        PlatformError: ``not_found``; ``conflict``: there are chargers.
    """
    before = await get_station(tx, station_id)
    if await store.chargers_of_stations(tx, [station_id]):
        raise PlatformError("conflict", "Move or delete the chargers of the station first.")
    if await store.change_station(tx, station_id, removed_at=tx.now) is None:
        raise not_found("station")
    await audit.record(tx, actor, "station.removed", station_id, before=_facts(before))
    await announcing.tell_station(tx, before, "station.removed")


async def get_station(
    tx: Tx, station_id: str, *, partner_id: str | None = None, livemode: bool | None = None
) -> Station:
    """Return a station; for a partner only one that is granted to it.

    Raises:
        PlatformError: ``not_found``.
    """
    station = await store.station(tx, station_id, partner_id=partner_id, livemode=livemode)
    if station is None:
        raise not_found("station")
    return station


async def list_stations(
    tx: Tx, *, partner_id: str | None = None, livemode: bool | None = None, page: Page
) -> Slice[Station]:
    """Return one page of the stations; for a partner those that are granted to it."""
    return await store.stations_page(tx, partner_id=partner_id, livemode=livemode, page=page)


async def granted(tx: Tx, partner_id: str, *, livemode: bool) -> Sequence[Grant]:
    """Return the grants of a partner for stations of one mode, by station."""
    grants = await partners.grants_of(tx, partner_id)
    found = await store.stations_by_id(tx, [grant.station_id for grant in grants])
    shown = {station.id for station in found if station.livemode is livemode}
    return [grant for grant in grants if grant.station_id in shown]


async def tree_of(
    tx: Tx, station_ids: Collection[str]
) -> tuple[Sequence[Charger], Sequence[Connector]]:
    """Return the chargers and the connectors of stations, for ``station_view``."""
    chargers = await store.chargers_of_stations(tx, station_ids)
    connectors = await connector_store.connectors_of(tx, [charger.id for charger in chargers])
    return chargers, connectors


async def grant_station(
    tx: Tx, actor: Actor, partner_id: str, station_id: str, *, control: bool
) -> Grant:
    """Let a partner see a station and, with *control*, charge there; it hears of a new one.

    Raises:
        PlatformError: ``not_found``: no such station or partner.
    """
    station = await get_station(tx, station_id)
    await partners.get(tx, partner_id)
    await telling.grants_changed(tx, partner_id)
    is_new = await partners.access(tx, partner_id, station_id) is None
    grant = await partners.grant(tx, actor, partner_id, station_id, control=control)
    if is_new:
        await announcing.tell_station(tx, station, "station.created", partner_ids=[partner_id])
    return grant


async def revoke_station(tx: Tx, actor: Actor, partner_id: str, station_id: str) -> None:
    """Take a grant away; the partner hears that the station is gone, running sessions go on.

    A station that a group gives as well stays.

    Raises:
        PlatformError: ``not_found``.
    """
    if await partners.access(tx, partner_id, station_id) is None:
        raise not_found("grant")
    await telling.grants_changed(tx, partner_id)
    await partners.revoke_grant(tx, actor, partner_id, station_id)
    station = await store.station(tx, station_id, partner_id=None, livemode=None)
    if station is not None and await partners.access(tx, partner_id, station_id) is None:
        await announcing.tell_station(tx, station, "station.removed", partner_ids=[partner_id])


def _facts(station: Station) -> dict[str, Any]:
    return {"livemode": station.livemode} | {name: getattr(station, name) for name in _CHANGEABLE}


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* as they are stored; refuse what the database, a map or a clock cannot use."""
    check_columns(stations, values)
    for name, (rule, fits) in _RULES.items():
        if values.get(name) is not None and not fits(values[name]):
            raise invalid(name, rule)
    times = values.get("opening_times")
    return dict(values) if times is None else {**values, "opening_times": opening.checked(times)}


async def require_visible(
    tx: Tx, *, partner_id: str, livemode: bool, station_ids: Collection[str]
) -> None:
    """Make sure that a partner may see all of these stations in this mode.

    Raises:
        PlatformError: ``not_found``: one of them is hidden from it, or does not exist.
    """
    if not station_ids:
        return
    found = await store.visible_stations(tx, station_ids, partner_id=partner_id, livemode=livemode)
    if not found.issuperset(station_ids):
        raise not_found("station")
