"""SQL of the audit trail. Every change of its tables is in this file."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Executable, bindparam, func, select, update

from core.audit.models import AuditEntry, Head, audit_entries, audit_heads
from core.kernel.db import Tx, upsert
from core.kernel.queries import query
from core.kernel.rows import insert_row

_ONLY: Final = 1
"""The id of the one row of ``audit_heads``."""


async def add(tx: Tx, **values: Any) -> None:
    await insert_row(tx, audit_entries, **values)


async def newest(
    tx: Tx, *, object_id: str | None, before_number: int | None, limit: int
) -> Sequence[AuditEntry]:
    statement = select(audit_entries).order_by(audit_entries.c.number.desc()).limit(limit)
    if object_id is not None:
        statement = statement.where(audit_entries.c.object_id == object_id)
    if before_number is not None:
        statement = statement.where(audit_entries.c.number < before_number)
    return await tx.all(statement, AuditEntry)


async def unsealed(tx: Tx, *, limit: int) -> Sequence[AuditEntry]:
    return await tx.all(_unsealed(limit), AuditEntry)


@query
def _unsealed(limit: int) -> Executable:
    is_new = audit_entries.c.seal.is_(None)
    return select(audit_entries).where(is_new).order_by(audit_entries.c.number).limit(limit)


async def sealed(tx: Tx, *, after_seal: int, limit: int) -> Sequence[AuditEntry]:
    statement = (
        select(audit_entries)
        .where(audit_entries.c.seal > after_seal)
        .order_by(audit_entries.c.seal)
        .limit(limit)
    )
    return await tx.all(statement, AuditEntry)


async def hash_at(tx: Tx, seal: int) -> str | None:
    """Return the hash of the entry at a place of the chain."""
    statement = select(audit_entries.c.hash).where(audit_entries.c.seal == seal)
    found: str | None = await tx.scalar(statement)
    return found


async def last_seal(tx: Tx) -> int:
    """Return the last place of the chain that an entry has, whatever the head says."""
    found: int | None = await tx.scalar(select(func.max(audit_entries.c.seal)))
    return found or 0


async def head(tx: Tx) -> Head | None:
    return await tx.one_or_none(
        select(audit_heads.c.seal, audit_heads.c.hash, audit_heads.c.sealed_at), Head
    )


async def claim_head(tx: Tx, *, genesis: str) -> Head:
    """Lock the end of the chain until the commit; whoever else seals waits, and then sees it."""
    claim = (
        update(audit_heads)
        .where(audit_heads.c.id == _ONLY)
        .values(sealed_at=tx.now)
        .returning(audit_heads.c.seal, audit_heads.c.hash, audit_heads.c.sealed_at)
    )
    found = await tx.one_or_none(claim, Head)
    if found is None:
        first = upsert(tx, audit_heads).values(id=_ONLY, seal=0, hash=genesis, sealed_at=tx.now)
        await tx.execute(first.on_conflict_do_nothing())
        found = await tx.one(claim, Head)
    return found


async def write_seals(tx: Tx, seals: Sequence[tuple[int, int, str]]) -> None:
    """Write (number of the entry, seal, hash) of entries that have none, and move the head."""
    statement = (
        update(audit_entries)
        .where(audit_entries.c.number == bindparam("entry"))
        .values(seal=bindparam("place"), hash=bindparam("digest"))
    )
    await tx.execute(statement, [{"entry": n, "place": s, "digest": h} for n, s, h in seals])
    _, place, digest = seals[-1]
    await tx.execute(
        update(audit_heads).where(audit_heads.c.id == _ONLY).values(seal=place, hash=digest)
    )
