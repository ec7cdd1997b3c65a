"""Local list and cache of a 2.0.1 station (OCPP 2.0.1 C11, D01-D02)."""

from typing import Any

from ocpp.v201 import call_result
from ocpp.v201 import enums as e

from simulator import local_auth
from simulator.clock import parse_timestamp
from simulator.ledger import Payload
from simulator.local_auth import Entry, Known
from simulator.station import Station
from simulator.v201.info import because


def send_local_list(
    station: Station,
    *,
    version_number: int,
    update_type: str,
    local_authorization_list: list[Payload] | None = None,
    **_: Any,
) -> Any:
    if not station.flag("list_enabled"):
        return call_result.SendLocalList(
            e.SendLocalListStatusEnumType.failed, because("NotEnabled")
        )
    status = local_auth.update_list(
        station.local,
        version=version_number,
        full=update_type == e.UpdateEnumType.full,
        entries=[_entry(item) for item in local_authorization_list or []],
        limit=station.config.switches.local_list_max,
    )
    return call_result.SendLocalList(e.SendLocalListStatusEnumType(status.value))


def _entry(item: Payload) -> Entry:
    token = str(item["id_token"]["id_token"])
    info = item.get("id_token_info")
    if info is None:
        return Entry(token=token, known=None)
    group, expiry = info.get("group_id_token"), info.get("cache_expiry_date_time")
    known = Known(
        token=token,
        status=str(info["status"]),
        group=str(group["id_token"]) if group else None,
        expires_at=parse_timestamp(expiry) if expiry else None,
    )
    return Entry(token=token, known=known)


def local_list_version(station: Station, **_: Any) -> Any:
    version = station.local.version if station.flag("list_enabled") else 0
    return call_result.GetLocalListVersion(version_number=version)


def clear_cache(station: Station, **_: Any) -> Any:
    if not station.flag("cache_enabled"):
        return call_result.ClearCache(e.ClearCacheStatusEnumType.rejected)
    station.local.cache.clear()
    return call_result.ClearCache(e.ClearCacheStatusEnumType.accepted)
