"""Charging profiles change what a car gets."""

from datetime import timedelta
from typing import Any

import pytest

from simulator import SimulatedCharger, Version
from simulator.clock import timestamp
from simulator.switches import Switches
from simulator.v201 import iso15118
from tests.simulator.asking import is16, remote_start
from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger

ONE_16_A_W = 16 * 230 * 3
only_201 = pytest.mark.parametrize("version", ["2.0.1"])


def profile(
    version: Version,
    *,
    id: int = 1,  # noqa: A002
    purpose: str = "TxDefaultProfile",
    stack: int = 0,
    periods: list[tuple[int, float]] | None = None,
    unit: str = "A",
    kind: str = "Relative",
    **more: Any,
) -> Payload:
    schedule: Payload = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": start, "limit": limit} for start, limit in periods or [(0, 16.0)]
        ],
    }
    for name in ("startSchedule", "duration"):
        if name in more:
            schedule[name] = more.pop(name)
    common = {"stackLevel": stack, "chargingProfilePurpose": purpose, "chargingProfileKind": kind}
    if version == "1.6":
        return {"chargingProfileId": id, **common, "chargingSchedule": schedule, **more}
    return {"id": id, **common, "chargingSchedule": [{"id": 1, **schedule}], **more}


async def install(central: Central, charger: SimulatedCharger, number: int, wish: Payload) -> str:
    if is16(charger):
        payload: Payload = {"connectorId": number, "csChargingProfiles": wish}
    else:
        payload = {"evseId": number, "chargingProfile": wish}
    answer = await central.ask(charger.identity, "SetChargingProfile", payload)
    return str(answer["status"])


def power_w(charger: SimulatedCharger) -> float:
    offered = charger.connector(1).offered_w
    assert offered is not None
    return offered


