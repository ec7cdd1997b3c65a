"""What must hold of the audit trail (S24)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from core.audit import chain
from core.audit.chain import Broken
from core.doctor.checks import A_NODE_HAS_BEEN_UP, START_A_WORKER, Check
from core.kernel.db import Tx

SOMEBODY_WROTE_THERE: Final = (
    "Somebody has changed the audit trail past the platform. Keep the database as it is, compare "
    "with an export or a backup from before (voltgate audit verify, docs/operators/audit.md), and "
    "see who may write to the database."
)


def link(broken: Broken) -> dict[str, Any]:
    """Return the broken place as a row of a finding."""
    return asdict(broken)


async def _broken(tx: Tx) -> Sequence[dict[str, Any]]:
    found = await chain.verify_recent(tx)
    return [] if found.broken is None else [link(found.broken)]


AUDIT_CHAIN: Final = Check(
    invariant="S24",
    title="every entry of the audit trail is as it was sealed, after the one before it",
    look=_broken,
    advice=SOMEBODY_WROTE_THERE,
)
"""Within one transaction: the newest 10,000 entries. The command line verifies all of them."""

CHECKS_OF_AUDIT: Final = (
    AUDIT_CHAIN,
    Check(
        invariant="S24",
        title="the seals of the audit trail have no hole, up to the head of the chain",
        sql="""
            SELECT number AS entry, seal, previous + 1 AS missing FROM (
                SELECT number, seal, coalesce(lag(seal) OVER (ORDER BY seal), 0) AS previous
                FROM audit_entries WHERE seal IS NOT NULL) AS places
            WHERE seal <> previous + 1
            UNION ALL
            SELECT NULL, h.seal, h.seal FROM audit_heads h
            WHERE h.seal > 0 AND NOT EXISTS (
                SELECT 1 FROM audit_entries e WHERE e.seal = h.seal AND e.hash = h.hash)
        """,
        advice=SOMEBODY_WROTE_THERE,
    ),
    Check(
        invariant="S24",
        title="an entry of the audit trail is sealed soon",
        sql=f"""
            SELECT number AS entry, action, object_id FROM audit_entries
            WHERE seal IS NULL AND at < :a_minute_ago AND {A_NODE_HAS_BEEN_UP}
        """,  # noqa: S608 - ours
        advice=START_A_WORKER,
    ),
)
