"""Energy and doubts of a session: the same in any order, never negative (I22, I23)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sessions.quality import Register, assess, quality
from core.sessions.states import DataQuality

START = datetime(2026, 1, 1, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return START + timedelta(minutes=count)


def registers(*pairs: tuple[float, int]) -> list[Register]:
    return [
        Register(number=number, at=minutes(minute), energy_wh=energy_wh)
        for number, (minute, energy_wh) in enumerate(pairs)
    ]


def test_i22_energy_is_last_minus_first() -> None:
    result = assess(
        start=(START, 1000),
        stop=(minutes(30), 6000),
        readings=registers((10, 2500), (20, 4000)),
        max_power_w=22_000,
    )

    assert (result.first_wh, result.last_wh, result.energy_wh) == (1000, 6000, 5000)
    assert result.flags == frozenset()


@pytest.mark.parametrize(
    ("start_wh", "readings", "stop_wh", "energy_wh", "flags"),
    [
        (1000, [(10, 0), (20, 3000)], 4000, 3000, {"placeholder_zero"}),
        (1000, [(10, 2500), (20, 2400)], 4000, 3000, {"register_fell"}),
        (1000, [(10, 900_000)], 4000, 3000, {"register_jumped"}),
        (1000, [(10, 2500)], None, 1500, {"no_stop_register"}),
        (1000, [(10, 2500)], 0, 1500, {"placeholder_zero", "no_stop_register"}),
        (1000, [(10, 2500)], 2000, 1500, {"stop_register_fell"}),
        (1000, [(10, 2500)], 9_000_000, 1500, {"stop_register_jumped"}),
        (None, [(10, 2500)], 4000, 1500, {"no_start_register"}),
        (None, [], 4000, 0, {"no_registers"}),
        (None, [], None, 0, {"no_registers", "no_stop_register"}),
        (1000, [], None, 0, {"no_stop_register"}),
    ],
)
def test_i22_an_impossible_register_is_flagged_and_left_out(
    start_wh: int | None,
    readings: list[tuple[float, int]],
    stop_wh: int | None,
    energy_wh: int,
    flags: set[str],
) -> None:
    result = assess(
        start=(START, start_wh),
        stop=(minutes(30), stop_wh),
        readings=registers(*readings),
        max_power_w=22_000,
    )

    assert result.energy_wh == energy_wh
    assert result.flags == flags


def test_a_long_pause_between_readings_is_a_gap() -> None:
    regular = registers(*((minute, 1000 + 100 * minute) for minute in range(1, 9)))
    holed = [register for register in regular if not 3 <= register.number <= 6]

    def flags(readings: list[Register]) -> frozenset[str]:
        return assess(
            start=(START, 1000), stop=(minutes(9), 1900), readings=readings, max_power_w=None
        ).flags

    assert flags(regular) == frozenset()
    assert flags(holed) == {"readings_missing"}


@given(
    readings=st.lists(
        st.tuples(st.integers(0, 600), st.integers(0, 200_000)), max_size=12, unique_by=lambda p: p
    ),
    start_wh=st.none() | st.integers(0, 100_000),
    stop_wh=st.none() | st.integers(0, 200_000),
    data=st.data(),
)
def test_i23_the_order_of_arrival_changes_nothing(
    readings: list[tuple[int, int]],
    start_wh: int | None,
    stop_wh: int | None,
    data: st.DataObject,
) -> None:
    arrived = registers(*readings)
    shuffled = data.draw(st.permutations(arrived))
    start, stop = (START, start_wh), (minutes(600), stop_wh)

    one = assess(start=start, stop=stop, readings=arrived, max_power_w=22_000)
    other = assess(start=start, stop=stop, readings=shuffled, max_power_w=22_000)

    assert one == other
    assert one.energy_wh >= 0


def test_the_worst_finding_decides_the_quality() -> None:
    assert quality([]) is DataQuality.OK
    assert quality(["naive_timestamp"]) is DataQuality.OK
    assert quality(["clock_suspect", "no_stop_register"]) is DataQuality.ESTIMATED
    assert quality(["no_stop_register", "stop_orphan"]) is DataQuality.NEEDS_REVIEW
