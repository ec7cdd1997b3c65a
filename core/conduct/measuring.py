"""How much of what a rule judges there was, with the evidence."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from core.conduct import store
from core.conduct.models import Tally
from core.conduct.rules import Measure, Rule, RuleName, Signal
from core.conduct.watch import minute_of
from core.kernel.db import Tx
from core.kernel.times import rfc3339
from core.operations import queries as operations
from core.sessions import queries as sessions
from core.sessions.queries import Owner

EXAMPLES: Final = 20
FLAPS_WITHIN: Final = timedelta(seconds=30)

_COUNTED: Final = {
    RuleName.FAILED_LOGINS: (Signal.FAILED_LOGINS, None),
    RuleName.NEW_NETWORKS: (Signal.NEW_NETWORKS, None),
    RuleName.SCANNING: (Signal.UNKNOWN_IDS, Signal.CALLS),
    RuleName.START_FAILURES: (Signal.REFUSED_STARTS, Signal.STARTS),
    RuleName.FLAPPING: (None, Signal.STARTS),
    RuleName.REQUEST_ID_REUSE: (Signal.REUSED_REQUEST_IDS, None),
    RuleName.HAMMERING: (Signal.REFUSED_CALLS, None),
}
"""The signal that each rule counts, and that of everything comparable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A measure and what shows it: the newest examples, the first and the last time."""

    measure: Measure
    first_at: datetime | None
    last_at: datetime | None
    examples: list[dict[str, Any]]


async def measure(
    tx: Tx, rule: Rule, partner_id: str, *, livemode: bool, since: datetime | None
) -> Found:
    """Measure what a rule judges, in its window; nothing of before *since* (whole minutes)."""
    from_minute = minute_of(tx.now) - rule.window_minutes + 1
    if since is not None:
        from_minute = max(from_minute, minute_of(since) + 1)
    wanted, comparable = _COUNTED[rule.name]
    tallies = await store.tallies(
        tx,
        partner_id,
        livemode=livemode,
        signals=[signal for signal in (wanted, comparable) if signal is not None],
        from_minute=from_minute,
    )
    counted = [tally for tally in tallies if tally.signal == wanted]
    count = _sum(counted)
    of = None if comparable is None else _sum(t for t in tallies if t.signal == comparable)
    examples = [example for tally in counted for example in tally.examples]
    begin = datetime.fromtimestamp(from_minute * 60, tx.now.tzinfo)
    owner = Owner(partner_id=partner_id, livemode=livemode)
    if rule.name is RuleName.START_FAILURES:
        failed = await operations.starts_failed_by_partner(
            tx, partner_id, livemode=livemode, since=begin
        )
        of = (of or 0) + count
        count += len(failed)
        examples += [
            {"at": rfc3339(one.updated_at), "operation_id": one.id, "code": one.code}
            for one in failed[-EXAMPLES:]
        ]
    if rule.name is RuleName.FLAPPING:
        short = await sessions.stopped_within(tx, owner, since=begin, length=FLAPS_WITHIN)
        count = len(short)
        examples = [
            {
                "at": rfc3339(one.ended_at),
                "session_id": one.id,
                "seconds": round((one.ended_at - one.started_at).total_seconds()),
            }
            for one in short[-EXAMPLES:]
        ]
    examples.sort(key=lambda example: str(example["at"]))
    instants = [tally.first_at for tally in counted] + [tally.last_at for tally in counted]
    return Found(
        measure=Measure(count=count, of=of),
        first_at=min(instants, default=begin),
        last_at=max(instants, default=tx.now),
        examples=examples[-EXAMPLES:],
    )


def evidence(rule: Rule, found: Found, *, requests_per_minute: int) -> dict[str, Any]:
    """Return what an incident keeps of a finding."""
    return {
        "counts": rule.counts,
        "count": found.measure.count,
        "of": found.measure.of,
        "share_percent": found.measure.share_percent,
        "window_minutes": rule.window_minutes,
        "threshold": {
            "count": rule.threshold(requests_per_minute),
            "share_percent": rule.share_percent,
        },
        "first_at": None if found.first_at is None else rfc3339(found.first_at),
        "last_at": None if found.last_at is None else rfc3339(found.last_at),
        "examples": found.examples,
    }


def _sum(tallies: Iterable[Tally]) -> int:
    return sum(tally.count for tally in tallies)
