"""Clocks, cars and meters."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import ManualClock, ScaledClock, SimulatedCharger, Vehicle
from simulator.clock import parse_timestamp, timestamp
from simulator.ev import arrive, charge, power_w
from simulator.redact import redacted
from tests.simulator.central import Central
from tests.simulator.making import MakeCharger

START = datetime(2026, 3, 1, tzinfo=UTC)

vehicles = st.builds(
    Vehicle,
    capacity_wh=st.integers(1000, 200_000),
    soc_percent=st.floats(0, 100),
    max_power_w=st.integers(500, 350_000),
    taper_from_percent=st.floats(1, 99),
)


@given(vehicle=vehicles, steps=st.lists(st.floats(0, 7200), max_size=20))
def test_battery_fills_and_never_overflows(vehicle: Vehicle, steps: list[float]) -> None:
    car = arrive(vehicle)
    room_wh = (100 - vehicle.soc_percent) / 100 * vehicle.capacity_wh
    total_wh = 0.0
    for seconds in steps:
        before = car.soc_percent
        energy_wh = charge(car, limit_w=22_000, seconds=seconds)
        assert 0 <= energy_wh <= min(22_000, vehicle.max_power_w) * seconds / 3600 + 1e-6
        assert before <= car.soc_percent <= 100.0001
        total_wh += energy_wh
    assert total_wh <= room_wh + 1e-3


def test_power_tapers_towards_full() -> None:
    car = arrive(Vehicle(max_power_w=11_000, taper_from_percent=80))
    powers = []
    for soc_percent in (50, 80, 90, 98, 100):
        car.soc_percent = soc_percent
        powers.append(power_w(car, limit_w=22_000))
    assert powers == [11_000, 11_000, 5_500, pytest.approx(1_100), 0]


def test_scaled_clock_starts_now_and_runs_fast() -> None:
    clock = ScaledClock(1_000_000)
    assert clock.now() >= datetime.now(UTC) - timedelta(seconds=1)
    with pytest.raises(ValueError, match="positive"):
        ScaledClock(0)


async def test_manual_clock_wakes_sleepers_when_they_are_due() -> None:
    clock = ManualClock(START)
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as tasks:
        for seconds in (0, 20, 10):
            tasks.create_task(sleeper(seconds))
        await asyncio.sleep(0)
        clock.advance(10)
        await asyncio.sleep(0)
        assert woken == [0, 10]
        clock.advance(10)
    assert woken == [0, 10, 20]


@pytest.mark.parametrize("text", ["2026-03-01T00:00:00Z", "2026-03-01T00:00:00"])
def test_timestamps_without_zone_are_utc(text: str) -> None:
    assert timestamp(parse_timestamp(text)) == "2026-03-01T00:00:00.000Z"


def test_secrets_are_hidden_wherever_they_stand() -> None:
    entry = {"variable": {"name": "basicAuthPassword"}, "attributeValue": "secret"}
    assert "secret" not in repr(redacted({"setVariableData": [entry, 1]}))
    assert redacted({"key": ["AuthorizationKey"]}) == {"key": ["AuthorizationKey"]}
    assert redacted({"key": "AuthorizationKey", "value": "x"})["value"] == "***"


async def test_energy_is_power_times_time_on_a_manual_clock(
    central: Central, make: MakeCharger
) -> None:
    config = make(meter_wh=1000, auto_plug=False).station.config
    clock = ManualClock(START)
    async with SimulatedCharger(config, clock=clock) as charger:
        transaction = await charger.start_local(1, "LOCAL")
        clock.advance(3600)
        charger.stop_local(1)
        await charger.wait_ended(transaction)
    assert transaction.started_at == START
    assert (transaction.meter_start_wh, transaction.meter_stop_wh) == (1000, 12_000)


async def test_full_battery_suspends_the_session(central: Central, make: MakeCharger) -> None:
    vehicle = Vehicle(capacity_wh=1000, soc_percent=99.0)
    async with make(vehicle=vehicle, speed=2000.0, meter_interval_s=3600.0) as charger:
        await charger.start_local(1, "LOCAL")
        await charger.wait_until(lambda: charger.connector(1).state == "SuspendedEV")
        await charger.wait_settled()
    told = central.statuses(1) + [
        call.payload["transactionInfo"]["chargingState"] for call in central.of("TransactionEvent")
    ]
    assert "SuspendedEV" in told


async def test_same_seed_gives_the_same_life(central: Central, make: MakeCharger) -> None:
    first, second, other = make(seed=4), make(seed=4), make(seed=5)
    ids = [charger.station.new_message_id() for charger in (first, second, other)]
    assert ids[0] == ids[1] != ids[2]
    assert first.connector(1).meter_wh == second.connector(1).meter_wh
