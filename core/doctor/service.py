"""Use case of the doctor: run every check and say what it found."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
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
CONNECTIONS: Final = 4
"""That look at once; each may have helpers in the database."""

_SETTINGS: Final = (
    "statement_timeout = '10min'",
    "lock_timeout = '5s'",
    "work_mem = '64MB'",  # of each connection; else PostgreSQL sorts and hashes on the disk
    "jit = off",  # compiles for longer than it saves
)
Told = Callable[[str, int, int], None]

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


async def examine_whole(db: Database, *, told: Told | None = None) -> list[Finding]:
    """Like ``examine``, but for the audit trail, which is verified from its first entry on.

    On PostgreSQL several connections share the checks, and one snapshot: all look at the same
    instant, and hold no lock that anybody waits for. A check that takes longer than ten minutes
    fails. The audit trail is verified piece by piece, each in a transaction of its own: a minute or
    two for a million entries.

    Args:
        told: Called with the title of each check that ends, how many have, and of how many.
    """
    checks = [check for check in CHECKS if check is not AUDIT_CHAIN]
    if db.is_shared:
        findings = await _examine_together(db, checks, told)
    else:
        async with db.transaction() as tx:
            findings = await examine(tx, checks)
    found = await chain.verify_all(db)
    if found.broken is not None:
        findings.append(_finding(AUDIT_CHAIN, [link(found.broken)]))
    return findings


async def _examine_together(
    db: Database, checks: Sequence[Check], told: Told | None
) -> list[Finding]:
    """Run *checks* on several connections that see one snapshot; findings in their order."""
    waiting = deque(enumerate(checks))
    found: dict[int, Finding] = {}
    ended = 0

    async def look(tx: Tx) -> None:
        nonlocal ended
        while waiting:
            number, check = waiting.popleft()
            if rows := await _offending(tx, check):
                found[number] = _finding(check, rows)
            ended += 1
            if told is not None:
                told(check.title, ended, len(checks))

    async def join(snapshot: str) -> None:
        async with db.transaction() as tx:
            await _read_only(tx, snapshot)
            await look(tx)

    await db.synchronise()  # else the first transaction would, and then has its snapshot
    async with db.transaction() as first:
        await _read_only(first, None)
        snapshot: str = await first.scalar(text("SELECT pg_export_snapshot()"))
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS - 1):
                group.create_task(join(snapshot))
            await look(first)
    return [found[number] for number in sorted(found)]


async def _read_only(tx: Tx, snapshot: str | None) -> None:
    """Make *tx* one that reads, with room to sort and hash in memory."""
    await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    if snapshot is not None:
        await tx.execute(text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
    for setting in _SETTINGS:
        await tx.execute(text(f"SET LOCAL {setting}"))


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
