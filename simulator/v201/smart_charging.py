"""Smart charging of a 2.0.1 station (OCPP 2.0.1 K01-K14)."""

from itertools import groupby
from typing import Any

from ocpp.v201 import call, call_result
from ocpp.v201 import enums as e

from simulator import smart
from simulator.clock import timestamp
from simulator.ledger import Payload
from simulator.profiles import Profile
from simulator.station import Station
from simulator.telling import tell_after
from simulator.v201.info import because

_UNIT = "A"


def set_charging_profile(
    station: Station, *, evse_id: int, charging_profile: Payload, **_: Any
) -> Any:
    refusal = smart.set_profile(station, evse_id, charging_profile, replace=False)
    if refusal is None:
        return call_result.SetChargingProfile(e.ChargingProfileStatusEnumType.accepted)
    return call_result.SetChargingProfile(
        e.ChargingProfileStatusEnumType.rejected, because(refusal.reason)
    )


def clear_charging_profile(
    station: Station,
    *,
    charging_profile_id: int | None = None,
    charging_profile_criteria: Payload | None = None,
    **_: Any,
) -> Any:
    criteria = charging_profile_criteria or {}

    def wanted(profile: Profile) -> bool:
        if charging_profile_id is not None:
            return profile.id == charging_profile_id
        found = {
            "evse_id": profile.connector,
            "charging_profile_purpose": profile.purpose,
            "stack_level": profile.stack,
        }
        return all(criteria.get(name) in {None, value} for name, value in found.items())

    cleared = smart.clear(station, wanted)
    accepted = e.ClearChargingProfileStatusEnumType.accepted
    unknown = e.ClearChargingProfileStatusEnumType.unknown
    return call_result.ClearChargingProfile(accepted if cleared else unknown)


def get_composite_schedule(
    station: Station,
    *,
    duration: int,
    evse_id: int,
    charging_rate_unit: str | None = None,
    **_: Any,
) -> Any:
    unit = charging_rate_unit or _UNIT
    found = smart.composite(station, evse_id, duration_s=duration, unit=unit)
    if found is None:
        return call_result.GetCompositeSchedule(
            e.GenericStatusEnumType.rejected, because("UnknownEvse")
        )
    schedule: Any = {
        "evse_id": evse_id,
        "duration": duration,
        "schedule_start": timestamp(found.start),
        "charging_rate_unit": unit,
        "charging_schedule_period": found.periods,
    }
    return call_result.GetCompositeSchedule(e.GenericStatusEnumType.accepted, schedule=schedule)


def get_charging_profiles(
    station: Station,
    *,
    request_id: int,
    charging_profile: Payload,
    evse_id: int | None = None,
    **_: Any,
) -> Any:
    def wanted(profile: Profile) -> bool:
        ids = charging_profile.get("charging_profile_id")
        sources = charging_profile.get("charging_limit_source")
        return (
            (evse_id is None or profile.connector == evse_id)
            and (not ids or profile.id in ids)
            and (not sources or profile.source in sources)
            and charging_profile.get("stack_level") in {None, profile.stack}
            and charging_profile.get("charging_profile_purpose") in {None, profile.purpose}
        )

    found = [profile for profile in station.profiles.installed if wanted(profile)]
    if not found:
        return call_result.GetChargingProfiles(e.GetChargingProfileStatusEnumType.no_profiles)
    found.sort(key=_place)
    groups = [(place, list(members)) for place, members in groupby(found, key=_place)]
    requests = [
        call.ReportChargingProfiles(
            request_id=request_id,
            charging_limit_source=e.ChargingLimitSourceEnumType(source),
            charging_profile=_payloads(members),
            evse_id=evse,
            tbc=number < len(groups),
        )
        for number, ((evse, source), members) in enumerate(groups, start=1)
    ]
    tell_after(station, *requests)
    return call_result.GetChargingProfiles(e.GetChargingProfileStatusEnumType.accepted)


def _payloads(profiles: list[Profile]) -> Any:
    return [profile.payload for profile in profiles]


def _place(profile: Profile) -> tuple[int, str]:
    return profile.connector, profile.source
