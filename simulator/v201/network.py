"""Network profiles (OCPP 2.0.1 B09-B10)."""

from typing import Any
from urllib.parse import urlsplit

from ocpp.v201 import call_result
from ocpp.v201 import enums as e

from simulator.ledger import Payload
from simulator.station import Station
from simulator.v201.info import because
from simulator.v201.variables import NETWORK_PRIORITY

SLOTS = range(1, 4)
FIRST_SLOT = 1
"""The slot of the connection the station came with."""


def set_network_profile(
    station: Station, *, configuration_slot: int, connection_data: Payload, **_: Any
) -> Any:
    accepted = e.SetNetworkProfileStatusEnumType.accepted
    rejected = e.SetNetworkProfileStatusEnumType.rejected
    failed = e.SetNetworkProfileStatusEnumType.failed
    url = str(connection_data["ocpp_csms_url"])
    profile = int(connection_data["security_profile"])
    if configuration_slot not in SLOTS:
        return call_result.SetNetworkProfile(rejected, because("InvalidConfSlot"))
    if connection_data["ocpp_version"] != "OCPP20" or connection_data["ocpp_transport"] != "JSON":
        return call_result.SetNetworkProfile(rejected, because("InvalidNetworkConf"))
    if profile < station.config.security_profile:
        return call_result.SetNetworkProfile(rejected, because("NoSecurityDowngrade"))
    if urlsplit(url).scheme not in {"ws", "wss"}:
        return call_result.SetNetworkProfile(failed, because("InvalidURL"))
    station.network_profiles[configuration_slot] = connection_data
    return call_result.SetNetworkProfile(accepted)


def unusable(station: Station, priority: str) -> str | None:
    """Return why NetworkConfigurationPriority cannot be *priority*; ``None`` if it can (B09)."""
    slots = [slot.strip() for slot in priority.split(",")]
    known = {str(FIRST_SLOT), *map(str, station.network_profiles)}
    return None if slots and all(slot in known for slot in slots) else "InvalidConfSlot"


def choose(station: Station) -> None:
    """Connect by the slot with the highest priority from now on (B10)."""
    slot = station.settings.text(NETWORK_PRIORITY).split(",")[0].strip()
    data = station.network_profiles.get(int(slot)) if slot.isdigit() else None
    station.base_url = None if data is None else str(data["ocpp_csms_url"])
    active = station.settings.find("OCPPCommCtrlr.ActiveNetworkProfile")
    if active is not None:
        active.value = slot if data is not None else str(FIRST_SLOT)
