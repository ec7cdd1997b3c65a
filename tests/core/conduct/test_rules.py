"""ON-4: every rule, just below what it allows and just above; what is tuned and what is off."""

from dataclasses import replace
from typing import Any

import pytest

from core.audit import service as audit
from core.audit.service import CLI
from core.conduct import judging, service, store, tuning
from core.conduct.rules import RULES, Measure, RuleName, Signal, effective, is_exceeded
from core.conduct.watch import Watch
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.partners.states import Step
from tests.core.conduct.conftest import MakePartner

COUNTED = {
    RuleName.FAILED_LOGINS: Signal.FAILED_LOGINS,
    RuleName.NEW_NETWORKS: Signal.NEW_NETWORKS,
    RuleName.SCANNING: Signal.UNKNOWN_IDS,
    RuleName.START_FAILURES: Signal.REFUSED_STARTS,
    RuleName.REQUEST_ID_REUSE: Signal.REUSED_REQUEST_IDS,
    RuleName.HAMMERING: Signal.REFUSED_CALLS,
}
"""Flapping is not counted but looked up; see test_starts."""


async def count(db: Database, partner_id: str, signal: Signal, how_many: int) -> None:
    watch = Watch(db)
    for number in range(how_many):
        watch.note(signal, partner_id, livemode=True, request_id=f"req_{number}")
    await watch.flush(everything=True)


async def judge(db: Database, settings: Settings) -> int:
    return await judging.judge_counts(db, settings) + await judging.judge_starts(db, settings)


@pytest.mark.parametrize("rule", COUNTED)
async def test_on4_a_rule_finds_its_threshold_and_nothing_below(
    db: Database, settings: Settings, make_partner: MakePartner, rule: RuleName
) -> None:
    below, above = await make_partner(), await make_partner()
    threshold = RULES[rule].threshold(settings.requests_per_minute)
    await count(db, below, COUNTED[rule], threshold - 1)
    await count(db, above, COUNTED[rule], threshold)
    assert await judge(db, settings) == 1
    async with db.transaction() as tx:
        assert (await service.conduct(tx, below)).incidents == []
        (incident,) = (await service.conduct(tx, above)).incidents
        entries = await audit.entries(tx, object_id=above, before_number=None, limit=1)
    assert (incident.rule, incident.step, incident.count) == (rule, Step.ALERT, threshold)
    evidence = incident.evidence
    assert evidence["threshold"]["count"] == threshold
    assert evidence["first_at"] <= evidence["last_at"]
    assert evidence["examples"][0]["request_id"] == "req_0"
    assert len(evidence["examples"]) <= 20
    assert (entries[0].actor, entries[0].action) == ("platform", "conduct.alerted")
    assert (entries[0].after or {})["incident_id"] == incident.id


@pytest.mark.parametrize(
    ("rule", "comparable"), [("scanning", "calls"), ("start_failures", "starts")]
)
async def test_on4_a_share_counts_besides_the_number(
    db: Database, settings: Settings, make_partner: MakePartner, rule: str, comparable: str
) -> None:
    below, above = await make_partner(), await make_partner()
    its = RULES[RuleName(rule)]
    assert its.share_percent is not None
    others = its.count * 100 // its.share_percent
    if rule == "start_failures":  # accepted ones; those refused are starts, too
        others -= its.count
    for partner_id, more in ((below, others + 10), (above, others)):
        await count(db, partner_id, COUNTED[its.name], its.count)
        await count(db, partner_id, Signal(comparable), more)
    assert await judge(db, settings) == 1
    async with db.transaction() as tx:
        assert (await service.conduct(tx, below)).incidents == []
        (incident,) = (await service.conduct(tx, above)).incidents
    assert incident.evidence["share_percent"] == its.share_percent


