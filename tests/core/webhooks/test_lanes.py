"""Lanes: how much of an endpoint may be under way."""

from collections import Counter
from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from core.webhooks.lanes import AHEAD, Lanes
from core.webhooks.outbox import Claim

PER_ENDPOINT, OVERALL = 4, 10


def claim(endpoint_id: str, number: int) -> Claim:
    return Claim(
        id=f"dlv_{number}",
        event_id="evt_1",
        event_type="ping",
        attempts=0,
        order_key=None,
        lease=datetime.now(UTC),
        body="{}",
        endpoint_id=endpoint_id,
        url="https://example.com/",
        secret="",
        previous_secret=None,
        previous_secret_until=None,
        traceparent=None,
    )


class LanesMachine(RuleBasedStateMachine):
    begun = Bundle("begun")

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(per_endpoint=PER_ENDPOINT, overall=OVERALL)
        self.running: Counter[str] = Counter()
        self.held = self.number = 0

    @rule(endpoint=st.sampled_from("abcdef"), is_failing=st.booleans())
    def claims(self, endpoint: str, *, is_failing: bool) -> None:
        count = min(self.lanes.room(), self.lanes.room_of(endpoint, is_failing=is_failing))
        assert count == 0 or endpoint not in self.lanes.full()
        claims = [claim(endpoint, self.number + offset) for offset in range(count)]
        self.number += count
        self.held += count
        self.lanes.add(claims, is_failing=is_failing)

    @rule(target=begun)
    def begins(self) -> Claim | None:
        for begun in self.lanes.begin(1):
            self.running[begun.endpoint_id] += 1
            return begun
        return None

    @rule(begun=consumes(begun), is_delivered=st.sampled_from([True, False, None]))
    def ends(self, begun: Claim | None, *, is_delivered: bool | None) -> None:
        if begun is not None:
            self.running[begun.endpoint_id] -= 1
            self.held -= 1
            self.lanes.end(begun, is_delivered=is_delivered)

    @invariant()
    def bounds_hold(self) -> None:
        assert all(0 <= count <= PER_ENDPOINT for count in self.running.values())
        assert self.running.total() <= OVERALL
        assert self.lanes.waiting + self.running.total() == self.held <= OVERALL * AHEAD


TestLanes = LanesMachine.TestCase


def test_endpoints_take_turns() -> None:
    lanes = Lanes(per_endpoint=2, overall=3)
    for endpoint in "ab":
        lanes.add([claim(endpoint, number) for number in range(2)], is_failing=False)
    assert [begun.endpoint_id for begun in lanes.begin(9)] == ["a", "b", "a"]


def test_no_more_begin_than_are_asked_for() -> None:
    lanes = Lanes(per_endpoint=4, overall=64)
    lanes.add([claim("a", number) for number in range(4)], is_failing=False)
    assert [len(list(lanes.begin(at_most))) for at_most in (-1, 0, 1)] == [0, 0, 1]


def test_an_endpoint_earns_its_share_and_loses_it() -> None:
    lanes = Lanes(per_endpoint=4, overall=64)
    allowed = []
    for is_delivered in (True, True, False, True):
        allowed.append(lanes.room_of("a", is_failing=False))
        lanes.add([claim("a", 1)], is_failing=False)
        (begun,) = lanes.begin(9)
        lanes.end(begun, is_delivered=is_delivered)
    assert allowed == [2, 3, 4 * AHEAD, 1]
    assert lanes.room_of("a", is_failing=True) == 1


def test_what_has_not_begun_can_be_taken_out() -> None:
    lanes = Lanes(per_endpoint=4, overall=1)
    lanes.add([claim("a", 1), claim("a", 2)], is_failing=False)
    (begun,) = lanes.begin(9)
    assert [left.id for left in lanes.drain()] == ["dlv_2"]
    lanes.end(begun, is_delivered=True)
    assert (lanes.waiting, lanes.room()) == (0, AHEAD)
