"""What a session was made of: the messages of its charger, word for word."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.kernel.db import Tx
from core.sessions.models import transaction_messages


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionMessage:
    """One message of a transaction; *raw* is its payload, *seq* its seqNo (2.x)."""

    action: str
    seq: int | None
    received_at: datetime
    raw: dict[str, Any]


async def told(tx: Tx, session_id: str, *, after: int, limit: int) -> Sequence[TransactionMessage]:
    """Return the messages of a session in the order they arrived, without the first *after*."""
    columns = transaction_messages.c
    statement = (
        select(columns.action, columns.seq, columns.received_at, columns.raw)
        .where(columns.session_id == session_id)
        .order_by(columns.received_at, columns.seq, columns.key)
        .offset(after)
        .limit(limit)
    )
    return await tx.all(statement, TransactionMessage)
