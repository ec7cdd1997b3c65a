"""When jobs have their turns: each on its own, and none without a rest."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.jobs.runner import phase_of, rest_s

_SECONDS = st.floats(0, 1e7)
_PERIODS = st.sampled_from([0.2, 1.0, 2.0, 15.0, 3600.0])
_PHASES = st.integers(0, 200).map(phase_of)


@given(_SECONDS, _PERIODS, _PHASES)
def test_a_job_rests_a_quarter_of_its_period_at_least(
    now_s: float, every_s: float, phase: float
) -> None:
    rest = rest_s(now_s, every_s=every_s, phase=phase)
    assert every_s * 0.25 <= rest <= every_s * 1.2500001


@given(_SECONDS, _PERIODS, _PHASES)
def test_a_job_comes_back_once_in_each_period(now_s: float, every_s: float, phase: float) -> None:
    turn_s = now_s + rest_s(now_s, every_s=every_s, phase=phase)
    late_s = rest_s(turn_s + every_s * 0.1, every_s=every_s, phase=phase)
    assert abs(late_s - every_s * 0.9) < every_s * 1e-3 + 1e-6


def test_jobs_of_one_period_have_different_moments() -> None:
    moments = sorted(phase_of(number) for number in range(40))
    apart = [later - before for before, later in pairwise(moments)]
    assert min(apart) > 0.25 / 40
