"""What is abnormal: signals that are counted, and the rules that judge the counts; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from core.partners.states import Step


class Signal(StrEnum):
    """Something that is counted for each partner, mode and minute."""

    CALLS = "calls"
    STARTS = "starts"
    """Starts that were accepted."""
    FAILED_LOGINS = "failed_logins"
    NEW_NETWORKS = "new_networks"
    UNKNOWN_IDS = "unknown_ids"
    REFUSED_STARTS = "refused_starts"
    REUSED_REQUEST_IDS = "reused_request_ids"
    REFUSED_CALLS = "refused_calls"


ORDINARY: Final = frozenset({Signal.CALLS, Signal.STARTS})
"""What everybody does: written once a minute, others within a second."""


class RuleName(StrEnum):
    FAILED_LOGINS = "failed_logins"
    NEW_NETWORKS = "new_networks"
    SCANNING = "scanning"
    START_FAILURES = "start_failures"
    FLAPPING = "flapping"
    REQUEST_ID_REUSE = "request_id_reuse"
    HAMMERING = "hammering"


MANUAL: Final = "manual"
"""The rule of incidents that an operator opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When something is abnormal: *count* or more of it within a window.

    Attributes:
        share_percent: At least so much of everything comparable, too; ``None``: whatever share.
        ceiling: The highest step that this rule alone leads to.
        beyond_limit: At least the requests that its limit allows in the window, too.
        counts: For people: what is counted.
    """

    name: RuleName
    count: int
    share_percent: int | None
    window_minutes: int
    ceiling: Step
    counts: str
    enabled: bool = True
    beyond_limit: bool = False

    def threshold(self, requests_per_minute: int) -> int:
        """Return how many there must be, for a partner with this limit."""
        if not self.beyond_limit:
            return self.count
        return max(self.count, requests_per_minute * self.window_minutes)


RULES: Final[Mapping[RuleName, Rule]] = {
    rule.name: rule
    for rule in (
        Rule(
            name=RuleName.FAILED_LOGINS,
            count=100,
            share_percent=None,
            window_minutes=10,
            ceiling=Step.ALERT,
            counts="logins with one of its key ids and a wrong secret, or an ended key",
        ),
        Rule(
            name=RuleName.NEW_NETWORKS,
            count=20,
            share_percent=None,
            window_minutes=60,
            ceiling=Step.ALERT,
            counts="networks (/24, /48) that a good key came from for the first time",
        ),
        Rule(
            name=RuleName.SCANNING,
            count=200,
            share_percent=50,
            window_minutes=10,
            ceiling=Step.SUSPENDED,
            counts="different addresses with ids that do not exist, of all its calls",
        ),
        Rule(
            name=RuleName.START_FAILURES,
            count=200,
            share_percent=80,
            window_minutes=30,
            ceiling=Step.SUSPENDED,
            counts="starts that fail because of partner or driver, or find the connector taken, "
            "of all its starts",
        ),
        Rule(
            name=RuleName.FLAPPING,
            count=30,
            share_percent=50,
            window_minutes=30,
            ceiling=Step.SUSPENDED,
            counts="sessions that it stops within 30 seconds, of all its starts",
        ),
        Rule(
            name=RuleName.REQUEST_ID_REUSE,
            count=200,
            share_percent=None,
            window_minutes=10,
            ceiling=Step.SUSPENDED,
            counts="answers `idempotency_key_reused`",
        ),
        Rule(
            name=RuleName.HAMMERING,
            count=3000,
            share_percent=None,
            window_minutes=5,
            ceiling=Step.SUSPENDED,
            beyond_limit=True,
            counts="answers `rate_limited` or `abnormal_usage`; at least as many as its limit "
            "allows calls in the window",
        ),
    )
}

LONGEST_WINDOW_MINUTES: Final = 120
TUNABLE: Final = ("enabled", "count", "share_percent", "window_minutes", "ceiling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How much of something there was, and of how much."""

    count: int
    of: int | None = None

    @property
    def share_percent(self) -> int | None:
        """The share in whole per cent, rounded down."""
        if self.of is None:
            return None
        return min(100, self.count * 100 // max(self.of, 1))


def is_exceeded(rule: Rule, measure: Measure, *, requests_per_minute: int) -> bool:
    """Tell whether a rule finds what was measured abnormal."""
    if not rule.enabled or measure.count < rule.threshold(requests_per_minute):
        return False
    share = measure.share_percent
    return rule.share_percent is None or share is None or share >= rule.share_percent


def effective(tunings: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[RuleName, Rule]:
    """Return the rules that hold, given what was tuned: (rule, values), later ones win."""
    rules = dict(RULES)
    for name, values in tunings:
        known = {key: value for key, value in values.items() if key in TUNABLE}
        if "ceiling" in known:
            known["ceiling"] = Step(known["ceiling"])
        rules[RuleName(name)] = replace(rules[RuleName(name)], **known)
    return rules


def rule_view(rule: Rule) -> dict[str, Any]:
    """Return a rule as JSON."""
    view = asdict(rule)
    return {"rule": view.pop("name"), "object": "conduct_rule"} | {
        name: value for name, value in view.items() if name != "beyond_limit"
    }
