"""The inbox of test mode: deliveries that are kept for reading instead of being sent anywhere.

An inbox is a webhook endpoint in all but its address. So its deliveries are signed, listed and
resent as any other's; what would be posted is stored, in the transaction that writes down that it
was delivered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text, delete, func, insert, select

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.db import Json, Tx, UtcDateTime, metadata
from core.kernel.ids import new_id
from core.kernel.page import Page, Slice, paginate
from core.webhooks.answers import AttemptResult
from core.webhooks.models import Endpoint, endpoints

URL: Final = "voltgate://inbox"
"""The address of every inbox; nobody can give it to an endpoint (S16 refuses its scheme)."""

KEPT: Final = timedelta(days=7)
KEPT_AT_MOST: Final = 5_000
"""Of one partner; the newest."""

TAKEN: Final = AttemptResult(
    status_code=200,
    duration_ms=0,
    excerpt="",
    error=None,
    detail=None,
    retry_after_s=None,
)
"""What an inbox answers."""

inbox_messages = Table(
    "inbox_messages",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False),
    Column("endpoint_id", ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("delivery_id", String(32), nullable=False),
    Column("event_id", String(32), nullable=False),
    Column("event_type", String(40), nullable=False),
    Column("headers", Json, nullable=False),
    Column("body", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_inbox_messages_partner_id", "partner_id", "updated_at", "id"),
    Index("ix_inbox_messages_updated_at", "updated_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A webhook as it would have been posted: headers and the exact bytes of the body."""

    id: str
    partner_id: str
    endpoint_id: str
    delivery_id: str
    event_id: str
    event_type: str
    headers: dict[str, str]
    body: str
    updated_at: datetime


def topic(partner_id: str) -> str:
    """Return the topic that is rung when something came."""
    return f"inbox:{partner_id}"


async def existing(tx: Tx, partner_id: str) -> Endpoint | None:
    """Return the partner's inbox, if it has one."""
    statement = select(endpoints).where(
        endpoints.c.partner_id == partner_id,
        endpoints.c.url == URL,
        endpoints.c.deleted_at.is_(None),
    )
    return await tx.one_or_none(statement, Endpoint)


async def keep(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store webhooks (endpoint_id, delivery_id, event_id, event_type, headers, body)."""
    if not rows:
        return
    ids = sorted({row["endpoint_id"] for row in rows})
    found = await tx.all(
        select(endpoints.c.id, endpoints.c.partner_id).where(endpoints.c.id.in_(ids))
    )
    partner_of = {row.id: row.partner_id for row in found}
    complete = [
        {
            **row,
            "id": new_id("msg"),
            "partner_id": partner_of[row["endpoint_id"]],
            "updated_at": tx.now,
        }
        for row in rows
    ]
    await tx.execute(insert(inbox_messages), complete)
    for partner_id in partner_of.values():
        tx.ring(topic(partner_id), partner_id)


async def messages(
    tx: Tx, *, partner_id: str, event_type: str | None, page: Page
) -> Slice[Message]:
    """Return one page of what came, the oldest first."""
    statement = select(inbox_messages).where(inbox_messages.c.partner_id == partner_id)
    if event_type is not None:
        statement = statement.where(inbox_messages.c.event_type == event_type)
    return await paginate(tx, statement, inbox_messages, page, Message)


async def empty(tx: Tx, actor: Actor, *, partner_id: str) -> int:
    """Delete all that came; return how many."""
    count = await tx.execute(
        delete(inbox_messages).where(inbox_messages.c.partner_id == partner_id)
    )
    await audit.record(tx, actor, "inbox.emptied", partner_id, after={"count": count})
    return count


async def delete_old(tx: Tx) -> int:
    """Delete what came more than seven days ago, and what is too much; return how many."""
    deleted = await tx.execute(
        delete(inbox_messages).where(inbox_messages.c.updated_at < tx.now - KEPT)
    )
    column = inbox_messages.c.partner_id
    full = select(column).group_by(column).having(func.count() > KEPT_AT_MOST)
    for partner_id in await tx.scalars(full):
        newest = (
            select(inbox_messages.c.id)
            .where(column == partner_id)
            .order_by(inbox_messages.c.updated_at.desc(), inbox_messages.c.id.desc())
            .limit(KEPT_AT_MOST)
        )
        deleted += await tx.execute(
            delete(inbox_messages).where(
                column == partner_id, inbox_messages.c.id.not_in(newest.scalar_subquery())
            )
        )
    return deleted
