"""What a charger should do with all its profiles: examples of the standards, and properties."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.smart_charging.composite import (
    MAX_CHANGES,
    Composite,
    Running,
    Supply,
    active_period,
    composite,
    converted,
    exceeds,
    limit_at,
)
from core.smart_charging.profiles import (
    Period,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
    Recurrence,
    Schedule,
    from_document,
    same,
    to_document,
)
from tests.core.smart_charging.making import NOON, profile, schedule

HOUR = 3600
DAY = 24 * HOUR
RUNNING = Running(ref="tx-1", started_at=NOON + timedelta(minutes=10))


def of(*profiles: Profile, at: datetime = NOON, **more: Any) -> Composite:
    given_: dict[str, Any] = {
        "evse": 1,
        "duration_s": DAY,
        "unit": RateUnit.AMPERE,
        "supply": Supply(),
    }
    return composite(profiles, at=at, **(given_ | more))


def steps(found: Composite) -> list[tuple[int, str | None]]:
    return [
        (step.start_s, None if step.limit is None else f"{step.limit:f}") for step in found.steps
    ]


def test_without_a_profile_nothing_limits() -> None:
    assert steps(of()) == [(0, None)]


def test_the_higher_stack_level_counts_while_it_says_something() -> None:
    base = profile((0, 10))
    evening = profile((0, 16), (HOUR, 6), stack_level=1, start=NOON + timedelta(hours=5))
    assert steps(of(base, evening)) == [(0, "10"), (5 * HOUR, "16"), (6 * HOUR, "6")]
    short = profile((0, 16), stack_level=1, duration_s=HOUR)
    assert steps(of(base, short)) == [(0, "16"), (HOUR, "10")]


def test_the_lowest_of_the_purposes_counts() -> None:
    cap = profile((0, 8), (HOUR, 32), purpose=Purpose.CHARGER_MAX, evse=0)
    assert steps(of(cap, profile((0, 16)))) == [(0, "8"), (HOUR, "16")]
    outside = profile((0, 4), purpose=Purpose.EXTERNAL, evse=0, duration_s=60)
    assert steps(of(cap, outside, profile((0, 16)))) == [(0, "4"), (60, "8"), (HOUR, "16")]


def test_caps_of_the_charger_and_of_the_evse_hold_both() -> None:
    station = profile((0, 8), purpose=Purpose.EXTERNAL, evse=0)
    evse = profile((0, 16), purpose=Purpose.EXTERNAL, evse=1)
    assert steps(of(station, evse)) == [(0, "8")]


def test_the_profile_of_the_transaction_replaces_the_default_also_upwards() -> None:
    default = profile((0, 6), stack_level=9)
    mine = profile((0, 20), purpose=Purpose.TRANSACTION, transaction_ref="tx-1", duration_s=HOUR)
    assert steps(of(default, mine, running=RUNNING)) == [(0, "20"), (HOUR, "6")]
    assert steps(of(default, mine)) == [(0, "6")]
    other = profile((0, 20), purpose=Purpose.TRANSACTION, transaction_ref="tx-2")
    assert steps(of(default, other, running=RUNNING)) == [(0, "6")]


def test_a_default_of_the_evse_goes_before_one_for_all() -> None:
    everywhere = profile((0, 6), evse=0, stack_level=5)
    here = profile((0, 16), duration_s=HOUR)
    assert steps(of(everywhere, here)) == [(0, "16"), (HOUR, "6")]
    assert steps(of(everywhere, here, evse=2)) == [(0, "6")]


def test_the_whole_charger_has_its_caps_alone() -> None:
    cap = profile((0, 63), purpose=Purpose.CHARGER_MAX, evse=0)
    assert steps(of(cap, profile((0, 6), evse=0), evse=0)) == [(0, "63")]


def test_a_relative_profile_counts_from_the_start_of_the_transaction() -> None:
    relative = profile((0, 16), (HOUR, 8), kind=ProfileKind.RELATIVE)
    running = Running(ref="tx-1", started_at=NOON - timedelta(minutes=20))
    assert steps(of(relative, running=running)) == [(0, "16"), (40 * 60, "8")]
    assert steps(of(relative)) == [(0, "16"), (HOUR, "8")]


def test_a_recurring_profile_begins_again_each_day_but_not_before_its_first_start() -> None:
    daily = profile(
        (0, 6),
        (4 * HOUR, 16),
        kind=ProfileKind.RECURRING,
        recurrence=Recurrence.DAILY,
        duration_s=8 * HOUR,
        start=NOON - timedelta(days=3),
    )
    expected = [(0, "6"), (4 * HOUR, "16"), (8 * HOUR, None), (DAY, "6"), (DAY + 4 * HOUR, "16")]
    assert steps(of(daily, duration_s=DAY + 5 * HOUR)) == expected
    tomorrow = profile(
        (0, 6),
        kind=ProfileKind.RECURRING,
        recurrence=Recurrence.WEEKLY,
        start=NOON + timedelta(days=1),
    )
    assert steps(of(tomorrow, duration_s=2 * DAY)) == [(0, None), (DAY, "6")]


def test_where_too_much_changes_it_ends_earlier() -> None:
    busy = profile(*((n, n % 2) for n in range(MAX_CHANGES + 24)))
    found = of(busy)
    assert (len(found.steps), found.duration_s) == (MAX_CHANGES, MAX_CHANGES)


def test_validity_has_a_beginning_and_an_end() -> None:
    limited = profile(
        (0, 16),
        valid_from=NOON + timedelta(minutes=1),
        valid_to=NOON + timedelta(minutes=2),
    )
    assert steps(of(limited)) == [(0, None), (60, "16"), (120, None)]


def test_units_are_converted_with_the_phases_that_a_period_names() -> None:
    three = Period(start_s=0, limit=Decimal(16))
    one = Period(start_s=0, limit=Decimal(16), phases=1)
    supply = Supply()
    assert converted(three, RateUnit.AMPERE, RateUnit.WATT, supply) == 11_040
    assert converted(one, RateUnit.AMPERE, RateUnit.WATT, supply) == 3_680
    watts = Period(start_s=0, limit=Decimal(11_000))
    assert converted(watts, RateUnit.WATT, RateUnit.AMPERE, supply) == Decimal("15.9")


def test_a_vehicle_that_asks_for_more_than_is_allowed_exceeds() -> None:
    allowed = of(profile((0, 16), (HOUR, 8)))
    fits = schedule((0, 16), (HOUR, 8))
    assert not exceeds(fits, allowed, Supply(), start=NOON)
    assert exceeds(schedule((0, 16)), allowed, Supply(), start=NOON)
    assert not exceeds(schedule((0, 16), duration_s=HOUR), allowed, Supply(), start=NOON)
    assert exceeds(fits, allowed, Supply(), start=NOON + timedelta(minutes=1))
    assert not exceeds(schedule((0, 99)), of(), Supply(), start=NOON)


limits = st.decimals(min_value=0, max_value=500, places=1)
instants = st.integers(-3 * DAY, 3 * DAY).map(lambda s: NOON + timedelta(seconds=s))


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    purpose = draw(st.sampled_from(Purpose))
    kind = draw(st.sampled_from(ProfileKind))
    starts = sorted({0, *draw(st.lists(st.integers(1, 2 * DAY), max_size=4))})
    return Profile(
        id=draw(st.integers(0, 9)),
        evse=draw(st.integers(0, 2)),
        purpose=purpose,
        stack_level=draw(st.integers(0, 3)),
        kind=kind,
        recurrence=draw(st.sampled_from(Recurrence)) if kind is ProfileKind.RECURRING else None,
        valid_from=draw(st.none() | instants),
        valid_to=draw(st.none() | instants),
        transaction_ref="tx-1" if purpose is Purpose.TRANSACTION else None,
        schedule=Schedule(
            unit=draw(st.sampled_from(RateUnit)),
            periods=tuple(
                Period(
                    start_s=start,
                    limit=draw(limits),
                    phases=draw(st.none() | st.integers(1, 3)),
                )
                for start in starts
            ),
            start=None if kind is ProfileKind.RELATIVE else draw(instants),
            duration_s=draw(st.none() | st.integers(1, 2 * DAY)),
        ),
    )


many = st.lists(profiles(), max_size=6)
offsets = st.integers(0, 2 * DAY - 1)


@given(many, offsets, st.sampled_from(RateUnit), st.booleans())
def test_at_every_second_it_is_what_the_profiles_say_then(
    found: list[Profile], offset_s: int, unit: RateUnit, has_transaction: bool
) -> None:
    running = RUNNING if has_transaction else None
    made = of(*found, duration_s=2 * DAY, unit=unit, running=running)
    mine = [
        one
        for one in found
        if one.evse in (0, 1)
        and (one.purpose is not Purpose.TRANSACTION or (has_transaction and one.evse == 1))
    ]
    expected = limit_at(
        mine,
        NOON + timedelta(seconds=offset_s),
        evse=1,
        unit=unit,
        supply=Supply(),
        since=RUNNING.started_at if has_transaction else NOON,
    )
    assert made.limit_at(offset_s) == expected


@given(many)
def test_steps_begin_at_zero_rise_and_differ(found: list[Profile]) -> None:
    made = of(*found, running=RUNNING)
    assert made.steps[0].start_s == 0
    assert all(step.start_s < DAY for step in made.steps)
    for before, after in pairwise(made.steps):
        assert before.start_s < after.start_s
        assert before.limit != after.limit


@given(many, profiles(), offsets)
def test_a_cap_more_never_allows_more(found: list[Profile], cap: Profile, offset_s: int) -> None:
    caps = [Purpose.CHARGER_MAX, Purpose.EXTERNAL]
    others = [one for one in found if one.purpose not in caps]
    before = of(*others, duration_s=2 * DAY, running=RUNNING).limit_at(offset_s)
    replaced = Profile(
        **{n: getattr(cap, n) for n in cap.__slots__}
        | {"purpose": caps[0], "transaction_ref": None}
    )
    after = of(*others, replaced, duration_s=2 * DAY, running=RUNNING).limit_at(offset_s)
    assert before is None or (after is not None and after <= before)


@given(many, offsets)
def test_no_cap_is_ever_exceeded(found: list[Profile], offset_s: int) -> None:
    limit = of(*found, duration_s=2 * DAY, running=RUNNING).limit_at(offset_s)
    instant = NOON + timedelta(seconds=offset_s)
    for cap in found:
        if cap.purpose is not Purpose.EXTERNAL or cap.evse != 1:
            continue
        higher = [
            one
            for one in found
            if (one.purpose, one.evse) == (cap.purpose, cap.evse)
            and one.stack_level > cap.stack_level
            and active_period(one, instant, since=RUNNING.started_at) is not None
        ]
        period = active_period(cap, instant, since=RUNNING.started_at)
        if period is not None and not higher:
            allowed = converted(period, cap.schedule.unit, RateUnit.AMPERE, Supply())
            assert limit is not None
            assert limit <= allowed


@given(profiles())
def test_a_profile_survives_its_document(one: Profile) -> None:
    assert from_document(to_document(one)) == one
    assert same(to_document(one), to_document(one))


@given(limits, st.integers(1, 3))
def test_a_conversion_there_and_back_never_grows(limit: Decimal, phases: int) -> None:
    supply = Supply(phases=phases)
    watts = converted(Period(start_s=0, limit=limit), RateUnit.AMPERE, RateUnit.WATT, supply)
    back = converted(Period(start_s=0, limit=watts), RateUnit.WATT, RateUnit.AMPERE, supply)
    assert limit - Decimal("0.1") <= back <= limit


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({}, True),
        ({"valid_from": NOON}, True),
        ({"stack_level": 1}, False),
        ({"evse": 2}, False),
        ({"valid_to": NOON + timedelta(days=1)}, False),
        ({"schedule": schedule((0, "16.0"), start=NOON, min_rate=Decimal(6))}, True),
        ({"schedule": schedule((0, 15), start=NOON)}, False),
        ({"schedule": schedule((0, 16), (60, 16), start=NOON)}, False),
        ({"schedule": schedule((0, 16), start=NOON, duration_s=5)}, False),
    ],
)
def test_what_a_charger_adds_is_no_drift_what_it_changes_is(
    change: dict[str, Any], is_same: bool
) -> None:
    wanted = profile((0, 16))
    reported = Profile(**{name: getattr(wanted, name) for name in wanted.__slots__} | change)
    assert same(to_document(wanted), to_document(reported)) is is_same


def test_a_default_for_all_may_be_reported_at_each_evse() -> None:
    everywhere = to_document(profile((0, 16), evse=0))
    assert same(everywhere, to_document(profile((0, 16), evse=2)))