async def test_profile_limits_a_running_transaction_and_its_meter(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        await charger.start_local(1, "LOCAL")
        await charger.wait_transaction(1)
        assert power_w(charger) == 22_000
        wish = profile(version, periods=[(0, 6.0)])
        assert await install(central, charger, 1, wish) == "Accepted"
        await charger.wait_until(lambda: power_w(charger) == 6 * 230 * 3)
        trigger = {"requestedMessage": "MeterValues" if version == "1.6" else "TransactionEvent"}
        await central.ask("CP-1", "TriggerMessage", trigger)
        await central.until(lambda: "Trigger" in str([c.payload for c in central.calls[-3:]]))
    [found] = [c for c in central.calls if '"Trigger"' in str(c.payload).replace("'", '"')][:1]
    values = found.payload["meterValue"][0]["sampledValue"]
    (power,) = [v for v in values if v["measurand"] == "Power.Active.Import"]
    assert float(power["value"]) == 6 * 230 * 3


async def test_purposes_and_levels_stack(
    central: Central, make: MakeCharger, version: Version
) -> None:
    """TxProfile over TxDefaultProfile, higher level over lower, and the station over all."""
    whole = "ChargePointMaxProfile" if version == "1.6" else "ChargingStationMaxProfile"
    async with make() as charger:
        tx = profile(version, id=3, purpose="TxProfile", periods=[(0, 12.0)])
        assert await install(central, charger, 1, tx) == "Rejected"
        await charger.start_local(1, "LOCAL")
        transaction = await charger.wait_transaction(1)
        for wish, number, expected_w in (
            (profile(version, id=1, periods=[(0, 20.0)]), 0, 20 * 690),
            (profile(version, id=2, stack=1, periods=[(0, 9000.0)], unit="W"), 1, 9000),
            (tx, 1, 12 * 690),
            (profile(version, id=4, purpose=whole, periods=[(0, 5000.0)], unit="W"), 0, 5000),
        ):
            assert await install(central, charger, number, wish) == "Accepted"
            await charger.wait_until(lambda w=expected_w: power_w(charger) == w)  # type: ignore[misc]
        charger.stop_local(1)
        await charger.wait_ended(transaction)
        assert [p.id for p in charger.station.profiles.installed] == [1, 2, 4]


async def test_schedule_changes_the_power_when_its_period_begins(
    central: Central, make: MakeCharger, version: Version
) -> None:
    """Nothing for a while suspends the charging, and it goes on by itself."""
    async with make() as charger:
        wish = profile(version, periods=[(0, 16.0), (60, 0.0), (120, 8.0)])
        assert await install(central, charger, 0, wish) == "Accepted"
        await charger.start_local(1, "LOCAL")
        transaction = await charger.wait_transaction(1)
        await charger.wait_until(lambda: charger.connector(1).state == "SuspendedEVSE")
        await charger.wait_until(lambda: charger.connector(1).state == "Charging")
        assert power_w(charger) == 8 * 690
        charger.stop_local(1)
        await charger.wait_ended(transaction)
    if version == "1.6":
        assert "SuspendedEVSE" in central.statuses()
    else:
        events = [c.payload for c in central.of("TransactionEvent")]
        states = [event["transactionInfo"].get("chargingState") for event in events]
        assert states.index("SuspendedEVSE") < len(states) - 1


async def test_profile_comes_with_a_remote_start_and_goes_with_its_transaction(
    central: Central, make: MakeCharger, version: Version
) -> None:
    wish = profile(version, id=9, purpose="TxProfile", periods=[(0, 10.0)])
    if version == "1.6":
        action: str = "RemoteStartTransaction"
        payload: Payload = {"connectorId": 1, "idTag": "TAG", "chargingProfile": wish}
    else:
        action = "RequestStartTransaction"
        payload = {
            "evseId": 1,
            "idToken": {"idToken": "TAG", "type": "Central"},
            "remoteStartId": 7,
            "chargingProfile": wish,
        }
    async with make() as charger:
        assert (await central.ask("CP-1", action, payload))["status"] == "Accepted"
        transaction = await charger.wait_transaction(1)
        assert power_w(charger) == 10 * 690
        charger.stop_local(1)
        await charger.wait_ended(transaction)
        assert charger.station.profiles.installed == []
        payload["chargingProfile"] = profile(version, id=9)
        assert (await central.ask("CP-1", action, payload))["status"] == "Rejected"


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (9, {}),
        (1, {"stack": 11}),
        (1, {"periods": [(5, 16.0)]}),
        (1, {"periods": [(n, 16.0) for n in range(51)]}),
        (1, {"kind": "Recurring"}),
        (1, {"purpose": "max"}),
    ],
)
async def test_profile_that_makes_no_sense_is_rejected(
    central: Central, make: MakeCharger, version: Version, number: int, change: Payload
) -> None:
    if change.get("purpose") == "max":
        whole = "ChargePointMaxProfile" if version == "1.6" else "ChargingStationMaxProfile"
        change = {"purpose": whole}
    async with make() as charger:
        assert await install(central, charger, number, profile(version, **change)) == "Rejected"


