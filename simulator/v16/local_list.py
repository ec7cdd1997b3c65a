"""Local list and cache of a 1.6 charger (OCPP 1.6 5.4, 5.10, 5.15)."""

from typing import Any

from ocpp.v16 import call_result
from ocpp.v16 import enums as e

from simulator import local_auth
from simulator.clock import parse_timestamp
from simulator.ledger import Payload
from simulator.local_auth import Entry, Known
from simulator.station import Station

NOT_SUPPORTED = -1


def send_local_list(
    station: Station,
    *,
    list_version: int,
    update_type: str,
    local_authorization_list: list[Payload] | None = None,
    **_: Any,
) -> Any:
    if not station.flag("list_enabled"):
        return call_result.SendLocalList(e.UpdateStatus.not_supported)
    status = local_auth.update_list(
        station.local,
        version=list_version,
        full=update_type == e.UpdateType.full,
        entries=[_entry(item) for item in local_authorization_list or []],
        limit=station.config.switches.local_list_max,
    )
    return call_result.SendLocalList(e.UpdateStatus(status.value))


def _entry(item: Payload) -> Entry:
    token, info = str(item["id_tag"]), item.get("id_tag_info")
    if info is None:
        return Entry(token=token, known=None)
    expiry = info.get("expiry_date")
    known = Known(
        token=token,
        status=str(info["status"]),
        group=info.get("parent_id_tag"),
        expires_at=parse_timestamp(expiry) if expiry else None,
    )
    return Entry(token=token, known=known)


def local_list_version(station: Station, **_: Any) -> Any:
    version = station.local.version if station.flag("list_enabled") else NOT_SUPPORTED
    return call_result.GetLocalListVersion(list_version=version)


def clear_cache(station: Station, **_: Any) -> Any:
    if not station.flag("cache_enabled"):
        return call_result.ClearCache(e.ClearCacheStatus.rejected)
    station.local.cache.clear()
    return call_result.ClearCache(e.ClearCacheStatus.accepted)
