"""ON-4: the ladder is climbed one step at a time and left one step at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.conduct import ladder
from core.partners.standing_models import Standing
from core.partners.states import BANS, LADDER, STEPS, Step

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Finding:
    ceiling: Step


@dataclass(frozen=True)
class Quiet:
    pass


@dataclass(frozen=True)
class Lift:
    pass


Act = Finding | Quiet | Lift
ACTS = st.lists(
    st.one_of(
        st.builds(Finding, st.sampled_from([step for step in Step if step is not Step.GOOD])),
        st.just(Quiet()),
        st.just(Lift()),
    ),
    max_size=30,
)


@given(acts=ACTS, livemode=st.booleans())
def test_on4_no_history_leaves_the_ladder(acts: list[Act], livemode: bool) -> None:
    step = Step.GOOD
    for act in acts:
        before = step
        match act:
            case Finding(ceiling):
                found = ladder.next_step(step, ceiling=ceiling, livemode=livemode)
                if found is None:
                    continue
                step = found
                assert STEPS.index(step) - STEPS.index(before) in {0, 1}
                assert STEPS.index(step) <= max(STEPS.index(ceiling), STEPS.index(before))
            case Quiet():
                if step in {Step.GOOD, Step.SUSPENDED}:
                    continue
                step = ladder.lower(step)
                assert STEPS.index(step) == STEPS.index(before) - 1
            case Lift():
                if step is Step.GOOD:
                    continue
                step = Step.GOOD
        assert before in LADDER.sources(step)
        assert livemode or step is not Step.SUSPENDED


def test_on4_findings_lead_to_suspension_in_six_steps_and_no_further() -> None:
    climbed = [Step.GOOD]
    while (
        found := ladder.next_step(climbed[-1], ceiling=Step.SUSPENDED, livemode=True)
    ) is not None:
        climbed.append(found)
    assert climbed == list(Step)


def test_on4_test_mode_is_banned_for_a_day_at_most_and_again() -> None:
    assert (
        ladder.next_step(Step.BANNED_24H, ceiling=Step.SUSPENDED, livemode=False) is Step.BANNED_24H
    )


@pytest.mark.parametrize("step", Step)
def test_a_step_brings_what_it_says(step: Step) -> None:
    found = ladder.effects(step, NOW, throttle_for=HOUR)
    assert found.banned_until == (NOW + BANS[step] if step in BANS else None)
    assert found.throttled_until == (NOW + HOUR if step is Step.THROTTLED else None)


@pytest.mark.parametrize(
    ("throttled_h", "banned_h", "expected_h"), [(None, None, 24), (1, None, 25), (None, 2, 26)]
)
def test_quiet_time_begins_when_the_last_effect_ends(
    throttled_h: int | None, banned_h: int | None, expected_h: int
) -> None:
    standing = Standing(
        id="prt.live",
        partner_id="prt",
        livemode=True,
        step=Step.BANNED_1H,
        throttled_until=None if throttled_h is None else NOW + throttled_h * HOUR,
        banned_until=None if banned_h is None else NOW + banned_h * HOUR,
        incident_id="inc",
        stepped_at=NOW,
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )
    assert ladder.eases_at(standing, after=24 * HOUR) == NOW + expected_h * HOUR
