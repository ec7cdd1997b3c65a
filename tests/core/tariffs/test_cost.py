"""Money: Decimal, rounded once, half up, to the currency's smallest unit."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tariffs.cost import Prices, cost_of, minor_unit, rounded


@pytest.mark.parametrize(
    ("prices", "energy_wh", "minutes", "net", "tax", "total"),
    [
        (Prices(currency="EUR", per_kwh=Decimal("0.49")), 12_345, 0, "6.05", "0.00", "6.05"),
        (Prices(currency="EUR", per_minute=Decimal("0.05")), 0, 90, "4.50", "0.00", "4.50"),
        (
            Prices(currency="EUR", start_fee=Decimal(1), tax_percent=Decimal(19)),
            0,
            0,
            "1.00",
            "0.19",
            "1.19",
        ),
        (Prices(currency="EUR", per_kwh=Decimal("0.005")), 1_000, 0, "0.01", "0.00", "0.01"),
        (Prices(currency="JPY", per_kwh=Decimal("30.5")), 1_000, 0, "31", "0", "31"),
        (Prices(currency="KWD", per_kwh=Decimal("0.0125")), 100, 0, "0.001", "0.000", "0.001"),
        (Prices(currency="EUR"), 5_000, 30, "0.00", "0.00", "0.00"),
    ],
)
def test_examples(
    prices: Prices, energy_wh: int, minutes: int, net: str, tax: str, total: str
) -> None:
    cost = cost_of(prices, energy_wh=energy_wh, duration=timedelta(minutes=minutes))
    assert (str(cost.net), str(cost.tax), str(cost.total)) == (net, tax, total)


amounts = st.decimals(min_value=0, max_value=1000, places=6)
currencies = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
prices_ = st.builds(
    Prices,
    currency=currencies,
    per_kwh=amounts,
    per_minute=amounts,
    start_fee=amounts,
    tax_percent=st.none() | st.decimals(min_value=0, max_value=100, places=2),
)
energies = st.integers(0, 10**9)
durations = st.integers(0, 10**6).map(lambda s: timedelta(seconds=s))


@given(prices_, energies, durations)
def test_what_is_shown_adds_up_in_whole_minor_units(
    prices: Prices, energy_wh: int, duration: timedelta
) -> None:
    cost = cost_of(prices, energy_wh=energy_wh, duration=duration)
    assert cost.total == cost.net + cost.tax
    for amount in (cost.net, cost.tax, cost.total):
        assert amount >= 0
        assert amount == amount.quantize(minor_unit(prices.currency))


@given(prices_, energies, durations, st.integers(0, 10**6), st.integers(0, 10**5))
def test_more_energy_or_time_never_costs_less(
    prices: Prices, energy_wh: int, duration: timedelta, more_wh: int, more_s: int
) -> None:
    before = cost_of(prices, energy_wh=energy_wh, duration=duration)
    longer = duration + timedelta(seconds=more_s)
    assert cost_of(prices, energy_wh=energy_wh + more_wh, duration=longer).total >= before.total


@given(prices_, energies, durations)
def test_rounding_is_off_by_half_a_unit_at_most(
    prices: Prices, energy_wh: int, duration: timedelta
) -> None:
    exact = (
        prices.start_fee
        + prices.per_kwh * energy_wh / 1000
        + prices.per_minute * int(duration.total_seconds()) / 60
    )
    cost = cost_of(prices, energy_wh=energy_wh, duration=duration)
    assert abs(cost.net - exact) <= minor_unit(prices.currency) / 2 + Decimal("1e-15")


@given(st.integers(-(10**9), 10**9), currencies)
def test_half_a_unit_is_rounded_away_from_zero(units: int, currency: str) -> None:
    unit = minor_unit(currency)
    half = unit * units + (unit / 2 if units >= 0 else -unit / 2)
    assert rounded(half, currency) == unit * (units + 1 if units >= 0 else units - 1)


def test_time_that_runs_backwards_costs_nothing() -> None:
    prices = Prices(currency="EUR", per_minute=Decimal(1))
    assert cost_of(prices, energy_wh=0, duration=timedelta(minutes=-5)).total == 0
