from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.readings import IMPOSSIBLE, NAIVE, Sample, instant, reading, register_wh

AT = "2026-11-21T10:00:00Z"
ENERGY = "Energy.Active.Import.Register"


def sample(value: object, measurand: str = ENERGY, **more: Any) -> Sample:
    values: dict[str, Any] = {
        "phase": None,
        "location": "Outlet",
        "unit": None,
        "context": "Sample.Periodic",
    }
    return Sample(value=value, measurand=measurand, **(values | more))


@pytest.mark.parametrize(
    ("samples", "energy_wh"),
    [
        ([sample("1234")], 1234),
        ([sample("1234.6", unit="Wh")], 1235),
        ([sample("1.2345", unit="kWh")], 1234),
        ([sample(12, multiplier=3)], 12_000),
        ([sample(12_000, multiplier=-3)], 12),
        ([sample("1", phase="L1"), sample("2", phase="L2"), sample("3", phase="L3")], 6),
        ([sample("1", phase="L1-N"), sample("2", phase="L2-N")], 3),
        ([sample("1", phase="L1"), sample("10")], 10),
        ([sample("5", location="Inlet"), sample("7")], 7),
        ([sample("5", location="Inlet")], 5),
        ([sample("5", unit="varh"), sample("6")], 6),
        ([sample("5", phase="L1-L2")], None),
        ([sample("c2lnbmVk", signed=True), sample("6")], 6),
        ([sample("5", "Energy.Active.Export.Register")], None),
        ([], None),
    ],
)
def test_the_import_register_is_found_among_samples(
    samples: list[Sample], energy_wh: int | None
) -> None:
    found = reading(AT, samples, None)
    assert (found.energy_wh, found.flags) == (energy_wh, ())


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-1", "12,5", "0x1F", "", str(2**70), 2**70, float("nan"), "1e30"]
)
def test_a_value_that_cannot_be_true_is_flagged(value: object) -> None:
    found = reading(AT, [sample(value)], ["raw"])
    assert (found.energy_wh, found.flags, found.samples) == (None, (IMPOSSIBLE,), ["raw"])


def test_a_multiplier_that_cannot_be_true_is_flagged() -> None:
    assert reading(AT, [sample(1, multiplier=10**9)], None).flags == (IMPOSSIBLE,)


def test_the_other_quantities_have_their_units() -> None:
    found = reading(
        AT,
        [
            sample("7.4", "Power.Active.Import", unit="kW"),
            sample("16.5", "Current.Import", unit="A", phase="L1"),
            sample("15.5", "Current.Import", unit="A", phase="L2"),
            sample("231", "Voltage", unit="V", phase="L1-N"),
            sample("229", "Voltage", unit="V", phase="L2-N"),
            sample("80", "SoC", unit="Percent", location="EV"),
        ],
        None,
    )
    assert (found.power_w, found.current_ma, found.voltage_mv, found.soc_percent) == (
        7400,
        16_500,
        230_000,
        80,
    )


def test_a_state_of_charge_above_a_hundred_is_impossible() -> None:
    assert reading(AT, [sample("101", "SoC")], None).flags == (IMPOSSIBLE,)


def test_times_without_zone_are_utc_and_flagged_and_others_unknown() -> None:
    at, flags = instant("2026-11-21T10:00:00")
    assert (at.isoformat(), flags) == ("2026-11-21T10:00:00+00:00", (NAIVE,))
    assert instant("yesterday") == (None, ())


def test_a_register_fits_32_bits() -> None:
    assert register_wh(5) == (5, ())
    for value in (-1, 2**31, 2**70, 1.5, float("nan")):
        assert register_wh(value) == (None, (IMPOSSIBLE,))


_NUMBERS = st.one_of(
    st.text(max_size=20), st.integers(), st.floats(), st.decimals().map(str), st.none()
)
_NAMES = st.sampled_from([ENERGY, "Power.Active.Import", "Voltage", "SoC", "Current.Import"])


@given(
    st.lists(
        st.builds(
            sample,
            _NUMBERS,
            _NAMES,
            phase=st.sampled_from([None, "L1", "L2-N", "N"]),
            unit=st.sampled_from([None, "Wh", "kWh", "W", "A", "furlong"]),
            multiplier=st.integers(),
        ),
        max_size=6,
    )
)
def test_whatever_is_sent_the_figures_fit_their_columns(samples: list[Sample]) -> None:
    found = reading(AT, samples, None)
    figures = (found.energy_wh, found.power_w, found.current_ma, found.voltage_mv)
    assert all(figure is None or 0 <= figure < 2**31 for figure in figures)
    assert found.soc_percent is None or 0 <= found.soc_percent <= 100