async def test_same_place_is_replaced_in_1_6_and_refused_in_2_0_1(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        assert await install(central, charger, 1, profile(version, id=1)) == "Accepted"
        expected = "Accepted" if version == "1.6" else "Rejected"
        assert await install(central, charger, 1, profile(version, id=2)) == expected
        assert await install(central, charger, 1, profile(version, id=1)) == "Accepted"
        assert len(charger.station.profiles.installed) == 1


async def test_composite_schedule_is_what_all_profiles_allow(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        start = timestamp(charger.station.clock.now() - timedelta(hours=1))
        wish = profile(
            version,
            kind="Absolute",
            periods=[(0, 16.0), (4000, 8.0)],
            startSchedule=start,
            duration=5000,
        )
        await install(central, charger, 1, wish)
        place = "connectorId" if version == "1.6" else "evseId"
        ask: Payload = {place: 1, "duration": 3600, "chargingRateUnit": "A"}
        answer = await central.ask("CP-1", "GetCompositeSchedule", ask)
        assert answer["status"] == "Accepted"
        found = answer["chargingSchedule" if version == "1.6" else "schedule"]
        periods = found["chargingSchedulePeriod"]
        assert [period["limit"] for period in periods] == [16.0, 8.0, 31.9]
        assert periods[0]["startPeriod"] == 0
        whole = await central.ask("CP-1", "GetCompositeSchedule", {**ask, place: 0})
        assert whole["status"] == "Accepted"
        unknown = await central.ask("CP-1", "GetCompositeSchedule", {**ask, place: 9})
        assert unknown["status"] == "Rejected"


async def test_profiles_are_cleared_by_id_or_by_what_they_are(
    central: Central, make: MakeCharger, version: Version
) -> None:
    def by_level(level: int) -> Payload:
        if version == "1.6":
            return {"stackLevel": level}
        return {"chargingProfileCriteria": {"stackLevel": level}}

    by_id: Payload = {"id": 1} if version == "1.6" else {"chargingProfileId": 1}
    async with make() as charger:
        await install(central, charger, 1, profile(version, id=1))
        await install(central, charger, 1, profile(version, id=2, stack=3))
        for wish, expected in (
            (by_id, "Accepted"),
            (by_id, "Unknown"),
            (by_level(2), "Unknown"),
            (by_level(3), "Accepted"),
        ):
            answer = await central.ask("CP-1", "ClearChargingProfile", wish)
            assert answer == {"status": expected}


@only_201
async def test_2_0_1_profiles_are_reported_as_they_were_sent(
    central: Central, make: MakeCharger
) -> None:
    async with make(connectors=2) as charger:
        first, second = profile("2.0.1", id=1), profile("2.0.1", id=2, stack=1)
        await install(central, charger, 1, first)
        await install(central, charger, 2, second)
        wish: Payload = {"requestId": 5, "chargingProfile": {"chargingProfilePurpose": "TxProfile"}}
        assert await central.ask("CP-1", "GetChargingProfiles", wish) == {"status": "NoProfiles"}
        wish = {"requestId": 6, "chargingProfile": {"chargingProfilePurpose": "TxDefaultProfile"}}
        assert await central.ask("CP-1", "GetChargingProfiles", wish) == {"status": "Accepted"}
        await central.until(lambda: len(central.of("ReportChargingProfiles")) == 2)
    reports = [call.payload for call in central.of("ReportChargingProfiles")]
    assert [(r["evseId"], r["chargingProfile"], r["tbc"]) for r in reports] == [
        (1, [first], True),
        (2, [second], False),
    ]


@only_201
async def test_2_0_1_energy_manager_limits_the_station_and_says_so(
    central: Central, make: MakeCharger
) -> None:
    async with make() as charger:
        assert await remote_start(central, charger) == "Accepted"
        await charger.wait_transaction(1)
        iso15118.limit(charger.station, 0, 4000.0, source="EMS")
        await charger.wait_until(lambda: power_w(charger) == 4000)
        iso15118.lift(charger.station, 0, source="EMS")
        await charger.wait_until(lambda: power_w(charger) == 22_000)
        await central.until(lambda: central.of("ClearedChargingLimit"))
    assert len(central.of("NotifyChargingLimit")) == 1
    reasons = [call.payload["triggerReason"] for call in central.of("TransactionEvent")]
    assert reasons.count("ChargingRateChanged") == 2


@only_201
async def test_2_0_1_car_with_iso_15118_names_its_needs_and_its_plan(
    central: Central, make: MakeCharger
) -> None:
    async with make(switches=Switches(iso15118=True)) as charger:
        await charger.start_local(1, "LOCAL")
        await central.until(lambda: central.of("NotifyEVChargingSchedule"))
    (needs,) = central.of("NotifyEVChargingNeeds")
    assert needs.payload["chargingNeeds"]["acChargingParameters"]["evMinCurrent"] == 6
