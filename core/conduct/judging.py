"""The job that judges what was counted, safe on every node at once.

It reads who gave cause; a guarded statement on the partner's standing decides which node takes the
step. What was counted before a step, and in its minute, counts no more for the next.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from core.conduct import ladder, measuring, service, store, tuning
from core.conduct.measuring import Found
from core.conduct.rules import LONGEST_WINDOW_MINUTES, Rule, RuleName, Signal, is_exceeded
from core.conduct.service import Finding
from core.conduct.watch import Who, minute_of
from core.kernel.db import Database, Tx
from core.kernel.settings import Settings
from core.partners import limits, standing_store
from core.partners import service as partners
from core.partners.standing_models import Standing
from core.partners.states import STEPS, PartnerStatus

NETWORKS_KEPT: Final = timedelta(days=90)
COUNTED: Final = {
    RuleName.FAILED_LOGINS: (Signal.FAILED_LOGINS,),
    RuleName.NEW_NETWORKS: (Signal.NEW_NETWORKS,),
    RuleName.SCANNING: (Signal.UNKNOWN_IDS,),
    RuleName.REQUEST_ID_REUSE: (Signal.REUSED_REQUEST_IDS,),
    RuleName.HAMMERING: (Signal.REFUSED_CALLS,),
}
FROM_DATABASE: Final = {
    RuleName.START_FAILURES: (Signal.STARTS, Signal.REFUSED_STARTS),
    RuleName.FLAPPING: (Signal.STARTS,),
}
"""Rules whose cause is in other tables, too.

Of each rule the signals of which there must be enough before anybody is looked at: so a pass costs
a query a rule, and everybody's everyday oddities cost no more.
"""

log = structlog.get_logger()


async def judge_counts(db: Database, settings: Settings) -> int:
    """Judge partners of whom something odd was counted lately; return how many steps it took."""
    if not settings.conduct_rules:
        return 0
    return await _judge_all(db, settings, COUNTED)


async def judge_starts(db: Database, settings: Settings) -> int:
    """Judge partners with many starts by what came of those; return how many steps it took."""
    if not settings.conduct_rules:
        return 0
    return await _judge_all(db, settings, FROM_DATABASE)


async def delete_old(tx: Tx) -> None:
    """Forget counts that no window reaches, and networks that nobody came from for long."""
    await store.delete_old(
        tx,
        before_minute=minute_of(tx.now) - 2 * LONGEST_WINDOW_MINUTES,
        networks_before=tx.now - NETWORKS_KEPT,
    )


async def _judge_all(
    db: Database, settings: Settings, causes: Mapping[RuleName, Sequence[Signal]]
) -> int:
    """Judge whoever may have broken one of some rules, each in a transaction of its own."""
    names = tuple(causes)
    suspects: set[Who] = set()
    async with db.transaction() as tx:
        for name, lowest in (await tuning.lowest(tx, names)).items():
            suspects |= set(
                await store.with_many(
                    tx,
                    causes[name],
                    from_minute=minute_of(tx.now) - lowest.window_minutes + 1,
                    least=lowest.count,
                )
            )
    steps = 0
    for partner_id, livemode in sorted(suspects):
        async with db.transaction() as tx:
            steps += await judge(tx, settings, partner_id, livemode=livemode, names=names)
    return steps


async def judge(
    tx: Tx, settings: Settings, partner_id: str, *, livemode: bool, names: Sequence[RuleName]
) -> bool:
    """Judge a partner in one mode by some rules; at most one step is taken. Tell whether."""
    partner = await partners.get(tx, partner_id)
    seen = await standing_store.standing(tx, partner_id, livemode=livemode)
    if partner.status is PartnerStatus.SUSPENDED or (seen is not None and seen.is_banned(tx.now)):
        return False
    last = await store.last_of_rules(tx, partner_id, livemode=livemode)
    allowed = await limits.of_partner(tx, settings, partner_id)
    quota = allowed.requests_per_minute
    broken: list[tuple[Rule, Found]] = []
    for rule in (await tuning.rules_for(tx, partner_id)).values():
        if rule.name not in names or not rule.enabled:
            continue
        since = _since(seen, last, rule)
        found = await measuring.measure(tx, rule, partner_id, livemode=livemode, since=since)
        if is_exceeded(rule, found.measure, requests_per_minute=quota):
            broken.append((rule, found))
    if not broken:
        return False
    if seen is None:
        seen = await standing_store.ensured(tx, partner_id, livemode=livemode)
        if seen.version > 0:  # another node was faster, and what was measured is dealt with
            return False
    rule, found = max(broken, key=lambda one: STEPS.index(one[0].ceiling))
    finding = Finding(
        rule=rule.name,
        count=found.measure.count,
        evidence=measuring.evidence(rule, found, requests_per_minute=quota),
    )
    to = ladder.next_step(seen.step, ceiling=rule.ceiling, livemode=livemode)
    if to is None or (to is seen.step and seen.is_throttled(tx.now)):
        incident = await service.note(tx, seen, finding)
    else:
        incident = await service.step_up(tx, settings, seen, to, finding)
    if incident is None:
        return False
    log.warning(
        "partner_misbehaved",
        partner_id=partner_id,
        livemode=livemode,
        rule=rule.name,
        step=incident.step,
        incident_id=incident.id,
    )
    return True


def _since(seen: Standing | None, last: Mapping[str, datetime], rule: Rule) -> datetime | None:
    """Return from when on something counts: after the last step, and the rule's last incident."""
    instants = [last.get(rule.name)]
    if seen is not None and seen.version > 0:
        instants.append(seen.stepped_at)
    return max((instant for instant in instants if instant is not None), default=None)
