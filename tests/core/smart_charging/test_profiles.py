"""Limits in one form."""

from decimal import Decimal

import pytest

from core.smart_charging.profiles import shortest


@pytest.mark.parametrize(
    ("value", "text"),
    [("6.0", "6"), ("6", "6"), ("10.00", "10"), ("6900", "6900"), ("0.0", "0"), ("6.10", "6.1")],
)
def test_a_limit_has_one_form(value: str, text: str) -> None:
    assert str(shortest(Decimal(value))) == text
