"""Opening times: what a map can show, and nothing else."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chargers.opening import checked
from core.kernel.errors import PlatformError

DAY = {"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}
CLOSED = {"period_begin": "2026-12-24T12:00:00+01:00", "period_end": "2026-12-27T00:00:00Z"}
NOTHING: dict[str, Any] = {"exceptional_openings": [], "exceptional_closings": []}


def test_always_open_needs_no_hours() -> None:
    assert checked({"twentyfourseven": True}) == {"twentyfourseven": True, **NOTHING}


def test_periods_are_put_in_order_and_instants_in_utc() -> None:
    found = checked(
        {
            "regular_hours": [
                {"weekday": 7, "period_begin": "10:00", "period_end": "24:00"},
                {**DAY, "period_begin": "20:00", "period_end": "22:00"},
                DAY,
            ],
            "exceptional_closings": [CLOSED],
        }
    )
    hours = [(one["weekday"], one["period_begin"]) for one in found["regular_hours"]]
    assert hours == [(1, "08:00"), (1, "20:00"), (7, "10:00")]
    assert found["exceptional_closings"][0]["period_begin"] == "2026-12-24T11:00:00.000Z"
    assert found["twentyfourseven"] is False
    assert checked(found) == found


@pytest.mark.parametrize(
    ("value", "member"),
    [
        ({}, "regular_hours"),
        ({"twentyfourseven": False}, "regular_hours"),
        ({"twentyfourseven": 1}, "twentyfourseven"),
        ({"twentyfourseven": True, "regular_hours": [DAY]}, "regular_hours"),
        ({"hours": []}, "hours"),
        ({"regular_hours": DAY}, "regular_hours"),
        ({"regular_hours": "always"}, "regular_hours"),
        ({"regular_hours": [DAY] * 101}, "regular_hours"),
        ({"regular_hours": [DAY, DAY]}, "regular_hours/1"),
        ({"regular_hours": [{**DAY, "weekday": 0}]}, "regular_hours/0/weekday"),
        ({"regular_hours": [{**DAY, "weekday": True}]}, "regular_hours/0/weekday"),
        ({"regular_hours": [{**DAY, "weekday": "1"}]}, "regular_hours/0/weekday"),
        ({"regular_hours": [{**DAY, "period_begin": "8:00"}]}, "regular_hours/0/period_begin"),
        ({"regular_hours": [{**DAY, "period_end": "08:00"}]}, "regular_hours/0/period_end"),
        ({"regular_hours": [{**DAY, "period_end": "24:01"}]}, "regular_hours/0/period_end"),
        ({"regular_hours": [{**DAY, "note": "x"}]}, "regular_hours/0"),
        ({"regular_hours": [7]}, "regular_hours/0"),
        (
            {"twentyfourseven": True, "exceptional_closings": [{**CLOSED, "period_end": "x"}]},
            "exceptional_closings/0/period_end",
        ),
        (
            {
                "twentyfourseven": True,
                "exceptional_closings": [{**CLOSED, "period_begin": "2026-12-24T12:00:00"}],
            },
            "exceptional_closings/0/period_begin",
        ),
        (
            {
                "twentyfourseven": True,
                "exceptional_openings": [{**CLOSED, "period_end": CLOSED["period_begin"]}],
            },
            "exceptional_openings/0/period_end",
        ),
    ],
)
def test_what_is_wrong_is_named(value: dict[str, Any], member: str) -> None:
    with pytest.raises(PlatformError) as caught:
        checked(value)
    assert caught.value.code == "invalid_parameter"
    assert caught.value.facts["errors"][0]["pointer"] == f"/opening_times/{member}"


HOURS = st.sampled_from(["00:00", "08:00", "12:30", "24:00", "8", None, 5])
INSTANTS = st.one_of(st.datetimes().map(str), st.sampled_from(["0001-01-01T00:00:00+14:00", "", 1]))
PERIODS = st.lists(
    st.dictionaries(
        st.sampled_from(["weekday", "period_begin", "period_end", "x"]),
        st.one_of(HOURS, INSTANTS, st.integers(-1, 9)),
    ),
    max_size=4,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["twentyfourseven", "regular_hours", "exceptional_openings", "exceptional_closings"]
        ),
        st.one_of(st.booleans(), st.none(), st.text(max_size=3), PERIODS),
    )
)
def test_anything_is_taken_as_it_will_be_taken_again_or_refused(value: dict[str, Any]) -> None:
    with contextlib.suppress(PlatformError):
        found = checked(value)
        assert checked(found) == found
