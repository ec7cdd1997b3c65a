"""Which profiles may be sent (OCPP 1.6 3.13 and 5.16, OCPP 2.0.1 K01)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.kernel.errors import PlatformError
from core.smart_charging.profiles import (
    Period,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
    Recurrence,
    Schedule,
)
from core.smart_charging.rules import Abilities, check, overlapping
from tests.core.smart_charging.making import NOON, profile

TWO = Abilities(evses=frozenset({1, 2}), knows_phase_to_use=True)


def faults(one: Profile, charger: Abilities = TWO) -> set[str]:
    with pytest.raises(PlatformError) as caught:
        check(one, charger)
    assert caught.value.code == "invalid_parameter"
    return {error["pointer"] for error in caught.value.facts["errors"]}


def of_periods(*periods: Period, **more: Any) -> Profile:
    return replace(
        profile((0, 1)),
        schedule=Schedule(unit=RateUnit.AMPERE, periods=periods, start=NOON, **more),
    )


@pytest.mark.parametrize(
    "good",
    [
        profile((0, 16), (60, "8.5"), duration_s=120),
        profile((0, 16), evse=0),
        profile((0, 16), evse=0, purpose=Purpose.CHARGER_MAX),
        profile((0, 16), kind=ProfileKind.RELATIVE),
        profile((0, 16), purpose=Purpose.TRANSACTION, transaction_ref="5"),
        profile((0, 1), kind=ProfileKind.RECURRING, recurrence=Recurrence.DAILY, duration_s=86_400),
        of_periods(Period(start_s=0, limit=Decimal(0), phases=1, phase_to_use=2)),
    ],
)
def test_good_profiles_pass(good: Profile) -> None:
    check(good, TWO)


@pytest.mark.parametrize(
    ("bad", "pointers"),
    [
        (profile((0, 1), purpose=Purpose.EXTERNAL), {"/purpose"}),
        (profile((0, 1), purpose=Purpose.CHARGER_MAX), {"/evse"}),
        (
            profile((0, 1), purpose=Purpose.CHARGER_MAX, evse=0, kind=ProfileKind.RELATIVE),
            {"/kind"},
        ),
        (profile((0, 1), purpose=Purpose.TRANSACTION), {"/transaction"}),
        (profile((0, 1), purpose=Purpose.TRANSACTION, evse=0, transaction_ref="5"), {"/evse"}),
        (
            profile((0, 1), purpose=Purpose.TRANSACTION, transaction_ref="5", valid_to=NOON),
            {"/valid_from"},
        ),
        (profile((0, 1), transaction_ref="5"), {"/transaction"}),
        (profile((0, 1), evse=3), {"/evse"}),
        (profile((0, 1), stack_level=-1), {"/stack_level"}),
        (profile((0, 1), kind=ProfileKind.RECURRING), {"/recurrence"}),
        (profile((0, 1), recurrence=Recurrence.DAILY), {"/recurrence"}),
        (profile((0, 1), kind=ProfileKind.RELATIVE, start=NOON), {"/schedule/start"}),
        (profile((0, 1), start=None), {"/schedule/start"}),
        (profile((0, 1), valid_from=NOON, valid_to=NOON), {"/valid_to"}),
        (profile((0, 1), duration_s=0), {"/schedule/duration_s"}),
        (
            profile(
                (0, 1), kind=ProfileKind.RECURRING, recurrence=Recurrence.DAILY, duration_s=86_401
            ),
            {"/schedule/duration_s"},
        ),
        (profile(), {"/schedule/periods"}),
        (profile((5, 1)), {"/schedule/periods/0/start_s"}),
        (profile((0, 1), (9, 1), (9, 1)), {"/schedule/periods/2/start_s"}),
        (profile((0, 1), (9, 1), duration_s=9), {"/schedule/periods/1/start_s"}),
        (profile((0, -1)), {"/schedule/periods/0/limit"}),
        (profile((0, "1.23")), {"/schedule/periods/0/limit"}),
        (of_periods(Period(start_s=0, limit=Decimal(1), phases=4)), {"/schedule/periods/0/phases"}),
        (
            of_periods(Period(start_s=0, limit=Decimal(1), phases=3, phase_to_use=1)),
            {"/schedule/periods/0/phase_to_use"},
        ),
        (
            of_periods(Period(start_s=0, limit=Decimal(1)), min_rate=-Decimal(1)),
            {"/schedule/min_rate"},
        ),
    ],
)
def test_each_fault_is_named(bad: Profile, pointers: set[str]) -> None:
    assert faults(bad) == pointers


def test_what_the_charger_says_of_itself_counts() -> None:
    little = Abilities(
        max_stack_level=1, max_periods=1, units=frozenset({RateUnit.WATT}), knows_phase_to_use=False
    )
    much = profile((0, 1), (5, 2), stack_level=2)
    assert faults(much, little) == {"/stack_level", "/schedule/periods", "/schedule/unit"}
    one_phase = of_periods(Period(start_s=0, limit=Decimal(1), phases=1, phase_to_use=1))
    assert "/schedule/periods/0/phase_to_use" in faults(one_phase, little)


def test_two_profiles_of_one_purpose_and_place_have_different_levels() -> None:
    one, other = profile((0, 1)), profile((0, 2), id=2)
    assert overlapping(other, {1: one}) == 1
    assert overlapping(replace(other, stack_level=1), {1: one}) is None
    assert overlapping(replace(other, evse=2), {1: one}) is None
    assert overlapping(replace(other, id=1), {1: one}) is None
    later = replace(other, valid_from=NOON + timedelta(days=1))
    assert overlapping(later, {1: one}) == 1
    assert overlapping(later, {1: replace(one, valid_to=NOON)}) is None
