"""Use cases of the audit trail: write, read. Nothing changes or deletes an entry (S24)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.audit import store
from core.audit.models import AuditEntry
from core.kernel.db import Tx


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
    """Add one entry in the caller's transaction; *before* and *after* hold no secrets.

    It takes no lock that another writer wants: a job seals the entry soon after, see ``chain``.
    """
    await store.add(
        tx,
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
    return await store.newest(tx, object_id=object_id, before_number=before_number, limit=limit)