async def test_nobody_is_looked_at_for_what_happens_to_everybody(
    db: Database,
    settings: Settings,
    make_partner: MakePartner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[str] = []

    async def judging_nobody(_: Any, __: Any, partner_id: str, **more: Any) -> bool:
        looked_at.append(partner_id)
        return False

    monkeypatch.setattr(judging, "judge", judging_nobody)
    usual, odd = await make_partner(), await make_partner()
    for signal in Signal:
        await count(db, usual, signal, 10)
    await count(db, odd, Signal.NEW_NETWORKS, RULES[RuleName.NEW_NETWORKS].count)
    await judge(db, settings)
    assert looked_at == [odd]


def test_hammering_is_beyond_what_the_limit_allows() -> None:
    rule = RULES[RuleName.HAMMERING]
    assert not is_exceeded(rule, Measure(count=29_999), requests_per_minute=6000)
    assert is_exceeded(rule, Measure(count=30_000), requests_per_minute=6000)
    assert not is_exceeded(rule, Measure(count=2_999), requests_per_minute=1)


def test_a_rule_that_is_off_finds_nothing() -> None:
    for rule in RULES.values():
        assert not is_exceeded(
            replace(rule, enabled=False), Measure(count=10**6), requests_per_minute=1
        )


async def test_what_was_long_ago_counts_no_more(
    db: Database, settings: Settings, make_partner: MakePartner, clock: ShiftedClock
) -> None:
    partner_id = await make_partner()
    rule = RULES[RuleName.REQUEST_ID_REUSE]
    await count(db, partner_id, Signal.REUSED_REQUEST_IDS, rule.count - 1)
    clock.advance(rule.window_minutes * 60)
    await count(db, partner_id, Signal.REUSED_REQUEST_IDS, 1)
    assert await judge(db, settings) == 0
    async with db.transaction() as tx:
        await judging.delete_old(tx)
    clock.advance(5 * 3600)
    async with db.transaction() as tx:
        await judging.delete_old(tx)
        left = await store.tallies(tx, partner_id, livemode=True, signals=Signal, from_minute=0)
    assert left == []


async def test_rules_are_tuned_for_all_and_for_one_and_given_back(
    db: Database, settings: Settings, make_partner: MakePartner
) -> None:
    one, other = await make_partner(), await make_partner()

    async def tune(partner_id: str | None, **changes: Any) -> None:
        async with db.transaction() as tx:
            await tuning.tune(
                tx, CLI, partner_id=partner_id, rule="request_id_reuse", changes=changes
            )

    async def counts() -> list[int]:
        async with db.transaction() as tx:
            found = [await tuning.rules_for(tx, partner_id) for partner_id in (None, one, other)]
        return [rules[RuleName.REQUEST_ID_REUSE].count for rules in found]

    default = RULES[RuleName.REQUEST_ID_REUSE].count
    await tune(None, count=50)
    await tune(one, count=3, ceiling="alert")
    assert await counts() == [50, 3, 50]
    for partner_id in (one, other):
        await count(db, partner_id, Signal.REUSED_REQUEST_IDS, 3)
    assert await judge(db, settings) == 1
    async with db.transaction() as tx:
        view = await tuning.view(tx, one)
        (entry,) = await audit.entries(tx, object_id="conduct_rules", before_number=None, limit=9)
    assert view["overrides"] == {"request_id_reuse": {"count": 3, "ceiling": "alert"}}
    assert (entry.action, entry.after) == (
        "conduct.tuned",
        {"rule": "request_id_reuse", "count": 50},
    )
    await tune(one, count=None, ceiling=None)
    await tune(None, count=None)
    assert await counts() == [default] * 3


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("teleport", {"count": 1}),
        ("scanning", {"speed": 1}),
        ("scanning", {"count": 0}),
        ("scanning", {"count": True}),
        ("scanning", {"share_percent": 101}),
        ("scanning", {"window_minutes": 121}),
        ("scanning", {"enabled": "no"}),
        ("scanning", {"ceiling": "good"}),
    ],
)
async def test_odd_tunings_are_refused(db: Database, rule: str, changes: dict[str, Any]) -> None:
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match="invalid_parameter"):
            await tuning.tune(tx, CLI, partner_id=None, rule=rule, changes=changes)
        with pytest.raises(PlatformError, match="not_found"):
            await tuning.tune(tx, CLI, partner_id="prt_none", rule=rule, changes=changes)


def test_what_an_older_version_tuned_does_no_harm() -> None:
    rules = effective([("scanning", {"count": 7, "colour": "red"})])
    assert rules[RuleName.SCANNING].count == 7
