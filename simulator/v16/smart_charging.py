"""Smart charging of a 1.6 charger (OCPP 1.6 5.5, 5.7, 5.16)."""

from typing import Any

from ocpp.v16 import call_result
from ocpp.v16 import enums as e

from simulator import smart
from simulator.clock import timestamp
from simulator.ledger import Payload
from simulator.profiles import STATION_MAX, Profile
from simulator.station import Station

_PURPOSES = {"ChargePointMaxProfile": STATION_MAX}
_UNIT = "A"


def set_charging_profile(
    station: Station, *, connector_id: int, cs_charging_profiles: Payload, **_: Any
) -> Any:
    refusal = smart.set_profile(station, connector_id, cs_charging_profiles, replace=True)
    accepted, rejected = e.ChargingProfileStatus.accepted, e.ChargingProfileStatus.rejected
    return call_result.SetChargingProfile(rejected if refusal else accepted)


def clear_charging_profile(
    station: Station,
    *,
    id: int | None = None,  # noqa: A002 - OCPP's name
    connector_id: int | None = None,
    charging_profile_purpose: str | None = None,
    stack_level: int | None = None,
    **_: Any,
) -> Any:
    purpose = charging_profile_purpose and _PURPOSES.get(
        charging_profile_purpose, charging_profile_purpose
    )

    def wanted(profile: Profile) -> bool:
        if id is not None:
            return profile.id == id
        return (
            connector_id in {None, profile.connector}
            and purpose in {None, profile.purpose}
            and stack_level in {None, profile.stack}
        )

    cleared = smart.clear(station, wanted)
    accepted, unknown = e.ClearChargingProfileStatus.accepted, e.ClearChargingProfileStatus.unknown
    return call_result.ClearChargingProfile(accepted if cleared else unknown)


def get_composite_schedule(
    station: Station,
    *,
    connector_id: int,
    duration: int,
    charging_rate_unit: str | None = None,
    **_: Any,
) -> Any:
    unit = charging_rate_unit or _UNIT
    found = smart.composite(station, connector_id, duration_s=duration, unit=unit)
    if found is None:
        return call_result.GetCompositeSchedule(e.GetCompositeScheduleStatus.rejected)
    return call_result.GetCompositeSchedule(
        e.GetCompositeScheduleStatus.accepted,
        connector_id=connector_id,
        schedule_start=timestamp(found.start),
        charging_schedule={
            "duration": duration,
            "charging_rate_unit": unit,
            "charging_schedule_period": found.periods,
        },
    )
