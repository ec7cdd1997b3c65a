"""S6: ten failures a minute for an identity, a hundred for an address."""

import pytest

from core.chargers import login_limit
from core.chargers.login_limit import LoginLimit
from core.kernel.clock import ShiftedClock


@pytest.fixture
def limit(clock: ShiftedClock) -> LoginLimit:
    return LoginLimit(clock, per_identity=10, per_address=100)


def test_s6_the_eleventh_login_of_an_identity_is_refused_for_a_minute(
    limit: LoginLimit, clock: ShiftedClock
) -> None:
    for number in range(10):
        assert not limit.is_over("CP-1", f"192.0.2.{number}")
        limit.failed("cp-1", f"192.0.2.{number}")
    assert limit.is_over("CP-1", "192.0.2.99")
    assert not limit.is_over("CP-2", "192.0.2.1")
    clock.advance(61)
    assert not limit.is_over("CP-1", "192.0.2.1")


def test_s6_an_address_that_tries_many_identities_is_refused(limit: LoginLimit) -> None:
    for number in range(100):
        assert not limit.is_over(f"CP-{number}", "192.0.2.1")
        limit.failed(f"CP-{number}", "192.0.2.1")
    assert limit.is_over("CP-NEW", "192.0.2.1")
    assert not limit.is_over("CP-NEW", "192.0.2.2")


def test_failures_are_counted_within_any_minute(limit: LoginLimit, clock: ShiftedClock) -> None:
    for _ in range(9):
        limit.failed("CP-1", "192.0.2.1")
    clock.advance(59)
    limit.failed("CP-1", "192.0.2.1")
    assert limit.is_over("CP-1", "192.0.2.1")
    clock.advance(2)
    assert not limit.is_over("CP-1", "192.0.2.1")


def test_memory_is_bounded_and_the_longest_silent_are_forgotten(
    limit: LoginLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_limit, "KEYS_KEPT", 5)
    for _ in range(10):
        limit.failed("OLD", "192.0.2.1")
    for number in range(5):
        limit.failed(f"CP-{number}", "192.0.2.2")
    assert not limit.is_over("OLD", "192.0.2.1")
    assert len(limit._identities._failed) == 5
