"""Use case of the doctor: run every check and say what it found."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import bindparam, text

from core.audit import chain
from core.doctor.alert_checks import CHECKS_OF_ALERTS
from core.doctor.audit_checks import AUDIT_CHAIN, CHECKS_OF_AUDIT, link
from core.doctor.checks import CHECKS_OF_CHARGERS, CHECKS_OF_SECRETS, CHECKS_OF_SESSIONS, Check
from core.doctor.conduct_checks import CHECKS_OF_CONDUCT
from core.doctor.desired_checks import CHECKS_OF_FLEETS, CHECKS_OF_WISHES
from core.doctor.device_checks import CHECKS_OF_CHARGING, CHECKS_OF_HOLDS, CHECKS_OF_LISTS
from core.doctor.joining_checks import CHECKS_OF_JOINING
from core.doctor.operation_checks import CHECKS_OF_EVENTS, CHECKS_OF_OPERATIONS
from core.doctor.sandbox_checks import CHECKS_OF_SANDBOXES
from core.doctor.security_checks import CHECKS_OF_CERTIFICATES, CHECKS_OF_KEYS
from core.doctor.station_checks import CHECKS_OF_GRANTS
from core.doctor.upkeep_checks import CHECKS_OF_UPKEEP
from core.kernel.db import Database, Tx, UtcDateTime

ROWS_SHOWN: Final = 20
CHECKS: Final[Sequence[Check]] = (
    *CHECKS_OF_OPERATIONS,
    *CHECKS_OF_EVENTS,
    *CHECKS_OF_SESSIONS,
    *CHECKS_OF_CHARGERS,
    *CHECKS_OF_SECRETS,
    *CHECKS_OF_WISHES,
    *CHECKS_OF_FLEETS,
    *CHECKS_OF_UPKEEP,
    *CHECKS_OF_CERTIFICATES,
    *CHECKS_OF_KEYS,
    *CHECKS_OF_LISTS,
    *CHECKS_OF_HOLDS,
    *CHECKS_OF_CHARGING,
    *CHECKS_OF_SANDBOXES,
    *CHECKS_OF_GRANTS,
    *CHECKS_OF_JOINING,
    *CHECKS_OF_ALERTS,
    *CHECKS_OF_AUDIT,
    *CHECKS_OF_CONDUCT,
)
_AGES: Final = {
    "grace_ago": timedelta(seconds=5),
    "silent_since": timedelta(seconds=15),
    "a_minute_ago": timedelta(minutes=1),
    "an_hour_ago": timedelta(hours=1),
    "a_day_ago": timedelta(days=1),
    "in_an_hour": -timedelta(hours=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An invariant that does not hold, what to do, and the first 20 rows that show it."""

    invariant: str
    title: str
    advice: str
    rows: Sequence[dict[str, Any]]


async def examine(tx: Tx, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Return what is wrong, in the order of *checks*; an empty list: everything holds.

    It reads whole tables: seconds for a million rows, and it never writes.
    """
    findings = []
    for check in checks:
        rows = await _offending(tx, check)
        if rows:
            findings.append(_finding(check, rows))
    return findings


async def examine_whole(db: Database) -> list[Finding]:
    """Like ``examine``, but for the audit trail, which is verified from its first entry on.

    That is done piece by piece, each in a transaction of its own: a minute or two for a million
    entries.
    """
    async with db.transaction() as tx:
        findings = await examine(tx, [check for check in CHECKS if check is not AUDIT_CHAIN])
    found = await chain.verify_all(db)
    if found.broken is not None:
        findings.append(_finding(AUDIT_CHAIN, [link(found.broken)]))
    return findings


def finding_view(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON."""
    return asdict(finding)


def _finding(check: Check, rows: Sequence[dict[str, Any]]) -> Finding:
    return Finding(invariant=check.invariant, title=check.title, advice=check.advice, rows=rows)


async def _offending(tx: Tx, check: Check) -> Sequence[dict[str, Any]]:
    if check.look is not None:
        return await check.look(tx)
    sql = f"SELECT * FROM ({check.sql}) AS offending LIMIT {ROWS_SHOWN}"  # noqa: S608 - ours
    instants = [
        bindparam(name, tx.now - age, type_=UtcDateTime)
        for name, age in _AGES.items()
        if f":{name}" in check.sql
    ]
    rows = await tx.all(text(sql).bindparams(*instants))
    return [row._asdict() for row in rows]
