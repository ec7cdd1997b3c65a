"""How partners see stations, connectors and their status: in answers, and frozen into events.

An identity in OCPP, a serial number or an address on the network is never part of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from core.chargers.models import Charger, Connector, LiveConnector, Station
from core.chargers.states import ConnectorStatus
from core.kernel.times import rfc3339

STALE_AFTER: Final = timedelta(hours=1)
"""A status that nobody confirmed for so long may be wrong."""


def station_view(
    station: Station, chargers: Iterable[Charger], connectors: Iterable[Connector]
) -> dict[str, Any]:
    """Return the station of the partner API; of *chargers* and *connectors* only its own."""
    return station_views([station], chargers, connectors)[station.id]


def station_views(
    stations: Iterable[Station], chargers: Iterable[Charger], connectors: Iterable[Connector]
) -> dict[str, dict[str, Any]]:
    """Return the stations of the partner API by id; the cost grows with what there is to show."""
    by_charger: defaultdict[str, list[Connector]] = defaultdict(list)
    for connector in connectors:
        by_charger[connector.charger_id].append(connector)
    by_station: defaultdict[str | None, list[Charger]] = defaultdict(list)
    for charger in sorted(chargers, key=lambda one: one.id):
        by_station[charger.station_id].append(charger)
    return {
        station.id: _station_view(station, by_station[station.id], by_charger)
        for station in stations
    }


def _station_view(
    station: Station, chargers: Iterable[Charger], connectors: Mapping[str, list[Connector]]
) -> dict[str, Any]:
    coordinates = None
    if station.latitude is not None and station.longitude is not None:
        coordinates = {"latitude": station.latitude, "longitude": station.longitude}
    return {
        "id": station.id,
        "object": "station",
        "livemode": station.livemode,
        "name": station.name,
        "address": station.address,
        "city": station.city,
        "country": station.country,
        "coordinates": coordinates,
        "time_zone": station.time_zone,
        "opening_times": station.opening_times,
        "pictures": [picture_view(station.id, picture) for picture in station.pictures or ()],
        "chargers": [
            _charger_view(charger, connectors.get(charger.id, []), station.tariff_id)
            for charger in chargers
        ],
        "created_at": rfc3339(station.created_at),
        "updated_at": rfc3339(station.updated_at),
    }


def picture_view(station_id: str, picture: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shown of a picture; its content is at ``url``, if one sees the station."""
    return {
        "id": picture["id"],
        "url": f"/v1/stations/{station_id}/pictures/{picture['id']}",
        "media_type": picture["media_type"],
        "size_bytes": picture["size_bytes"],
        "caption": picture["caption"],
    }


def _charger_view(
    charger: Charger, connectors: list[Connector], tariff_id: str | None
) -> dict[str, Any]:
    ordered = sorted(connectors, key=lambda connector: (connector.evse, connector.connector))
    return {
        "id": charger.id,
        "model": charger.model,
        "vendor": charger.vendor,
        "connectors": [
            {**connector_view(connector), "tariff_id": tariff_id} for connector in ordered
        ],
    }


def connector_view(connector: Connector) -> dict[str, Any]:
    """Return what a connector is, without its status; power in W, voltage in V, current in A."""
    return {
        "id": connector.id,
        "evse": connector.evse,
        "connector": connector.connector,
        "standard": connector.standard,
        "format": connector.format,
        "power_type": connector.power_type,
        "max_power_w": connector.max_power_w,
        "max_voltage_v": connector.max_voltage_v,
        "max_current_a": connector.max_current_a,
    }


def connector_and_status_view(live: LiveConnector, *, now: datetime) -> dict[str, Any]:
    """Return the connector of the partner API: what it is and how it is."""
    status = status_view(live, now=now)
    del status["connector_id"]
    return {
        **connector_view(live.connector),
        "tariff_id": live.tariff_id,
        "object": "connector",
        "charger_id": live.charger_id,
        **status,
    }


def status_view(live: LiveConnector, *, now: datetime) -> dict[str, Any]:
    """Return the status of the partner API: ``unknown`` whenever the charger is offline."""
    connector = live.connector
    status, since = connector.status, connector.since
    if not live.online and status is not ConnectorStatus.UNKNOWN:
        status, since = ConnectorStatus.UNKNOWN, max(since, live.offline_since or since)
    return {
        "connector_id": connector.id,
        "station_id": live.station_id,
        "status": status.value,
        "since": rfc3339(since),
        "as_of": rfc3339(connector.as_of),
        "stale": not live.online or now - connector.as_of > STALE_AFTER,
        "seq": connector.seq,
    }


def presence_view(charger: Charger, *, at: datetime) -> dict[str, Any]:
    """Return the object of ``charger.online`` and ``charger.offline``."""
    return {
        "id": charger.id,
        "object": "charger",
        "station_id": charger.station_id,
        "online": charger.online,
        "at": rfc3339(at),
    }
