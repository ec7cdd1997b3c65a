"""Use cases of the audit trail: write, read. Nothing changes or deletes an entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from core.audit.models import AuditEntry, audit_entries
from core.kernel.db import Tx, insert_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: ``operator:<token id>``, ``partner:<id>``, ``cli`` or ``platform``."""

    name: str
    request_id: str | None = None


PLATFORM = Actor(name="platform")
CLI = Actor(name="cli")


async def record(
    tx: Tx,
    actor: Actor,
    action: str,
    object_id: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add one entry in the caller's transaction; *before* and *after* hold no secrets."""
    await insert_row(
        tx,
        audit_entries,
        at=tx.now,
        actor=actor.name,
        action=action,
        object_id=object_id,
        before=before,
        after=after,
        request_id=actor.request_id,
    )


async def entries(
    tx: Tx, *, object_id: str | None, before_number: int | None, limit: int
) -> Sequence[AuditEntry]:
    """Return the newest entries first, of one object or of all."""
    statement = select(audit_entries).order_by(audit_entries.c.number.desc()).limit(limit)
    if object_id is not None:
        statement = statement.where(audit_entries.c.object_id == object_id)
    if before_number is not None:
        statement = statement.where(audit_entries.c.number < before_number)
    return await tx.all(statement, AuditEntry)
