"""WH-2: when a webhook is attempted again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.webhooks.schedule import (
    DISABLE_AFTER,
    base_delays,
    is_given_up,
    max_attempts,
    next_delay,
)

COMMON = ["1m", "5m", "15m", "1h", "3h", "6h", "12h", "24h", "24h"]
UNITS = {"s": 1, "m": 60, "h": 3600}
EVENT_TYPES = st.sampled_from(["operation.succeeded", "order.finalized", "ping", "operations.x"])
JITTER = st.floats(0, 1)


def seconds(written: str) -> float:
    return float(written[:-1]) * UNITS[written[-1]]


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [
        ("session.started", COMMON),
        ("operation.succeeded", ["5s", "20s", *COMMON]),
        ("operation.timed_out", ["5s", "20s", *COMMON]),
        ("operations.unknown", COMMON),
    ],
)
def test_the_schedule_is_the_one_of_the_contract(event_type: str, expected: list[str]) -> None:
    delays: list[float] = []
    while (delay := next_delay(event_type, len(delays) + 1, jitter=0.5)) is not None:
        delays.append(delay.total_seconds())
    assert delays == [seconds(written) for written in expected]
    assert max_attempts(event_type) == len(expected) + 1


def test_a_shorter_first_delay_shortens_all_of_them_alike() -> None:
    second = timedelta(seconds=1)
    waits = [
        next_delay("operation.failed", made, jitter=0.5, shortest=second) for made in (1, 2, 6)
    ]
    assert waits == [timedelta(seconds=5) / 60, timedelta(seconds=20) / 60, timedelta(minutes=1)]
    longest = next_delay("ping", 2, jitter=0.5, retry_after_s=3600, shortest=second)
    assert longest == timedelta(seconds=10), "a receiver may ask for twice the delay that there is"


def test_the_first_attempt_is_at_once() -> None:
    assert next_delay("ping", 0, jitter=1.0) == timedelta()


@given(EVENT_TYPES, st.integers(1, 30), JITTER)
def test_jitter_is_at_most_20_percent(event_type: str, attempts_made: int, jitter: float) -> None:
    delay = next_delay(event_type, attempts_made, jitter=jitter)
    if delay is None:
        assert attempts_made >= max_attempts(event_type)
        return
    base = base_delays(event_type)[attempts_made - 1]
    assert base * 0.8 <= delay <= base * 1.2


@given(EVENT_TYPES, st.integers(1, 12), JITTER, st.floats(min_value=-1e12, allow_nan=False))
def test_retry_after_is_honoured_up_to_twice_the_base_delay(
    event_type: str, attempts_made: int, jitter: float, retry_after_s: float
) -> None:
    delay = next_delay(event_type, attempts_made, jitter=jitter, retry_after_s=retry_after_s)
    without = next_delay(event_type, attempts_made, jitter=jitter)
    if delay is None or without is None:
        assert delay is without is None
        return
    base = base_delays(event_type)[attempts_made - 1]
    assert without <= delay <= base * 2
    assert delay.total_seconds() >= min(retry_after_s, 2 * base.total_seconds()) - 1e-6


@pytest.mark.parametrize(
    ("retry_after_s", "expected_s"),
    [(None, 60), (0, 60), (-5, 60), (30, 60), (90, 90), (120, 120), (86_400, 120)],
)
def test_retry_after_examples(retry_after_s: float | None, expected_s: float) -> None:
    delay = next_delay("ping", 1, jitter=0.5, retry_after_s=retry_after_s)
    assert delay == timedelta(seconds=expected_s)


def test_an_endpoint_is_given_up_after_120_hours_of_nothing_but_failures() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert timedelta(hours=120) == DISABLE_AFTER
    assert not is_given_up(failing_since=None, now=now)
    assert not is_given_up(failing_since=now - timedelta(hours=119, minutes=59), now=now)
    assert is_given_up(failing_since=now - timedelta(hours=120), now=now)
